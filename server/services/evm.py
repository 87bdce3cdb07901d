"""EVM bytecode as instructions and basic blocks: what can run, what jumps where, and what lies in a loop."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple


class Op(IntEnum):
    """The opcodes that flow, dispatch and risk rules look at."""

    STOP = 0x00
    SUB = 0x03
    EQ = 0x14
    XOR = 0x18
    ORIGIN = 0x32
    CALLDATALOAD = 0x35
    CODECOPY = 0x39
    JUMP = 0x56
    JUMPI = 0x57
    GAS = 0x5A
    JUMPDEST = 0x5B
    PUSH0 = 0x5F
    PUSH3 = 0x62
    PUSH4 = 0x63
    PUSH32 = 0x7F
    RESERVED = 0xEF
    CREATE = 0xF0
    CALL = 0xF1
    CALLCODE = 0xF2
    RETURN = 0xF3
    DELEGATECALL = 0xF4
    CREATE2 = 0xF5
    REVERT = 0xFD
    INVALID = 0xFE
    SELFDESTRUCT = 0xFF


_DEFINED = frozenset().union(
    *(range(first, last + 1) for first, last in ((0x00, 0x0B), (0x10, 0x1E), (0x30, 0x4A), (0x50, 0xA4), (0xF0, 0xF5))),
    (0x20, 0xFA, 0xFD, 0xFF),
)
"""Opcodes up to the Osaka fork; any other byte, INVALID included, halts."""
_HALTS = frozenset({Op.STOP, Op.RETURN, Op.REVERT, Op.SELFDESTRUCT}) | (frozenset(range(256)) - _DEFINED)
_ENDS_BLOCK = _HALTS | {Op.JUMP, Op.JUMPI}


class Instruction(NamedTuple):
    """One instruction. `operand` is a PUSH's data, padded with zeros where the code ends inside it."""

    offset: int
    opcode: int
    operand: bytes = b""

    @property
    def constant(self) -> int | None:
        """What a PUSH pushes."""
        return int.from_bytes(self.operand, "big") if Op.PUSH0 <= self.opcode <= Op.PUSH32 else None


def disassemble(code: bytes) -> list[Instruction]:
    """Every instruction from offset 0 on, with PUSH data skipped."""
    instructions = []
    offset = 0
    while offset < len(code):
        opcode = code[offset]
        width = opcode - Op.PUSH0 if Op.PUSH0 < opcode <= Op.PUSH32 else 0
        operand = code[offset + 1 : offset + 1 + width].ljust(width, b"\0")
        instructions.append(Instruction(offset, opcode, operand))
        offset += 1 + width
    return instructions


@dataclass(frozen=True)
class Block:
    """Instructions that run one after the other; only the first may be a JUMPDEST, only the last may jump or halt."""

    instructions: list[Instruction]

    @property
    def falls_through(self) -> bool:
        """Whether the next block may run after this one without a jump."""
        last = self.instructions[-1].opcode
        return last not in _HALTS and last != Op.JUMP

    @property
    def target(self) -> int | None:
        """Where it jumps, if the offset is pushed right before the jump."""
        if len(self.instructions) < 2 or self.instructions[-1].opcode not in (Op.JUMP, Op.JUMPI):
            return None
        return self.instructions[-2].constant


