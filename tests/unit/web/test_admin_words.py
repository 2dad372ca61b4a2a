"""What administrators are not shown, and where their pages go on."""

from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet

from ticketing.values import UserId
from ticketing.vault import Vault
from web.admin import cursors
from web.admin.texts import cleaned
from web.live.names import SIGN_IN, Kind, Name, Refused, parse
from web.refusals import InvalidInputError

KEY = Fernet.generate_key().decode()
VAULT = Vault([KEY])
SOMEBODY = UserId("somebody")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ValueError: no", "ValueError: no"),
        ("account/Kim.B+x@mail.example.com: KeyError", "account/(personal): KeyError"),
        ("asked by 'kim@example.com'.", "asked by '(personal)'."),
        ("no hash: $argon2id$v=19$m=9,t=2,p=1$c2FsdA$aGFzaA==", "no hash: (secret)"),
        ("pi_3Nf_secret_8x and seti_1_secret_y", "(secret) and (secret)"),
        (f"cannot open {VAULT.seal('Gate 4')}", "cannot open (secret)"),
        (
            "null value in column\nDETAIL:  Failing row contains (1, Kim, x).\nHINT: none",
            "null value in column\nDETAIL:  (personal)\nHINT: none",
        ),
        ('File "a.py", line 3, in f\n    @decorator', 'File "a.py", line 3, in f\n    @decorator'),
    ],
)
def test_errors_are_shown_without_what_is_secret(text: str, shown: str) -> None:
    assert cleaned(text) == shown


def test_a_place_comes_back_as_it_was() -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 123_456, UTC)
    text = cursors.sealed(VAULT, "timers", (at, "id"))
    assert "id" not in text.partition("gAAAA")[0]
    assert cursors.place(VAULT, "timers", text, tuple[datetime, str]) == (at, "id")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "\u00fc",
        VAULT.seal("[]"),
        VAULT.seal('["timers",[1]]'),
        cursors.sealed(VAULT, "parked", ("2026-03-01T12:00:00Z", "id")),
        cursors.sealed(Vault([Fernet.generate_key().decode()]), "timers", ("x", "id")),
    ],
)
def test_what_is_no_place_of_ours_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        cursors.place(VAULT, "timers", text, tuple[datetime, str])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("admin:overview", Name(Kind.OVERVIEW)),
        ("admin:actor:ticket:0192", Name(Kind.ACTOR, "ticket:0192")),
        ("admin:actor:watch:a:b", Name(Kind.ACTOR, "watch:a:b")),
    ],
)
def test_topics_of_administrators(text: str, name: Name) -> None:
    assert parse(text, SOMEBODY) == name
    assert name.wire == text
    assert name.on_bus is None
    assert name.kind.is_for_admins
    assert parse(text, None) is SIGN_IN


@pytest.mark.parametrize(
    "text",
    ["admin:", "admin", "admin:overview:", "admin:actor", "admin:actor:x", "admin:actor:x:",
     "admin:actor:X:1", "admin:actor:x:a b", "admin:actor::1", "admin:overview\n"],
)  # fmt: skip
def test_what_is_no_topic_of_theirs(text: str) -> None:
    found = parse(text, SOMEBODY)
    assert isinstance(found, Refused)
    assert found.code == "topic_unknown"
