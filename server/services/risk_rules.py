"""What a scan of runtime bytecode looks for, how much each finding weighs, and the score that follows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from server.services.evm import Op, Program
from server.services.known_functions import KNOWN
from server.services.proxies import Proxy

Severity = Literal["low", "medium", "high", "critical"]
Rating = Literal["low", "moderate", "high", "critical"]

RATINGS: tuple[tuple[int, Rating], ...] = ((65, "critical"), (35, "high"), (10, "moderate"), (0, "low"))
"""A rating holds from its score upwards."""
MAX_OFFSETS = 20
"""At most this many places of a finding are listed; `count` has them all."""


class Function(Struct):
    """An entry of the dispatcher. `signature` and `group` are null for a selector that is not well known."""

    selector: str
    signature: str | None
    group: str | None
    offset: int


class Finding(Struct):
    """One kind of risk. `offsets` are byte offsets in the scanned code; `weight` is what it adds to the score."""

    id: str
    severity: Severity
    weight: int
    count: int
    offsets: list[int]
    detail: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A finding's severity, weight (chosen by us, out of 100) and sentence."""

    severity: Severity
    weight: int
    detail: str


RULES = {
    "selfdestruct": Rule(
        "critical", 30, "SELFDESTRUCT can run: it sends the contract's whole native balance to an address of choice."
    ),
    "delegatecall": Rule(
        "high", 25, "DELEGATECALL runs another contract's code on this contract's storage and balance."
    ),
    "callcode": Rule("high", 20, "CALLCODE, deprecated, runs another contract's code on this contract's storage."),
    "delegated-account": Rule("high", 20, "An account delegated by EIP-7702: its key can replace the code at will."),
    "upgradeable-proxy": Rule("medium", 15, "A proxy that reads its implementation from storage: the code can change."),
    "clone": Rule("low", 3, "A clone with a fixed implementation: everything it does is at that address; scan that."),
    "tx-origin": Rule(
        "medium", 12, "tx.origin is read: where it decides who may act, a contract that a user calls can act for them."
    ),
    "call-in-loop": Rule(
        "medium", 10, "An external call lies in a loop: one failing or costly callee can block all the others."
    ),
    "call-all-gas": Rule("low", 4, "An external call hands on all gas: the callee can call back in before it returns."),
    "create2": Rule("low", 5, "CREATE2 deploys contracts at addresses that are known before their code is."),
    "create": Rule("low", 2, "CREATE deploys contracts whose code this scan does not see."),
    "hidden-code": Rule(
        "low", 3, "SELFDESTRUCT, DELEGATECALL or CALLCODE in bytes that no jump leads to: data, or code to deploy."
    ),
    "can-upgrade": Rule("high", 15, "A function replaces the contract's code; who may call it is not judged."),
    "can-seize": Rule("high", 12, "A function burns or moves what others hold; who may call it is not judged."),
    "can-blacklist": Rule("medium", 10, "A function freezes or blacklists holders."),
    "can-mint": Rule("medium", 8, "A function creates units; who may call it is not judged."),
    "can-pause": Rule("medium", 6, "A function stops transfers or trade."),
    "can-set-fees": Rule("medium", 6, "A function changes fees or limits."),
    "has-owner": Rule("low", 3, "There is an owner or a role that can be handed to another account."),
}
"""By finding id. The score is the sum of the weights of the findings, at most 100."""

_OPCODES = {
    Op.SELFDESTRUCT: "selfdestruct",
    Op.CALLCODE: "callcode",
    Op.ORIGIN: "tx-origin",
    Op.CREATE2: "create2",
    Op.CREATE: "create",
}
_GROUPS = {
    "upgrade": "can-upgrade",
    "seize": "can-seize",
    "blacklist": "can-blacklist",
    "mint": "can-mint",
    "pause": "can-pause",
    "fees": "can-set-fees",
    "ownership": "has-owner",
}
_HIDDEN = (Op.SELFDESTRUCT, Op.DELEGATECALL, Op.CALLCODE)
_COMPARES = (Op.EQ, Op.SUB, Op.XOR)


