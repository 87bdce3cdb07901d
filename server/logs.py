"""How every process writes its log: one line an event, on standard output, nothing secret."""

import logging
import sys

QUIET = ("httpx", "alembic", "dramatiq.middleware.asyncio.AsyncIO")


def configure() -> None:
    """Set up the root logger of this process."""
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, stream=sys.stdout, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
