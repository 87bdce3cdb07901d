"""A side's own program, told by JSON on its standard input what to do."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Side
from scripts.stack import TOP


async def told(side: Side, command: Sequence[str], given: Mapping[str, Any]) -> Any:
    """What it answers, in JSON on its standard output; `core` says which core it may use, the side's own.

    Raises BenchFailed when it fails.
    """
    core = min(os.sched_getaffinity(side.pids[0])) if hasattr(os, "sched_getaffinity") else None
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=TOP, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        out, error = await process.communicate(json.dumps({"core": core, **given}).encode())
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise BenchFailed(f"{side.title}: {' '.join(command[1:])} failed: {error.decode(errors='replace')[-1500:]}")
    return json.loads(out)
