"""Column types of the agent's database: amounts that SQLite's integers cannot hold, and times."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Integer, String
from sqlalchemy.types import TypeDecorator


class Amount(TypeDecorator[int]):
    """Atomic units as decimal text: 256 bits do not fit into SQLite's integers."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Any) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Any) -> int | None:
        return None if value is None else int(value)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time as integer microseconds, so that comparing in SQL is comparing in time."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else round(value.timestamp() * 1_000_000)

    def process_result_value(self, value: Any, dialect: Any) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value / 1_000_000, UTC)
