"""Where the payment sandbox beside the server reaches it."""

import socket

import pytest

from ticketing.sandbox_process import WEBHOOKS, reached_at
from web.api.webhooks import ROUTES
from web.server import bind


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1", "http://127.0.0.1"),
        ("127.0.0.2", "http://127.0.0.2"),
        ("0.0.0.0", "http://127.0.0.1"),  # noqa: S104 - that is the case
        ("::1", "http://[::1]"),
        ("::", "http://[::1]"),
    ],
)
def test_a_server_is_reached_where_it_listens_or_at_home(host: str, origin: str) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with bind(host, 0) as bound:
        assert reached_at(bound) == f"{origin}:{bound.getsockname()[1]}"


def test_it_tells_the_route_that_there_is() -> None:
    assert [route.path for route in ROUTES] == [WEBHOOKS]
