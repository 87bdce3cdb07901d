"""The tree of calls of a transaction, in words."""

from collections.abc import Iterator
from typing import Any

from scripts.callback_lab.bench import Bench
from scripts.callback_lab.node import Transaction

MOST_LINES = 40


def trace_lines(bench: Bench, transaction: Transaction) -> Iterator[str]:
    """One line for each call, indented by depth: who was called with what, and what came of it."""
    for position, line in enumerate(_lines(bench, bench.node.trace(transaction), 0)):
        if position == MOST_LINES:
            yield "…"
            return
        yield line


def _lines(bench: Bench, call: dict[str, Any], depth: int) -> Iterator[str]:
    data = bytes.fromhex(call["input"][2:])
    target = bench.words.address(call.get("to"))
    yield f"{'  ' * depth}{target}.{bench.words.words(data)}{_ending(bench, call)}"
    for inner in call.get("calls", ()):
        yield from _lines(bench, inner, depth + 1)


def _ending(bench: Bench, call: dict[str, Any]) -> str:
    output = bytes.fromhex(call.get("output", "0x")[2:])
    gas = f" [{int(call['gasUsed'], 16):,} gas]"
    if "error" in call:
        return f"{gas} reverts: {bench.words.words(output)}"
    return f"{gas} → {output[:32].hex()}" if output else gas


def frame_of(bench: Bench, transaction: Transaction) -> dict[str, Any] | None:
    """The call in which the action runs: the contract's call of itself; None if it comes to none."""
    ours = bench.address.lower()
    calls = bench.node.trace(transaction).get("calls", ())
    return next((one for one in calls if one["to"].lower() == ours == one["from"].lower()), None)
