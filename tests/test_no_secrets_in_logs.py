"""The last test of a run: nothing that was logged during all the others is a secret.

`tests/conftest.py` has every process that a test starts write its log into one folder, and adds
what tests themselves logged; this one reads it all. It comes last whatever else is run.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.secrets_in_logs import secrets_in

# A whole run leaves some more.
SERVERS_MIN = 10
BYTES_MIN = 500_000

# These start servers; with only some of them run there is not enough to look at.
FOLDERS = frozenset({"crash", "functional", "integration", "money"})

SECRETS = {
    "api_key": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "webhook_secret": "whsec_abc123",
    "client_secret": "pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKribcBjcG8HVhfZluoGH",
    "card_token": "tok_visa",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln",
    "sealed": "gAAAAABmZ2xvYmFsLXNlY3JldC1vZi1zb21lYm9keS1lbHNlLWFsdG9nZXRoZXI=",
    "reset_link": "https://tickets.test/reset#Zm9yLW5vYm9keS1lbHNlLWF0LWFsbC1ldmVyeWJvZHk",
    "signature": f"t=1772366400,v1={'5f' * 32}",
    "private_key": "-----BEGIN EC PRIVATE KEY-----",
    "password": "correct horse battery",
    "database_password": "postgresql://ada:lovelace@localhost/ticketing",
    "card_number": "4242 4242 4242 4242",
}


@pytest.mark.parametrize("what", SECRETS)
def test_each_kind_of_secret_would_be_found(what: str, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(f'{{"event": "paid"}}\n{{"event": "paid", "with": "{SECRETS[what]}"}}\n')
    (finding,) = secrets_in(log)
    assert (finding.where, finding.what) == ("server.log:2", what)


@pytest.mark.parametrize("digits", ["4242424242424242", "378282246310005", "5555-5555-5555-4444"])
def test_a_card_number_would_be_found_however_it_is_written(digits: str, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(f"paid with {digits}.\n")
    assert [each.what for each in secrets_in(log)] == ["card_number"]


def test_what_is_no_secret_is_none(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text(
        "expected a key like sk_test_..., got none; 4242424242424243 is no card;"
        " ticket 20054349-5959-8204-aa73-4e0a126e43fe was ordered at 2026-01-01T00:00:00.424242Z"
        " by order 01890c2e-4242-7242-8242-424242424242;"
        " intent pi_3MtwBwLkdIwHu7ix28a3tqPa was declined\n"
    )
    assert list(secrets_in(log)) == []


def test_no_secret_was_logged_by_this_whole_run(
    request: pytest.FixtureRequest, session_logs: Path
) -> None:
    missing = FOLDERS - folders_of(request.session.items)
    if missing:
        pytest.skip(f"looks through the logs of a whole run; this one is without {sorted(missing)}")
    logs = sorted(session_logs.iterdir())
    servers = [log for log in logs if is_of_a_server(log)]
    size = sum(log.stat().st_size for log in logs)
    assert len(servers) >= SERVERS_MIN, servers
    assert size >= BYTES_MIN
    found = [finding for log in logs for finding in secrets_in(log)]
    assert not found, "\n".join(map(str, found[:20]))
    print(f"{len(logs)} logs, {len(servers)} of servers, {size} bytes, no secret")


def is_of_a_server(log: Path) -> bool:
    """Databases, sandboxes and tests have logs, too."""
    others = ("postgres.log", "sandbox.log", "tests.txt")
    return not log.name.endswith(others) and log.stat().st_size > 0


def folders_of(items: Iterable[pytest.Item]) -> frozenset[str]:
    """The folders of tests that tests of this run are in."""
    return frozenset(item.path.parent.name for item in items)
