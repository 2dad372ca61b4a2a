"""Production keeps nothing in a database that may lose what it has acknowledged."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest
from cryptography.fernet import Fernet

from tests.conftest import DsnFactory
from tests.support import server
from ticketing import database
from ticketing.settings import Settings, SettingsError

PRODUCTION = {
    "TICKETING_ENV": "production",
    "STRIPE_KEY": "sk_live_nobodys",
    "STRIPE_WEBHOOK_SECRETS": "whsec_nobodys",
    "TICKETING_PUBLIC_URL": "https://tickets.test",
    "TICKETING_PORT": "0",
} | {
    name: Fernet.generate_key().decode()
    for name in ("JWT_KEY", "SESSION_KEYS", "TICKETING_DATA_KEYS")
}


@pytest.mark.parametrize("processes", [1, 2])
async def test_production_does_not_start_on_it(
    postgres_dsn_factory: DsnFactory, tmp_path: Path, processes: int
) -> None:
    dsn = await postgres_dsn_factory(migrated=False)
    given = {"DATABASE_URL": dsn, "TICKETING_DATA_DIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ticketing", "serve", "--processes", str(processes),
        env={**os.environ, **PRODUCTION, **given}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(server.READY_SECONDS):
            _, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 2
    assert told.decode().splitlines()[-1] == (
        "ticketing: DATABASE_URL: expected a database with fsync, full_page_writes,"
        " synchronous_commit on (TICKETING_ENV=production), got fsync=off, full_page_writes=off"
    )
    connection = await asyncpg.connect(dsn)
    try:
        assert await connection.fetchval("select to_regclass('node')") is None, "nothing is new"
    finally:
        await connection.close()


async def test_what_a_role_or_a_database_has_of_its_own_counts(postgres_dsn: str) -> None:
    settings = Settings.from_env(PRODUCTION)
    connection = await asyncpg.connect(postgres_dsn, server_settings={"synchronous_commit": "off"})
    try:
        with pytest.raises(SettingsError, match="synchronous_commit=off"):
            await database.refuse_unless_durable(connection, settings)
        await database.refuse_unless_durable(connection, Settings())
    finally:
        await connection.close()
