"""On sale: a risk scan of a contract's runtime bytecode, given as it is or read from the chain."""

import asyncio
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from protocol.hashing import keccak
from server.services.arguments import Address, checksummed
from server.services.evm import Op, Program, disassemble
from server.services.known_functions import standards
from server.services.proxies import Proxy, clone_of, upgradeable
from server.services.risk_rules import Finding, Function, Rating, findings, functions, score
from server.services.service import Answer, Context, Service, ServiceError, json_answer
from server.services.solc_metadata import Metadata, split

MAX_CODE = 49_152
"""Bytes: twice what EIP-170 lets a contract have."""

Bytecode = Annotated[
    str,
    Meta(
        pattern="^0x([0-9a-fA-F]{2})+$",
        max_length=2 + 2 * MAX_CODE,
        description="Runtime bytecode as eth_getCode gives it, not creation code.",
    ),
]

EXAMPLE = (
    "0x"
    "608060405260043610156010575f80fd5b5f3560e01c806340c10f1914609657806370a082311460635763c74073a1146036"
    "575f80fd5b34605f576020366003190112605f576004356001600160a01b038116808203605f573203605f57ff5b5f80fd5b"
    "34605f576020366003190112605f576001600160a01b03608060e3565b165f525f602052602060405f2054604051908152f3"
    "5b34605f576040366003190112605f576001600160a01b0360b360e3565b165f525f60205260405f20805490602435820180"
    "921160cf5755005b634e487b7160e01b5f52601160045260245ffd5b600435906001600160a01b0382168203605f5756fea2"
    "6469706673582212209e51e2d8662f865cb7ba4da04b09a8802e3ce0766958fa17a24669ade852664864736f6c6343000825"
    "0033"
)
"""What solc 0.8.37 made of a till that anybody can fill up (`mint`) and its caller can close by `selfdestruct`."""


class CodeArguments(Struct, forbid_unknown_fields=True):
    """Exactly one of `bytecode` and `address`; the code at an address is read from the marketplace's chain."""

    bytecode: Bytecode | UnsetType = UNSET
    address: Address | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.bytecode is UNSET) == (self.address is UNSET):
            raise ValueError("give exactly one of bytecode and address")
        if isinstance(self.address, str):
            checksummed(self.address)


class RiskReport(Struct):
    """A static reading of the code: nothing is executed, and no source is known.

    `score` is the sum of the findings' weights, at most 100; `rating` is low below 10, moderate below 35, high below
    65, else critical. `functions` are the dispatcher's. Offsets count bytes of the code. `address` is null for code
    that was sent.
    """

    address: str | None
    code_hash: str
    code_size: int
    metadata: Metadata | None
    instructions: int
    reachable_instructions: int
    proxy: Proxy | None
    standards: list[str]
    functions: list[Function]
    findings: list[Finding]
    score: int
    rating: Rating


async def run(arguments: CodeArguments, context: Context) -> Answer:
    """Raises ServiceError for an address without code (404) and for creation code (422)."""
    return json_answer(await scanned(arguments, context))


async def scanned(arguments: CodeArguments, context: Context) -> RiskReport:
    """The report on the code that is given or named. Raises ServiceError as `run` does."""
    if not isinstance(arguments.address, str):
        return await asyncio.to_thread(scan, bytes.fromhex(str(arguments.bytecode)[2:]))
    address = checksummed(arguments.address)
    return await asyncio.to_thread(scan, await code_at(address, context), address)


async def code_at(address: str, context: Context) -> bytes:
    """Runtime code at a checksummed address. Raises ServiceError where there is none (404), and for too much of it."""
    code = await context.chain.code(address)
    if not code:
        raise ServiceError(f"address: there is no contract at {address} on this chain", 404)
    if len(code) > MAX_CODE:
        raise ServiceError(f"address: its code is longer than {MAX_CODE} bytes")
    return code


def scan(code: bytes, address: str | None = None) -> RiskReport:
    """The report on runtime code. Raises ServiceError for creation code and for what the EVM does not run."""
    body, metadata = split(code)
    proxy = clone_of(code)
    if code[0] == Op.RESERVED and proxy is None:
        raise ServiceError("bytecode: no contract begins with 0xEF (EIP-3541), so this cannot be read as opcodes")
    program = Program([] if proxy and proxy.standard == "EIP-7702" else disassemble(body))
    if _creates(program):
        raise ServiceError("bytecode: this is creation code; send the runtime code, as eth_getCode gives it")
    proxy = proxy or upgradeable(program.reached)
    entries = functions(program)
    found = findings(program, entries, proxy)
    points, rating = score(found)
    return RiskReport(
        address=address,
        code_hash="0x" + bytes(keccak(code)).hex(),
        code_size=len(code),
        metadata=metadata,
        instructions=len(program.instructions),
        reachable_instructions=len(program.reached),
        proxy=proxy,
        standards=standards({entry.selector for entry in entries}),
        functions=entries,
        findings=found,
        score=points,
        rating=rating,
    )


def _creates(program: Program) -> bool:
    """Whether it returns code that it copied, and reads no calldata on its way in: a constructor."""
    entered = (instruction.opcode for index in program.entered for instruction in program.blocks[index].instructions)
    if Op.CALLDATALOAD in entered:
        return False
    blocks = ([i.opcode for i in program.blocks[index].instructions] for index in program.reachable)
    return any(Op.CODECOPY in opcodes and opcodes[-1] == Op.RETURN for opcodes in blocks)


SERVICE = Service(
    slug="contract-risk",
    title="Contract risk scan",
    summary="Disassembles a contract's runtime bytecode and reports what it can do to its users, with a score.",
    kind="security API",
    unit="scan",
    amount=50_000,
    method="POST",
    arguments=CodeArguments,
    answers=RiskReport,
    example={"bytecode": EXAMPLE},
    run=run,
    tags=("security", "evm", "bytecode"),
)
