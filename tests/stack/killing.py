"""A process that dies by SIGKILL at a labelled point: `python -m tests.stack.killing LABEL serve`.

The product knows nothing of this: the points are the edges of every named unit of work and of every broadcast.
`LABEL` is `<unit of work>:before`, `<unit of work>:after` (its commit), `broadcast:before` or `broadcast:after`;
`LABEL#3` dies when it comes there for the third time.
"""

import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from server import bootstrap, cli, relay
from server.adapters.chain import EvmChain
from server.adapters.database import SqlDatabase
from server.application.paddock import Limits, Paddock
from server.facilitator import local, settler
from server.ports import UnitOfWork

LEASE = timedelta(seconds=3)
"""Shorter than in production, so that a test need not wait long for a dead process's work to be taken over."""


def arm(label: str) -> None:
    """Die at that point; an empty label never dies."""
    begin, send = SqlDatabase.begin, EvmChain.send
    wanted, _, number = label.partition("#")
    left = int(number or 1)

    def pass_by(point: str) -> None:
        nonlocal left
        if point == wanted:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    @asynccontextmanager
    async def watched_begin(self: SqlDatabase, name: str) -> AsyncIterator[UnitOfWork]:
        async with begin(self, name) as work:
            yield work
            pass_by(f"{name}:before")
        pass_by(f"{name}:after")

    async def watched_send(self: EvmChain, raw: bytes) -> None:
        pass_by("broadcast:before")
        await send(self, raw)
        pass_by("broadcast:after")

    SqlDatabase.begin = watched_begin  # type: ignore[method-assign]
    EvmChain.send = watched_send  # type: ignore[method-assign]


def hasten() -> None:
    """Leases of three seconds, and a look for what was left behind every second or so."""

    def quick(**parts: object) -> Paddock:
        return Paddock(**parts, limits=Limits(lease=LEASE))  # type: ignore[arg-type]

    bootstrap.Paddock = quick  # type: ignore[misc, assignment]
    local.QUEUE_LEASE = relay.JOB_LEASE = LEASE
    relay.SWEEP_EVERY = LEASE / 3
    settler.TIDY_EVERY = LEASE / 6


def main(arguments: Sequence[str]) -> None:
    """A label, and the words of a `paddock` command."""
    label, *words = arguments
    arm(label)
    hasten()
    sys.argv = ["paddock", *words]
    cli.main()


if __name__ == "__main__":
    main(sys.argv[1:])
