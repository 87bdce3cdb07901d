"""Processes that are forked from one that has imported everything: as mortal as others, and much cheaper to start."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, cast

from tests.stack.killing import main
from tests.stack.processes import ROOT, Child, without_paddock

_KILLING = ("-m", "tests.stack.killing")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.stack.killing", "server.asgi"])


def start_forked(name: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Child:
    """As `processes.start_python`, for a process of `tests.stack.killing`."""
    assert tuple(arguments[:2]) == _KILLING, arguments
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / f"{name}.log"
    log_path.touch()
    child = _CONTEXT.Process(target=_live, args=(list(arguments[2:]), log_path, dict(environment)), daemon=True)
    child.start()
    return Child(name, cast(Any, _Popen(child)), log_path)


class _Popen:
    """Of subprocess.Popen what `Child` needs."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self.terminate, self.kill = process.terminate, process.kill

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float) -> int | None:
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, seconds)
        return self._process.exitcode


def _live(arguments: list[str], log_path: Path, environment: dict[str, str]) -> None:
    """What the fork does: a log and an environment of its own, and then what its command says."""
    with log_path.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.chdir(ROOT)
    kept = without_paddock(os.environ)
    os.environ.clear()
    os.environ.update(kept | environment)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    main(arguments)
