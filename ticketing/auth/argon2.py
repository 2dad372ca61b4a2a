"""Where passwords are hashed: two threads and a short queue.

Hashing is the cheapest denial of service there is, since a request of a hundred bytes costs 25 ms
of processor time. Two threads keep it from taking the whole machine, and the short queue answers
"overloaded" early instead of letting sign-ins wait for minutes.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from actors import OverloadedError, UnavailableError
from ticketing.auth import passwords

__all__ = ["Argon2"]

_THREADS: Final = 2  # Argon2 releases the GIL, but is bound by memory: more threads gain little.
_WAITING_MAX: Final = 32  # At 25 ms each on two threads, the last one waits for 0.4 s.

_Result = TypeVar("_Result", str, bool)


class Argon2:
    """Hashes and verifies passwords in its own threads, a bounded number at a time."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        # Of the threads' kind, since it is a thread that says when it is done.
        self._places = threading.BoundedSemaphore(_THREADS + _WAITING_MAX)
        self._closed = False

    async def hash(self, password: str) -> str:
        """The PHC string of *password*.

        Raises:
            OverloadedError: too many are waiting already; nothing was done.
            UnavailableError: it is closed.

        """
        return await self._run(lambda: passwords.hash_password(password))

    async def verify(self, password: str, phc: str | None) -> bool:
        """Whether *password* belongs to *phc*; without one False, after the same time.

        Raises:
            OverloadedError: too many are waiting already; nothing was done.
            UnavailableError: it is closed.

        """
        return await self._run(lambda: passwords.verify_password(password, phc))

    def close(self) -> None:
        """Takes no more. Does not wait: what was taken is still done and answered."""
        self._closed = True
        self._threads.shutdown(wait=False)

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        if self._closed:
            raise UnavailableError
        if not self._places.acquire(blocking=False):
            raise OverloadedError
        job = self._threads.submit(work)
        # Tied to the job, not to the caller: one who gives up does not stop a busy thread.
        job.add_done_callback(self._leave)
        return await asyncio.wrap_future(job)

    def _leave(self, _job: Future[_Result]) -> None:
        self._places.release()
