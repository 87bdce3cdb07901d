"""The receiver that the provider's guide prints, run as its reader would run it."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.stack.processes import ROOT, Child, free_port, start_python

GUIDE = ROOT / "docs" / "guides" / "provider.md"


@dataclass
class GuideReceiver:
    """`port` is where it listens; `secrets` are what it was told."""

    folder: Path
    port: int
    child: Child

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def events(self) -> list[tuple[str, int, str]]:
        """What stands in its books: order, sequence, type."""
        with closing(sqlite3.connect(self.folder / "books.db")) as books:
            return list(books.execute("SELECT order_id, sequence, type FROM events ORDER BY rowid"))


@contextmanager
def guide_receiver(folder: Path, secrets: list[str], port: int | None = None) -> Iterator[GuideReceiver]:
    """Started, and listening."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    (folder / "receiver.py").write_text(code)
    port = port or free_port()
    environment = {
        "WEBHOOK_SECRETS": ",".join(secrets),
        "BOOKS": str(folder / "books.db"),
        "PORT": str(port),
        "PYTHONPATH": str(ROOT),
    }
    child = start_python("receiver", [str(folder / "receiver.py")], folder, environment)
    try:
        child.wait_to_listen(port)
        yield GuideReceiver(folder, port, child)
        child.require_running()
    finally:
        child.stop()