def functions(program: Program) -> list[Function]:
    """The dispatcher's selectors, in the order of the code, each once.

    A selector is a PUSH4 (PUSH3 when it begins with a zero byte) that is compared by EQ, SUB or XOR, at most one
    instruction later, and whose comparison feeds `PUSH target JUMPI`: what solc and Vyper write.
    """
    found: dict[str, Function] = {}
    reached = program.reached
    for at, instruction in enumerate(reached):
        if instruction.opcode not in (Op.PUSH3, Op.PUSH4):
            continue
        ahead = [follower.opcode for follower in reached[at + 1 : at + 5]]
        if not any(_dispatches(ahead[skip : skip + 3]) for skip in (0, 1)):
            continue
        selector = "0x" + instruction.operand.hex().rjust(8, "0")
        signature, group = KNOWN.get(selector, (None, None))
        found.setdefault(selector, Function(selector, signature, group, instruction.offset))
    return list(found.values())


def _dispatches(opcodes: list[int]) -> bool:
    return (
        len(opcodes) == 3 and opcodes[0] in _COMPARES and Op.PUSH0 <= opcodes[1] <= Op.PUSH32 and opcodes[2] == Op.JUMPI
    )


def findings(program: Program, entries: list[Function], proxy: Proxy | None) -> list[Finding]:
    """Everything found, the heaviest first."""
    places: dict[str, list[int]] = {}
    for rule, offset in (*_opcodes(program), *_calls(program), *_delegations(program, proxy)):
        places.setdefault(rule, []).append(offset)
    for entry in entries:
        if entry.group in _GROUPS:
            places.setdefault(_GROUPS[entry.group], []).append(entry.offset)
    found = [_finding(rule, sorted(set(offsets))) for rule, offsets in places.items()]
    return sorted(found, key=lambda finding: (-finding.weight, finding.id))


def _finding(rule_id: str, offsets: list[int]) -> Finding:
    rule = RULES[rule_id]
    return Finding(rule_id, rule.severity, rule.weight, len(offsets), offsets[:MAX_OFFSETS], rule.detail)


def score(found: list[Finding]) -> tuple[int, Rating]:
    """The sum of the weights, at most 100, and the rating that it falls into."""
    total = min(100, sum(finding.weight for finding in found))
    return total, next(rating for least, rating in RATINGS if total >= least)


def _opcodes(program: Program) -> Iterator[tuple[str, int]]:
    for index, block in enumerate(program.blocks):
        for instruction in block.instructions:
            if index not in program.reachable:
                if instruction.opcode in _HIDDEN:
                    yield "hidden-code", instruction.offset
            elif instruction.opcode in _OPCODES:
                yield _OPCODES[Op(instruction.opcode)], instruction.offset


def _calls(program: Program) -> Iterator[tuple[str, int]]:
    """CALLs in a loop, and CALLs whose gas is the GAS pushed right before them."""
    for index in program.reachable:
        instructions = program.blocks[index].instructions
        for at, instruction in enumerate(instructions):
            if instruction.opcode != Op.CALL:
                continue
            if index in program.looping:
                yield "call-in-loop", instruction.offset
            if at and instructions[at - 1].opcode == Op.GAS:
                yield "call-all-gas", instruction.offset


def _delegations(program: Program, proxy: Proxy | None) -> Iterator[tuple[str, int]]:
    """A clone's one DELEGATECALL is its finding; so is that of an upgradeable proxy which has no other."""
    offsets = [instruction.offset for instruction in program.reached if instruction.opcode == Op.DELEGATECALL]
    if proxy and proxy.standard == "EIP-7702":
        yield "delegated-account", proxy.offset
    elif proxy and proxy.implementation:
        yield "clone", proxy.offset
    else:
        if proxy:
            yield "upgradeable-proxy", proxy.offset
        if len(offsets) > (1 if proxy else 0):
            yield from (("delegatecall", offset) for offset in offsets)
