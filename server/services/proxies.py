"""Proxies known by their bytes: EIP-1167 and ERC-7511 clones, EIP-1967 and EIP-1822 slots, EIP-7702 delegations."""

from eth_utils.address import to_checksum_address
from msgspec import Struct

from protocol.hashing import keccak
from server.services.evm import Instruction, Op

_ADDRESS = 20
_CLONES = (
    ("EIP-1167", bytes.fromhex("363d3d373d3d3d363d73"), bytes.fromhex("5af43d82803e903d91602b57fd5bf3")),
    ("ERC-7511", bytes.fromhex("365f5f375f5f365f73"), bytes.fromhex("5af43d5f5f3e5f3d91602a57fd5bf3")),
)
"""What stands before and behind the implementation's address. The shape ends by itself: what follows never runs."""
_DELEGATION = bytes.fromhex("ef0100")


def _slot(name: str, below: int) -> int:
    return int.from_bytes(keccak(name.encode()), "big") - below


_SLOTS = {
    _slot("eip1967.proxy.implementation", 1): "EIP-1967",
    _slot("eip1967.proxy.beacon", 1): "EIP-1967",
    _slot("PROXIABLE", 0): "EIP-1822",
    _slot("org.zeppelinos.proxy.implementation", 0): "zeppelinos",
}
"""Storage slots that hold an implementation or a beacon, as the standards derive them from a name."""


class Proxy(Struct):
    """Code whose behaviour is elsewhere. `implementation` is null where only the contract's storage knows it;
    `offset` is where the code names it or its slot."""

    standard: str
    implementation: str | None
    offset: int


def clone_of(code: bytes) -> Proxy | None:
    """The proxy that the code is by its whole shape: a clone of one fixed implementation, or a delegated account."""
    for standard, before, behind in _CLONES:
        end = len(before) + _ADDRESS
        if code.startswith(before) and code[end:].startswith(behind):
            return Proxy(standard, _address(code[len(before) : end]), len(before) - 1)
    if code.startswith(_DELEGATION) and len(code) == len(_DELEGATION) + _ADDRESS:
        return Proxy("EIP-7702", _address(code[len(_DELEGATION) :]), len(_DELEGATION))
    return None


def upgradeable(reached: list[Instruction]) -> Proxy | None:
    """The proxy that the code may be: it can delegate, and pushes a standard implementation slot."""
    if all(instruction.opcode != Op.DELEGATECALL for instruction in reached):
        return None
    for instruction in reached:
        if instruction.opcode == Op.PUSH32 and (standard := _SLOTS.get(instruction.constant or 0)):
            return Proxy(standard, None, instruction.offset)
    return None


def _address(raw: bytes) -> str:
    return str(to_checksum_address(raw))
