"""Watching the agent's database: whether anybody, in any process, has committed a change to it."""

import sqlite3
from pathlib import Path


class Watch:
    """Notices commits by every connection but its own, which writes nothing.

    Looking costs one pragma: it takes no lock and reads no row. The file must exist.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._seen = self._version()

    def changed(self) -> bool:
        """Whether something was committed since this was last asked, or since it began to watch."""
        version = self._version()
        changed, self._seen = version != self._seen, version
        return changed

    def close(self) -> None:
        self._connection.close()

    def _version(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version
