"""One request for several callers who ask the same at once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class SharedAnswers:
    """For questions about the past alone: whoever joins gets an answer that may have been given before they asked.

    Each of fifty orders that one batch paid asks for the same receipt, and the same balances before and after it.
    """

    def __init__(self) -> None:
        self._asked: dict[Hashable, asyncio.Task[Any]] = {}

    def in_flight(self, question: Hashable) -> bool:
        """Whether whoever asks now would join somebody else's request."""
        return question in self._asked

    async def get(self, question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, or what was raised instead. Callers who go away take it from nobody else."""
        task = self._asked.get(question)
        if task is None:
            task = self._asked[question] = asyncio.ensure_future(ask())
            task.add_done_callback(lambda done: self._ended(question, done))
        answer: T = await asyncio.shield(task)
        return answer

    def _ended(self, question: Hashable, task: asyncio.Task[Any]) -> None:
        del self._asked[question]
        if not task.cancelled():
            task.exception()  # seen, also where all callers went away
