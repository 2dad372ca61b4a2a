"""Settings: what each variable may say, and what a wrong one is told."""

import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ticketing.settings import DOCUMENTATION, Settings, SettingsError, describe

SECRET = "correct-horse-battery-staple-0123456789"
FERNET = Fernet.generate_key().decode()

PRODUCTION = {
    "TICKETING_ENV": "production",
    "STRIPE_KEY": "sk_live_1234",
    "STRIPE_WEBHOOK_SECRETS": "whsec_1234",
    "TICKETING_PUBLIC_URL": "https://tickets.example.com",
    "JWT_KEY": SECRET,
    "SESSION_KEYS": FERNET,
    "TICKETING_DATA_KEYS": Fernet.generate_key().decode(),
}

SECRETS = ("JWT_KEY", "JWT_KEY_PREVIOUS", "SESSION_KEYS", "TICKETING_DATA_KEYS")


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()


P256 = pem(ec.generate_private_key(ec.SECP256R1()))
P384 = pem(ec.generate_private_key(ec.SECP384R1()))
RSA = pem(rsa.generate_private_key(65537, 2048))


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    settings = Settings.from_env({})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.data_dir == Path("var")
    assert settings.reservation_seconds == 900
    assert settings.rate_limits
    assert settings.log is None
    assert settings.session_keys == ()


def test_an_empty_variable_counts_as_not_given() -> None:
    assert Settings.from_env({"JWT_KEY": " ", "TICKETING_PORT": ""}) == Settings()


