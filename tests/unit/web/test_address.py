"""Where a request comes from, and whom to believe about it."""

import pytest

from ticketing.settings import Settings, SettingsError
from web.address import neighbourhood

PROXIES = Settings.from_env(
    {"TICKETING_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1,2001:db8:1::/48"}
).trusted_proxies


@pytest.mark.parametrize(
    ("remote", "forwarded", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "8.8.8.8, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "198.51.100.1, 192.0.2.1 ,10.9.9.9", "198.51.100.1"),
        ("10.1.2.3", "10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ("10.1.2.3", "198.51.100.1, unknown", "10.1.2.3"),
        ("10.1.2.3", ",,", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1:4711", "198.51.100.1"),
        ("2001:db8:1::1", "[2001:db8:2:3:4::5]:443", "2001:db8:2:3::/64"),
        ("2001:db8:2:3:4::5", "", "2001:db8:2:3::/64"),
        ("fe80::1%eth0", "", "fe80::/64"),
        ("::ffff:10.1.2.3", "::ffff:198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", "unknown"),
        ("/run/socket", "198.51.100.1", "unknown"),
    ],
)
def test_only_our_own_proxies_are_believed(remote: str, forwarded: str, client: str) -> None:
    assert neighbourhood(remote, forwarded, PROXIES) == client


@pytest.mark.parametrize("remote", ["127.0.0.1", "::1", "10.1.2.3"])
def test_by_default_nobody_is(remote: str) -> None:
    assert Settings().trusted_proxies == ()
    assert neighbourhood(remote, "198.51.100.1", ()) == neighbourhood(remote, "", ())


@pytest.mark.parametrize("text", ["proxy", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8,,"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^TICKETING_TRUSTED_PROXIES: expected "):
        Settings.from_env({"TICKETING_TRUSTED_PROXIES": text})