@dataclass(frozen=True)
class Program:
    """Code cut into blocks; a block is named by its index."""

    instructions: list[Instruction]

    @cached_property
    def blocks(self) -> list[Block]:
        """In the order of the code."""
        blocks: list[Block] = []
        current: list[Instruction] = []
        for instruction in self.instructions:
            if instruction.opcode == Op.JUMPDEST and current:
                blocks.append(Block(current))
                current = []
            current.append(instruction)
            if instruction.opcode in _ENDS_BLOCK:
                blocks.append(Block(current))
                current = []
        return [*blocks, Block(current)] if current else blocks

    @cached_property
    def _entries(self) -> dict[int, int]:
        """The block at each JUMPDEST, by offset."""
        return {
            block.instructions[0].offset: index
            for index, block in enumerate(self.blocks)
            if block.instructions[0].opcode == Op.JUMPDEST
        }

    @cached_property
    def reachable(self) -> frozenset[int]:
        """Blocks that may run: the first, what follows one that falls through, and every JUMPDEST whose offset a
        reachable block pushes. Never too few, as long as jump targets come from PUSH (they do in what solc writes);
        possibly too many, when a constant happens to equal an offset."""
        return self._walk(lambda index: self._followers(index) + self._named(index))

    @cached_property
    def entered(self) -> frozenset[int]:
        """Blocks that run for certain targets only: from the first by falls, by jumps whose target is pushed right
        before, and by returns from internal calls. A part of `reachable`, without its guesses."""
        return self._walk(lambda index: self._followers(index) + self._returns(index))

    @cached_property
    def reached(self) -> list[Instruction]:
        """The instructions of all reachable blocks, in the order of the code."""
        return [i for index in sorted(self.reachable) for i in self.blocks[index].instructions]

    @cached_property
    def looping(self) -> frozenset[int]:
        """Reachable blocks that may run again after themselves: those on a cycle of falls, jumps with a pushed
        target, and returns to the JUMPDEST right behind an internal call (where solc puts the return)."""
        edges = {index: self._followers(index) + self._returns(index) for index in sorted(self.reachable)}
        return frozenset(on_cycles(edges))

    def _walk(self, edges: Callable[[int], list[int]]) -> frozenset[int]:
        found: set[int] = set()
        pending = [0] if self.blocks else []
        while pending:
            index = pending.pop()
            if index not in found:
                found.add(index)
                pending += edges(index)
        return frozenset(found)

    def _named(self, index: int) -> list[int]:
        """The JUMPDESTs whose offset the block pushes."""
        constants = (instruction.constant for instruction in self.blocks[index].instructions)
        return [self._entries[constant] for constant in constants if constant in self._entries]

    def _followers(self, index: int) -> list[int]:
        block = self.blocks[index]
        following = [index + 1] if block.falls_through and index + 1 < len(self.blocks) else []
        if block.target in self._entries:
            following.append(self._entries[block.target])
        return following

    def _returns(self, index: int) -> list[int]:
        block = self.blocks[index]
        behind = block.instructions[-1].offset + 1
        if block.target is None or block.instructions[-1].opcode != Op.JUMP or behind not in self._entries:
            return []
        return [self._entries[behind]] if self._entries[behind] in self.reachable else []


def on_cycles(edges: dict[int, list[int]]) -> set[int]:
    """Nodes that lead back to themselves: the strongly connected components with an edge inside (Kosaraju 1978)."""
    backward = defaultdict(list)
    for node, successors in edges.items():
        for successor in successors:
            backward[successor].append(node)
    cyclic: set[int] = set()
    seen: set[int] = set()
    for root in reversed(_finishing_order(edges)):
        if root in seen:
            continue
        seen.add(root)
        component = [root]
        for node in component:
            fresh = {before for before in backward[node] if before not in seen}
            seen |= fresh
            component += fresh
        if len(component) > 1 or root in edges[root]:
            cyclic.update(component)
    return cyclic


def _finishing_order(edges: dict[int, list[int]]) -> list[int]:
    """Nodes in the order in which a depth-first walk leaves them."""
    order: list[int] = []
    seen: set[int] = set()
    for root in edges:
        if root in seen:
            continue
        seen.add(root)
        path = [(root, iter(edges[root]))]
        while path:
            node, successors = path[-1]
            fresh = next((successor for successor in successors if successor not in seen), None)
            if fresh is None:
                order.append(node)
                path.pop()
            else:
                seen.add(fresh)
                path.append((fresh, iter(edges[fresh])))
    return order
