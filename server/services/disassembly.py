"""On sale, by use: the instructions of a contract's code, charged by how many were listed."""

import asyncio
from typing import Annotated

from msgspec import Meta, Struct

from server.services.arguments import Address, checksummed
from server.services.evm import disassemble
from server.services.opcodes import NAMES
from server.services.service import Answer, Context, Meter, Service, json_answer
from server.services.solc_metadata import split

MOST = 5_000
"""Instructions in one answer."""
METER = Meter(unit="instruction", price=1_500, per=1_000)


class DisassemblyArguments(Struct, forbid_unknown_fields=True):
    """`start` is where a former answer's `next` says that it goes on."""

    address: Address
    start: Annotated[int, Meta(ge=0, le=1 << 20, description="List instructions from this byte of the code on.")] = 0
    limit: Annotated[int, Meta(ge=1, le=MOST, description="List, and pay for, at most so many.")] = 1_000

    def __post_init__(self) -> None:
        checksummed(self.address)


class Line(Struct):
    """One instruction. `name` is null for a byte that is no opcode; `operand` is the data of a PUSH, 0x-hex."""

    offset: int
    opcode: int
    name: str | None
    operand: str | None


class Disassembly(Struct):
    """The code's instructions from `start` on, without the metadata that solc appends.

    `listed` is what the call is charged by; an address without code has none. `next` is where the following
    instruction begins, null at the end. Sizes and offsets count bytes.
    """

    address: str
    code_size: int
    listed: int
    next: int | None
    instructions: list[Line]


async def run(arguments: DisassemblyArguments, context: Context) -> Answer:
    """Charges what it lists: nothing for an address without code, or for a start behind the last instruction."""
    address = checksummed(arguments.address)
    code = await context.chain.code(address)
    found = await asyncio.to_thread(listing, code, address, arguments.start, arguments.limit)
    return Answer(json_answer(found).body, charge=METER.charge(found.listed))


def listing(code: bytes, address: str, start: int, limit: int) -> Disassembly:
    """The answer, without its price."""
    body, _ = split(code)
    wanted = [one for one in disassemble(body) if one.offset >= start]
    lines = [
        Line(one.offset, one.opcode, NAMES.get(one.opcode), "0x" + one.operand.hex() if one.operand else None)
        for one in wanted[:limit]
    ]
    following = wanted[limit].offset if len(wanted) > limit else None
    return Disassembly(address, len(code), len(lines), following, lines)


SERVICE = Service(
    slug="contract-disassembly",
    title="Contract disassembly",
    summary="Lists the EVM instructions of the code at an address; pay for the instructions listed, not a flat price.",
    kind="on-chain data",
    unit=f"{MOST:,} instructions",
    amount=METER.charge(MOST),
    meter=METER,
    arguments=DisassemblyArguments,
    answers=Disassembly,
    example={"address": "0x000000000022D473030F116dDEE9F6B43aC78BA3", "limit": 200},
    run=run,
    tags=("evm", "bytecode", "metered"),
)
