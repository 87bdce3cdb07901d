"""A node of a chain that lies, lags, breaks or hangs, as a test tells it."""

import asyncio
from collections import Counter
from copy import copy
from typing import Any

from tests.fakes.chain import FakeChain


class Liar:
    """Answers as `node` does, but for the methods that have a lie: a value, an exception to raise, or a function.

    A function gets the method's arguments and may be a coroutine function. `asked` counts the calls by method.
    """

    def __init__(self, node: Any, **lies: Any) -> None:
        self.node, self.lies = node, lies
        self.asked: Counter[str] = Counter()

    def __getattr__(self, method: str) -> Any:
        async def answer(*arguments: Any, **named: Any) -> Any:
            self.asked[method] += 1
            told = [self.lies[name] for name in (method, "everything") if name in self.lies]
            lie = told[0] if told else getattr(self.node, method)
            if isinstance(lie, BaseException):
                raise lie
            told = lie(*arguments, **named) if callable(lie) else lie
            return await told if asyncio.iscoroutine(told) else told

        return answer

    async def close(self) -> None:
        """Nothing is open."""


async def hang(*_arguments: Any, **_named: Any) -> None:
    """Never answers."""
    await asyncio.Event().wait()


def lagging(chain: FakeChain, blocks: int) -> FakeChain:
    """Another node of the same chain, so many blocks behind."""
    node = copy(chain)
    node.lag = blocks
    return node
