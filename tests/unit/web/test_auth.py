"""Tokens that were verified are remembered, until they expire."""

from tests.support.clock import FakeClock
from ticketing.auth.tokens import LIFETIME_SECONDS, Claims, Tokens
from ticketing.values import UserId
from web.auth import Verifier


class CountingTokens(Tokens):
    """Counts how often it had to verify."""

    count = 0

    def verify(self, token: str) -> Claims:
        self.count += 1
        return super().verify(token)


def tokens_on(clock: FakeClock) -> CountingTokens:
    return CountingTokens("k" * 32, None, "ticketing", "ticketing", clock)


def issue(tokens: Tokens, name: str) -> str:
    return tokens.issue(user_id=UserId(name), email="a@b.co", roles=(), session_epoch=0)


def never(_: Claims) -> bool:
    """Nobody's session is over."""
    return False


def test_a_token_is_verified_once_and_expires_all_the_same() -> None:
    clock = FakeClock()
    tokens = tokens_on(clock)
    verifier, token = Verifier(tokens, clock, never), issue(tokens, "me")
    for _ in range(3):
        claims = verifier.verify(token)
        assert claims is not None
        assert claims.user_id == "me"
    assert tokens.count == 1
    clock.advance(LIFETIME_SECONDS)
    assert verifier.verify(token) is None
    assert verifier.verify(token) is None


def test_bad_tokens_are_not_remembered() -> None:
    clock = FakeClock()
    tokens = tokens_on(clock)
    verifier = Verifier(tokens, clock, never)
    assert verifier.verify("a.b.c") is None
    assert verifier.verify("a.b.c") is None
    assert tokens.count == 2


def test_the_least_recently_used_is_forgotten() -> None:
    clock = FakeClock()
    tokens = tokens_on(clock)
    verifier = Verifier(tokens, clock, never, known_max=2)
    first, second, third = (issue(tokens, name) for name in ("a", "b", "c"))
    for token in (first, second, first, third):
        verifier.verify(token)
    assert tokens.count == 3
    verifier.verify(first)
    assert tokens.count == 3
    verifier.verify(second)
    assert tokens.count == 4


def test_a_sound_token_of_a_session_that_is_over_is_not_good() -> None:
    clock = FakeClock()
    tokens, over = tokens_on(clock), set[str]()
    verifier = Verifier(tokens, clock, lambda claims: claims.session_id in over)
    token = issue(tokens, "me")
    claims = verifier.verify(token)
    assert claims is not None
    over.add(claims.session_id)
    assert verifier.verify(token) is None
    again = tokens.issue(
        user_id=UserId("me"), email="a@b.co", roles=(), session_epoch=0, renews=claims
    )
    assert verifier.verify(again) is None
    assert verifier.verify(issue(tokens, "me")) is not None
