"""Time, randomness and ids: the only module that asks the machine for any of them.

Everything else is handed a `Clock` and an `Ids`, so that a simulation can drive both.
"""

import asyncio
import random
import secrets
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol

__all__ = ["Clock", "Ids", "SystemClock", "derived_id"]

# What of an id is chance: 12 bits before the variant and 62 behind it.
_REST_BITS = 74
_LOW = (1 << 62) - 1

# How far the next of the same millisecond may be: a billion of them fit, whatever the first was.
_STEP_BITS = 40


class Clock(Protocol):
    """The time of day, a time that never steps, and a way to wait."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never steps back."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock, corrected by what the database says the time is.

    Deadlines are judged by the database's time, which is asked for at each heartbeat. Between two
    of them `offset` stays and the monotonic clock goes on: somebody may set the other one.
    """

    def __init__(self) -> None:
        self.offset = timedelta()
        self._is_corrected = False
        self._began_at = datetime.now(UTC) - timedelta(seconds=self.monotonic())  # noqa: TID251 - this is the one place

    def now(self) -> datetime:
        return self._began_at + self.offset + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return time.monotonic()  # noqa: TID251 - this is the one place

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def correct(self, now: datetime, *, asked_at: datetime) -> None:
        """The database was asked at *asked_at*, by this clock, and has said that it is *now*.

        It was so before the answer came, nobody knows how long. A clock that is set to it is late
        by what the answer took, until a quicker one; never early, as the middle between question
        and answer may be. So the first answer is taken, and others if they prove it wrong.
        """
        received_at = self.now()
        if not self._is_corrected or not asked_at <= now <= received_at:
            self.offset += now - received_at
            self._is_corrected = True


class Ids:
    """New ids, and the dice.

    With a seed both are reproducible; without one they come from the operating system.
    """

    def __init__(self, clock: Clock, seed: int | None = None) -> None:
        self.clock = clock
        self._milliseconds = 0
        self._rest = 0
        self.dice = random.Random(secrets.randbits(128) if seed is None else seed)  # noqa: S311

    def new(self) -> str:
        """A UUID version 7 (RFC 9562), so that indexes stay compact.

        They sort by time, and those of one process in the order in which it made them.
        """
        milliseconds = int(self.clock.now().timestamp() * 1000)
        if milliseconds > self._milliseconds:
            self._milliseconds = milliseconds
            self._rest = self.dice.getrandbits(_REST_BITS)
        else:  # In the same millisecond, or the clock was set back: another that comes after.
            self._rest += 1 + self.dice.getrandbits(_STEP_BITS)
            if self._rest >> _REST_BITS:
                self._milliseconds += 1
                self._rest = self.dice.getrandbits(_REST_BITS)
        value = self._milliseconds << 80 | 0x7 << 76 | (self._rest >> 62) << 64
        value |= 0b10 << 62 | self._rest & _LOW
        return _written(value)


def derived_id(*parts: str) -> str:
    """A UUID version 8 (RFC 9562) out of a SHA-256 of *parts*: the same parts, the same id."""
    digest = sha256("\0".join(parts).encode()).digest()[:16]
    value = int.from_bytes(digest)
    value = value & ~(0xF << 76) | 0x8 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    return _written(value)


def _written(value: int) -> str:
    """A UUID as it is written. A `UUID` object would cost more than all the rest of an id."""
    digits = value.to_bytes(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
