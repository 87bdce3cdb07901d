"""Waiting for something to become true, with a deadline, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], seconds: float, what: str, every: float = 0.02) -> T:
    """The first truthy value that `look` returns. Raises AssertionError that names `what` after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what} (last seen: {found!r})")
        time.sleep(every)


async def eventually(look: Callable[[], Awaitable[T]], seconds: float, what: str, every: float = 0.02) -> T:
    """As `until`, for a coroutine function; other tasks go on meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        found = await look()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what} (last seen: {found!r})")
        await asyncio.sleep(every)
