"""Actor rows, read in batches: everything wanted in one turn of the event loop is one read."""

import asyncio

from actors.errors import StoreUnavailableError
from actors.message import State
from actors.ref import Ref
from actors.store import Store
from actors.tasks import Tasks

__all__ = ["Loader"]

# One read carries so many keys; the rest goes into the next. A bound on the size of one answer.
KEYS_MAX = 1000


class Loader:
    """Loads states for activations; one that is wanted twice at a time is read once."""

    def __init__(self, store: Store, tasks: Tasks) -> None:
        self._store = store
        self._tasks = tasks
        self._wanted: dict[Ref, asyncio.Future[State | None]] = {}

    async def load(self, ref: Ref) -> State | None:
        """The state of *ref*; None if it has no row.

        Raises:
            StoreUnavailableError: the store cannot be reached.

        """
        future = self._wanted.get(ref)
        if future is None:
            if not self._wanted:
                self._tasks.start(self._read(), "load actors")
            future = asyncio.get_running_loop().create_future()
            self._wanted[ref] = future
        return await asyncio.shield(future)

    async def _read(self) -> None:
        """Runs once everybody who is ready now has said what they want."""
        wanted, self._wanted = self._wanted, {}
        refs = list(wanted)
        for start in range(0, len(refs), KEYS_MAX):
            await self._read_some(refs[start : start + KEYS_MAX], wanted)

    async def _read_some(self, refs: list[Ref], wanted: "_Wanted") -> None:
        try:
            states = await self._store.load(refs)
        except (StoreUnavailableError, ValueError, TypeError) as error:
            if len(refs) > 1 and not isinstance(error, StoreUnavailableError):
                for ref in refs:  # One row that cannot be read must not fail its neighbours.
                    await self._read_some([ref], wanted)
                return
            for ref in refs:
                wanted[ref].set_exception(error)
                wanted[ref].exception()  # Seen here, in case its asker has gone.
        else:
            for ref in refs:
                wanted[ref].set_result(states.get(ref))


_Wanted = dict[Ref, "asyncio.Future[State | None]"]
