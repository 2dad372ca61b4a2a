"""The secrets that nobody gave: generated once into the data directory, loaded ever after.

They live in `<data dir>/keys/`, one file each, readable by their owner alone. A file appears whole
or not at all and is never replaced, so that two processes that start at once agree on one key. In
production there are none: `Settings` refuses to be without given keys there.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from cryptography.fernet import Fernet

from ticketing import durable_file
from ticketing import settings_values as values
from ticketing.settings import Settings, SettingsError

_Value = TypeVar("_Value")

_JWT_SECRET_BYTES = 48  # Comfortably above the 32 that HS256 asks for.
_WEBHOOK_SECRET_BYTES = 32  # As long as the hash that it keys, SHA-256; RFC 2104, section 3.


def fill_in(settings: Settings, *, needs_provider: bool = True) -> Settings:
    """The settings with every secret in place: the given ones, else those of the data directory.

    A process that has nothing to do with the payment provider gets none for its webhooks, so that
    it can run where no file can be written.

    Raises:
        SettingsError: a key file is not what it has to be.
        OSError: the data directory cannot be written.
    """
    keys = settings.data_dir / "keys"
    return replace(
        settings,
        jwt_key=settings.jwt_key or _load(keys / "jwt", _new_jwt_secret, values.jwt_key),
        session_keys=settings.session_keys
        or _load(keys / "session", _new_fernet_key, values.fernet_keys),
        data_keys=settings.data_keys or _load(keys / "data", _new_fernet_key, values.fernet_keys),
        stripe_webhook_secrets=settings.stripe_webhook_secrets
        or (_webhook_secrets(settings, keys) if needs_provider else ()),
    )


def not_given(settings: Settings) -> list[str]:
    """The names of the secrets that `fill_in` will take from the data directory."""
    given = {
        "JWT_KEY": settings.jwt_key,
        "SESSION_KEYS": settings.session_keys,
        "TICKETING_DATA_KEYS": settings.data_keys,
    }
    return [name for name, value in given.items() if not value]


def _webhook_secrets(settings: Settings, keys: Path) -> tuple[str, ...]:
    """What the sandbox beside the server signs with; any other provider says its own."""
    if not settings.has_own_sandbox:
        return ()
    return _load(keys / "webhook", _new_webhook_secret, values.webhook_secrets)


def _load(path: Path, generate: Callable[[], str], read: Callable[[str], _Value]) -> _Value:
    """The key in a file, which is created first if it is missing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        with suppress(FileExistsError):  # Another process was faster: its key it is.
            durable_file.create(path, f"{generate()}\n")
    try:
        return read(path.read_text(encoding="utf-8").strip())
    except values.UnexpectedError as refusal:
        raise SettingsError(str(path), refusal.expected, refusal.got) from None


def _new_jwt_secret() -> str:
    return secrets.token_urlsafe(_JWT_SECRET_BYTES)


def _new_fernet_key() -> str:
    return Fernet.generate_key().decode()


def _new_webhook_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(_WEBHOOK_SECRET_BYTES)}"
