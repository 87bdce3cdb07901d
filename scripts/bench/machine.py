"""The machine: its description, which core a process may use, who listens on a port, who has to stand still."""

import os
import platform
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Cores

CPU_INFO = Path("/proc/cpuinfo")


def cores() -> Cores | None:
    """Two cores of those that we may use; None where there is one only, or processes cannot be pinned."""
    if sys.platform != "linux":
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[-1]) if len(allowed) > 1 else None


def pin(pid: int, core: int) -> None:
    """Every thread of a process to one core; threads that it starts later inherit that."""
    if sys.platform == "linux":
        for thread in psutil.Process(pid).threads():
            os.sched_setaffinity(thread.id, {core})


def require_holder(pid: int, port: int) -> None:
    """Raises BenchFailed unless this very process listens on the port: a busy port answers for somebody else."""
    listening = [one for one in psutil.Process(pid).net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    if port not in {one.laddr.port for one in listening}:
        raise BenchFailed(f"port {port} is not held by the process that was started for it; run the bench again")


@contextmanager
def standing_still(pids: Iterable[int]) -> Iterator[None]:
    """Processes of ours that get no time within the block, so that an idle side takes nothing from a measured one."""
    stopped: list[int] = []
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def describe(pinned: Cores | None) -> dict[str, Any]:
    """What one has to know of the machine to read figures; no name of it."""
    text = CPU_INFO.read_text() if CPU_INFO.exists() else ""
    return {
        "cpu": cpu_name(text) or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "pinned": asdict(pinned) if pinned else None,
    }


def cpu_name(cpuinfo: str) -> str:
    """The processor's name in the text of /proc/cpuinfo; empty if it has none."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else ""
