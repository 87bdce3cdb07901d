"""What rows need of a database connection."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from sqlalchemy import CursorResult, Dialect, Executable


class Statements(Protocol):
    """Runs statements in one transaction; SQLAlchemy's AsyncConnection is one."""

    @property
    def dialect(self) -> Dialect: ...

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """What a statement found or did; a list of parameters runs it for each."""

    def begin_nested(self) -> AbstractAsyncContextManager[Any]:
        """A savepoint, given up if the block raises."""
