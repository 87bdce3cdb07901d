"""Equal calls at one time are one: an assistant that gives up waiting calls again, and must not buy twice by it."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Joined(Generic[T]):
    """Runs one call for each key at a time; whoever comes meanwhile gets the same result, or the same error."""

    def __init__(self) -> None:
        self._running: dict[Hashable, Future[T]] = {}
        self._lock = threading.Lock()

    def once(self, key: Hashable, call: Callable[[], T]) -> T:
        """The result of `call`, or of the equal one that is running. Safe to use from many threads."""
        with self._lock:
            running = self._running.get(key)
            if running is None:
                mine = self._running[key] = Future()
        if running is not None:
            return running.result()
        try:
            mine.set_result(call())
        except BaseException as error:  # those who wait must hear of everything that ended it
            mine.set_exception(error)
        finally:
            with self._lock:
                del self._running[key]
        return mine.result()
