"""Secrets that nobody gave: made once, private, agreed upon."""

import dataclasses
import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ticketing import generated_keys
from ticketing.settings import Settings, SettingsError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "var")


def test_keys_are_generated_once_and_loaded_ever_after(settings: Settings) -> None:
    first = generated_keys.fill_in(settings)
    assert len(first.jwt_key) >= 32
    Fernet(first.session_keys[0])
    Fernet(first.data_keys[0])
    assert len({first.jwt_key, *first.session_keys, *first.data_keys}) == 3
    assert first.stripe_webhook_secrets[0].startswith("whsec_")
    assert len(first.stripe_webhook_secrets[0]) >= 32
    assert generated_keys.fill_in(settings) == first


def test_key_files_are_for_their_owner_alone(settings: Settings) -> None:
    before = os.umask(0)
    try:
        generated_keys.fill_in(settings)
    finally:
        os.umask(before)
    keys = settings.data_dir / "keys"
    assert keys.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir()}
    assert modes == dict.fromkeys(("jwt", "session", "data", "webhook"), 0o600)


def test_given_keys_are_kept_and_nothing_is_written(settings: Settings) -> None:
    key = Fernet.generate_key().decode()
    given = dataclasses.replace(
        settings,
        jwt_key="x" * 32,
        session_keys=(key,),
        data_keys=(key,),
        stripe_webhook_secrets=("whsec_x",),
    )
    assert generated_keys.fill_in(given) == given
    assert not settings.data_dir.exists()


def test_the_secret_of_webhooks_is_made_for_our_own_sandbox_alone(settings: Settings) -> None:
    elsewhere = dataclasses.replace(settings, stripe_api_base="http://127.0.0.1:9000")
    assert generated_keys.fill_in(elsewhere).stripe_webhook_secrets == ()
    without = generated_keys.fill_in(settings, needs_provider=False)
    assert without.stripe_webhook_secrets == ()
    assert not (settings.data_dir / "keys" / "webhook").exists()


def test_two_processes_that_start_at_once_agree(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[Settings] = []

    def generate() -> str:
        # While we think of a key, another process starts and is faster.
        monkeypatch.undo()
        others.append(generated_keys.fill_in(settings))
        return "ours-which-comes-too-late-0123456789"

    monkeypatch.setattr(generated_keys, "_new_jwt_secret", generate)
    assert [generated_keys.fill_in(settings)] == others


def test_a_damaged_key_file_is_named(settings: Settings) -> None:
    generated_keys.fill_in(settings)
    path = settings.data_dir / "keys" / "session"
    path.write_text("hunter2")
    with pytest.raises(SettingsError, match=r"keys/session: expected .* got an entry of 7 bytes"):
        generated_keys.fill_in(settings)
