"""The hashing worker: no turn waits for Argon2."""

from actors import Effect, Worker, handle
from ticketing.auth.argon2 import Argon2
from ticketing.auth.messages import HASHER, HashPassword, VerifyPassword

__all__ = ["Hasher"]


class Hasher(Worker):
    """Asked by the gateway, before or between its asks to an account."""

    kind, service, concurrency, queue_size_max = HASHER, "auth", 2, 32

    def __init__(self, argon2: Argon2) -> None:
        self._argon2 = argon2

    async def close(self) -> None:
        self._argon2.close()

    @handle
    async def hash(self, message: HashPassword, effect: Effect) -> str:  # noqa: ARG002
        return await self._argon2.hash(message.password)

    @handle
    async def verify(self, message: VerifyPassword, effect: Effect) -> bool:  # noqa: ARG002
        return await self._argon2.verify(message.password, message.password_hash)
