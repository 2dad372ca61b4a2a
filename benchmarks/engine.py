"""Our runtime inside this process, put together as `ticketing serve` does it, without a gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptography.fernet import Fernet

from actors import Bus, Ids, LocalBus, Runtime, SystemClock
from ticketing import bootstrap, logs
from ticketing.auth.argon2 import Argon2
from ticketing.auth.worker import Hasher
from ticketing.expiration.worker import Sweeper
from ticketing.payments.transport import StripeTransport
from ticketing.payments.worker import Teller
from ticketing.reads import Reads
from ticketing.settings import Settings
from ticketing.vault import Vault

__all__ = ["engine"]

_SETTINGS = Settings(rate_limits=False)


@asynccontextmanager
async def engine(
    dsn: str,
    *,
    clock: SystemClock | None = None,
    bus: Bus | None = None,
    settings: Settings = _SETTINGS,
) -> AsyncIterator[Runtime]:
    """The runtime on the database at *dsn*, not started yet; stopped when the context ends."""
    logs.configure("json")
    clock = clock or SystemClock()
    ids = Ids(clock)
    store = bootstrap.open_store(dsn, ids, exclusive=True)
    await store.open()
    teller = Teller(
        StripeTransport(key="sk_test_benchmark"),
        vault=Vault([Fernet.generate_key().decode()]),
        reads=Reads(store.pool),
        clock=clock,
    )
    workers = [Hasher(Argon2()), Sweeper(store.pool), teller]
    actors = bootstrap.actors(settings)
    services = bootstrap.services(actors, workers)
    runtime = Runtime(services, store=store, clock=clock, ids=ids, bus=bus or LocalBus())
    try:
        yield runtime
    finally:
        await runtime.stop()
        await store.close()