def test_every_kind_of_value_is_read() -> None:
    settings = Settings.from_env(
        {
            "TICKETING_HOST": "::1",
            "TICKETING_PORT": "0",
            "TICKETING_DATA_DIR": "/srv/tickets",
            "TICKETING_RESERVATION_SECONDS": "0.25",
            "TICKETING_FEE_PERCENT": "2.5",
            "TICKETING_RATE_LIMITS": "off",
            "TICKETING_LOG": "json",
            "SESSION_KEYS": f"{FERNET}, {FERNET}",
            "STRIPE_WEBHOOK_SECRETS": "whsec_a,whsec_b",
            "JWT_ISSUER": "tickets",
        }
    )
    assert (settings.port, settings.data_dir) == (0, Path("/srv/tickets"))
    assert settings.public_url == "http://[::1]:0"
    assert settings.reservation_seconds == 0.25
    assert settings.fee_percent == Decimal("2.5")
    assert not settings.rate_limits
    assert settings.log == "json"
    assert settings.session_keys == (FERNET, FERNET)
    assert settings.stripe_webhook_secrets == ("whsec_a", "whsec_b")
    assert settings.jwt_issuer == "tickets"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://Tickets.Example.com/", "https://tickets.example.com"),
        ("https://tickets.example.com:443", "https://tickets.example.com"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_public_url_is_written_as_browsers_write_an_origin(given: str, kept: str) -> None:
    assert Settings.from_env({"TICKETING_PUBLIC_URL": given}).public_url == kept


@pytest.mark.parametrize("key", [SECRET, P256, P256.replace("\n", "\\n")])
def test_jwt_keys_are_long_secrets_or_keys_on_the_curve_p256(key: str) -> None:
    assert Settings.from_env({"JWT_KEY": key}).jwt_key == key.replace("\\n", "\n")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("JWT_KEY", "too-short", "got 9 bytes"),
        ("JWT_KEY", "x" * 30 + "\udcff", "got 31 bytes"),
        ("JWT_KEY", P384, "a PEM private key of another kind"),
        ("JWT_KEY_PREVIOUS", RSA, "a PEM private key of another kind"),
        ("JWT_KEY", "-----BEGIN PUBLIC KEY-----\nnonsense", "no unencrypted private key"),
        ("TICKETING_PORT", "65536", "a whole number from 0 to 65535, got '65536'"),
        ("TICKETING_PORT", "9" * 5000, "a whole number from 0 to 65535"),
        ("TICKETING_PORT", "-1", "a whole number"),
        ("TICKETING_RESERVATION_SECONDS", "nan", "more than 0"),
        ("TICKETING_RESERVATION_SECONDS", "0", "more than 0"),
        ("TICKETING_RESERVATION_SECONDS", "soon", "got 'soon'"),
        ("TICKETING_FEE_PERCENT", "101", "a percentage from 0 to 100"),
        ("TICKETING_FEE_PERCENT", "NaN", "a percentage from 0 to 100"),
        ("TICKETING_PAYMENT_ATTEMPTS", "0", "from 1 to"),
        ("TICKETING_ENV", "staging", "development or production, got 'staging'"),
        ("TICKETING_RATE_LIMITS", "no", "on or off, got 'no'"),
        ("TICKETING_LOG", "xml", "console or json, got 'xml'"),
        ("DATABASE_URL", "mysql://u:hunter2@h/d", "postgresql://host"),
        ("NATS_URL", "http://u:hunter2@h", "nats://host"),
        ("SESSION_KEYS", f"{FERNET},hunter2", "an entry of 7 bytes"),
        ("SESSION_KEYS", f"{FERNET},", "an empty one among them"),
        ("TICKETING_DATA_KEYS", "hunter2", "Fernet keys"),
        ("STRIPE_KEY", "pk_live_hunter2", "starts with sk_test_"),
        ("STRIPE_PUBLISHABLE_KEY", "sk_live_hunter2", "starts with pk_test_"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_a,hunter2", "starts with whsec_"),
        ("STRIPE_API_BASE", "https://u:hunter2@api", "an origin like"),
        ("TICKETING_PUBLIC_URL", "ftp://h", "an origin like"),
        ("TICKETING_PUBLIC_URL", "https://h/path", "a URL with a path"),
        ("TICKETING_PUBLIC_URL", "https://h:99999", "something unreadable"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(name: str, text: str, message: str) -> None:
    told = refusal({name: text})
    assert told.startswith(f"{name}: expected ")
    assert message in told
    assert "hunter2" not in told


@pytest.mark.parametrize("key", ["sk_live_hunter2", "rk_live_hunter2"])
def test_live_stripe_keys_are_refused_with_a_custom_api_base(key: str) -> None:
    given = {"STRIPE_KEY": key, "STRIPE_WEBHOOK_SECRETS": "whsec_1"}
    told = refusal({**given, "STRIPE_API_BASE": "http://127.0.0.1:9000"})
    assert told.startswith("STRIPE_API_BASE: expected https://api.stripe.com")
    assert "hunter2" not in told
    Settings.from_env({**given, "STRIPE_API_BASE": "https://api.stripe.com/"})
    given["STRIPE_KEY"] = "sk_test_1"
    Settings.from_env({**given, "STRIPE_API_BASE": "http://127.0.0.1:9000"})


@pytest.mark.parametrize(
    ("key", "page"),
    [
        ("sk_live_hunter2", "pk_test_1"),
        ("rk_live_hunter2", "pk_test_1"),
        ("sk_test_hunter2", "pk_live_1"),
        ("", "pk_live_1"),
    ],
)
def test_the_page_and_the_server_are_both_live_or_both_for_tests(key: str, page: str) -> None:
    given = {"STRIPE_KEY": key, "STRIPE_WEBHOOK_SECRETS": "whsec_1"}
    told = refusal({**given, "STRIPE_PUBLISHABLE_KEY": page})
    assert told.startswith("STRIPE_PUBLISHABLE_KEY: expected a ")
    assert "hunter2" not in told
    other = {"pk_live_1": "pk_test_1", "pk_test_1": "pk_live_1"}[page]
    Settings.from_env({**given, "STRIPE_PUBLISHABLE_KEY": other})


@pytest.mark.parametrize("key", ["sk_live_hunter2", "sk_test_hunter2", "rk_test_hunter2"])
def test_a_stripe_key_comes_with_the_secret_of_its_webhooks(key: str) -> None:
    told = refusal({"STRIPE_KEY": key})
    assert told.startswith("STRIPE_WEBHOOK_SECRETS: expected ")
    assert "hunter2" not in told
    Settings.from_env({"STRIPE_API_BASE": "http://127.0.0.1:9000"})


def test_the_sandbox_starts_unless_another_provider_is_named() -> None:
    assert Settings().has_own_sandbox
    assert not Settings(stripe_api_base="http://127.0.0.1:9000").has_own_sandbox
    assert not Settings(stripe_key="sk_test_1", stripe_webhook_secrets=("whsec_1",)).has_own_sandbox


def test_production_starts_with_everything_given() -> None:
    assert Settings.from_env(PRODUCTION).env == "production"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("STRIPE_KEY", ""),
        ("STRIPE_KEY", "sk_test_1"),
        ("STRIPE_KEY", "rk_test_1"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_test_1"),
        ("TICKETING_RATE_LIMITS", "off"),
        ("TICKETING_PUBLIC_URL", ""),
        ("TICKETING_PUBLIC_URL", "http://tickets.example.com"),
        ("JWT_KEY", ""),
        ("SESSION_KEYS", ""),
        ("TICKETING_DATA_KEYS", ""),
        ("JWT_KEY", "0123456" * 5),
        ("JWT_KEY", "MY_JWT_SECRET" * 3),
        ("JWT_KEY", "change-me-before-you-go-live-0123"),
        ("JWT_KEY_PREVIOUS", SECRET),
        ("JWT_KEY_PREVIOUS", "x" * 32),
        ("SESSION_KEYS", f"{FERNET},{'A' * 43}="),
        ("TICKETING_DATA_KEYS", f"{Fernet.generate_key().decode()},{FERNET}"),
    ],
)
def test_production_refuses_what_is_for_development(name: str, text: str) -> None:
    told = refusal({**PRODUCTION, name: text})
    assert told.startswith(f"{name}: expected ")
    assert "TICKETING_ENV=production" in told
    assert not (name in SECRETS and text and text in told)


def test_the_rules_hold_for_changed_settings_too() -> None:
    with pytest.raises(SettingsError):
        dataclasses.replace(Settings.from_env(PRODUCTION), rate_limits=False)


def test_no_secret_is_in_the_repr() -> None:
    environ = {
        **PRODUCTION,
        "JWT_KEY_PREVIOUS": SECRET[::-1],
        "STRIPE_WEBHOOK_SECRETS": "whsec_hunter2",
        "STRIPE_PUBLISHABLE_KEY": "pk_live_1",
        "DATABASE_URL": "postgresql://u:hunter2@h/d",
        "NATS_URL": "nats://u:hunter2@h",
    }
    shown = repr(Settings.from_env(environ))
    for secret in (SECRET, SECRET[::-1], FERNET, "sk_live_1234", "hunter2"):
        assert secret not in shown


def test_every_field_is_documented_once() -> None:
    names = [doc.name for doc in DOCUMENTATION]
    assert len(set(names)) == len(names) == len(dataclasses.fields(Settings))
    assert all(doc.name in describe() and doc.meaning and doc.default for doc in DOCUMENTATION)


def test_nats_may_be_several_servers() -> None:
    several = "nats://one.test:4222, tls://two.test"
    assert Settings.from_env({"NATS_URL": several}).nats_url == several.replace(" ", "")
    assert refusal({"NATS_URL": "nats://one.test,http://two.test"}).startswith("NATS_URL: expected")


@pytest.mark.parametrize("seconds", ["0", "0.4", "61", "nan", "six"])
def test_a_lease_is_neither_a_blink_nor_an_outage(seconds: str) -> None:
    message = refusal({"TICKETING_LEASE_SECONDS": seconds})
    assert message.startswith("TICKETING_LEASE_SECONDS: expected seconds, at least 0.5")


def test_a_node_is_named_by_a_uuid() -> None:
    name = "0197a3c9-1f2e-7d3c-8b4a-5c6d7e8f9a0b"
    assert Settings.from_env({"TICKETING_NODE_ID": name}).node_id == name
    assert refusal({"TICKETING_NODE_ID": "first"}).startswith("TICKETING_NODE_ID: expected a UUID")
