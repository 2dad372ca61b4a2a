"""Waiting for a state instead of for a while.

A test that waits for something true says what, and fails with it when that stays false; the limit
is for liveness only, so generous that a slow machine never reaches it.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

_Value = TypeVar("_Value")

LIVENESS_SECONDS = 30.0
_POLL_SECONDS = 0.005


async def until(
    condition: Callable[[], _Value | Awaitable[_Value]],
    what: str,
    *,
    seconds: float = LIVENESS_SECONDS,
    every: float = _POLL_SECONDS,
) -> _Value:
    """Returns the first true value of the condition, which may be a coroutine function.

    It is looked at *every* so many seconds: seldom where looking is in the way of what is awaited.

    Raises:
        AssertionError: it stayed false; the message is `what`.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"still not after {seconds:g} s: {what}")
        await asyncio.sleep(every)
