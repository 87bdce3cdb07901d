"""How every process writes its log: one line an event, on standard output, nothing secret."""

import logging
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from protocol.errors import ProtocolError
from server.application.tracing import trace_id
from server.domain.errors import PaddockError
from server.domain.redaction import scrub

FORM = "%(asctime)s %(levelname)s %(name)s %(message)s"
QUIET = ("httpx", "alembic", "dramatiq.middleware.asyncio.AsyncIO")
SILENT = ("aiosqlite", "httpcore", "web3", "aiohttp", "urllib3", "hpack", "sqlalchemy")
"""These write parameters, headers and URLs at lower levels, whatever the level of everything else."""

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class DiscreetFormatter(logging.Formatter):
    """Hides secrets in every line. Of errors that are not ours it writes where they came from, and not what they say.

    Messages of libraries quote what they were given: arguments, rows, headers.
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__(FORM)
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler's wording of the same error
        return scrub(super().format(record), self._secrets)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """With the trace that the process is at work on, if there is one."""
        traced = trace_id()
        return f"{super().formatMessage(record)} trace_id={traced}" if traced else super().formatMessage(record)

    def formatException(self, ei: Raised) -> str:
        error, lines = ei[1], list[str]()
        while error is not None:
            said = f": {error}" if isinstance(error, PaddockError | ProtocolError) else ""
            lines[:0] = [*traceback.format_tb(error.__traceback__), f"{type(error).__name__}{said}\n"]
            error = error.__cause__ or error.__context__
        return "".join(lines).rstrip()


def configure(secrets: Sequence[str] = ()) -> None:
    """Set up the root logger of this process, which never writes these secrets."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(DiscreetFormatter(secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in (*QUIET, *SILENT):
        logging.getLogger(name).setLevel(logging.WARNING)
