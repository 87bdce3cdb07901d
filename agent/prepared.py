"""Statements that are compiled once: what every purchase asks of the database is not built anew for each."""

from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Connection, Insert, Select, Update, or_
from sqlalchemy.dialects import sqlite

_DIALECT = sqlite.dialect(paramstyle="named")


class Prepared:
    """A statement of SQLAlchemy Core as text, with the types of its columns; its own values are part of it.

    It runs on the driver's own connection, in the transaction of the Connection that it is given.
    """

    def __init__(self, statement: Select[Any] | Insert | Update) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        kinds = {name: parameter.type for parameter, name in compiled.bind_names.items()}
        self._text = str(compiled)
        self._written = {
            name: write
            for name, kind in kinds.items()
            if (write := kind.dialect_impl(_DIALECT).bind_processor(_DIALECT))
        }
        self._given = self._stored(dict(compiled.params))
        columns = list(statement.selected_columns) if isinstance(statement, Select) else []
        self._names = [column.key or "" for column in columns]
        self._read = {
            name: read
            for name, column in zip(self._names, columns, strict=True)
            if (read := column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None))
        }

    def rows(self, connection: Connection, **values: Any) -> list[dict[str, Any]]:
        """What a SELECT finds, each row by the names of its columns."""
        found = [dict(zip(self._names, row, strict=True)) for row in self._execute(connection, values)]
        for row in found:
            for name, read in self._read.items():
                row[name] = read(row[name])
        return found

    def row(self, connection: Connection, **values: Any) -> dict[str, Any] | None:
        """The first row of a SELECT; None where there is none."""
        return next(iter(self.rows(connection, **values)), None)

    def run(self, connection: Connection, **values: Any) -> int:
        """How many rows an INSERT or UPDATE wrote."""
        return int(self._execute(connection, values).rowcount)

    def _execute(self, connection: Connection, values: dict[str, Any]) -> Any:
        driver = cast(Any, connection.connection.driver_connection)
        return driver.execute(self._text, self._given | self._stored(values))

    def _stored(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values as the driver takes them."""
        written = self._written
        return {name: written[name](value) if name in written else value for name, value in values.items()}


def one_of(column: Column[Any], values: tuple[Any, ...]) -> ColumnElement[bool]:
    """Whether a column has one of these values, which become part of the statement."""
    return or_(*(column == value for value in values))
