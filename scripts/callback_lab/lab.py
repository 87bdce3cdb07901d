"""One run of the lab: compile, deploy, attack, report."""

import time
from collections.abc import Iterable

from scripts.callback_lab.battery import Check, run_battery
from scripts.callback_lab.bench import Bench
from scripts.callback_lab.checks_own import checks_of
from scripts.callback_lab.node import open_node
from scripts.callback_lab.opening import Given, open_bench, set_stage
from scripts.callback_lab.report import Report
from scripts.callback_lab.subject import find_subject
from scripts.callback_lab.tracing import frame_of


def examine(
    target: str,
    given: Given | None = None,
    *,
    rpc: str | None = None,
    remappings: Iterable[str] = (),
    checks: Iterable[Check] | None = None,
) -> Report:
    """The whole battery on the callback in a file (`path.sol` or `path.sol:Name`).

    On a fresh anvil, or on the devnet at `rpc`, which is left as it was. Without `checks`, all that there are for it.
    Raises LabError, CompileError, CompilerMissing, ToolMissing, StartFailed and RpcError where it cannot be run.
    """
    started = time.monotonic()
    subject = find_subject(target, remappings)
    with open_node(rpc) as node:
        bench = open_bench(set_stage(node, subject.props), subject, given or Given({}, ()))
        verdicts = run_battery(bench, checks_of(bench.name) if checks is None else checks)
        gas = action_gas_used(bench)
        seconds = time.monotonic() - started
        return Report(bench.name, subject.artifact.source, verdicts, gas, bench.action_gas(), seconds)


def action_gas_used(bench: Bench) -> dict[str, int]:
    """What the action itself takes, by entry, where a right payment goes through."""
    used = {}
    for entry in bench.working():
        frame = frame_of(bench, bench.transaction(bench.request(entry)))
        if frame is not None and "error" not in frame:
            used[entry.partition("(")[0]] = int(frame["gasUsed"], 16)
    return used
