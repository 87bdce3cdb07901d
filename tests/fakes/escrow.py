"""The escrow of the fake chain: it holds payments, and each ends once, by its arbiter, its owner or its payer."""

from collections.abc import Callable

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address

from tests.fakes.evm import Contract, Entry, Frame, address_of, revert, selector
from tests.fakes.passes import PULL, PULL2, Reads, by_eip3009, by_permit2
from tests.fakes.tokens import ZERO

ESCROW = to_checksum_address("0x" + "e5" * 20)
PERIOD = 7 * 86_400
NOTHING = (ZERO, ZERO, 0, 0)


def _event(name: str, *inputs: tuple[str, str, bool]) -> dict[str, object]:
    return {
        "type": "event",
        "name": name,
        "inputs": [{"name": word, "type": kind, "indexed": indexed} for word, kind, indexed in inputs],
    }


_ORDER, _AMOUNT = ("orderId", "bytes32", True), ("amount", "uint256", False)
ESCROW_ABI = (
    _event("Held", _ORDER, ("payer", "address", True), _AMOUNT, ("deadline", "uint64", False)),
    _event("Released", _ORDER, ("by", "address", True), _AMOUNT),
    _event("GivenBack", _ORDER, ("by", "address", True), ("to", "address", True), _AMOUNT),
    {"type": "error", "name": "NotHeld", "inputs": [{"name": "orderId", "type": "bytes32"}]},
    {
        "type": "error",
        "name": "NotAllowed",
        "inputs": [{"name": "orderId", "type": "bytes32"}, {"name": "caller", "type": "address"}],
    },
)


def escrow(arbiter: str) -> Contract:
    """Whose payments are handed in by its arbiter, who owns it too."""
    return Contract(
        ESCROW,
        {
            f"x402SpentEip3009({','.join(PULL)})": _spent(arbiter, PULL, by_eip3009),
            f"x402SpentPermit2({','.join(PULL2)})": _spent(arbiter, PULL2, by_permit2),
            "holds(bytes32)": _holds,
            "release(bytes32)": _ends(
                lambda sender, payer, early: sender == payer or (sender == arbiter and early), _release
            ),
            "giveBack(bytes32)": _ends(lambda sender, _payer, _early: sender == arbiter, _send_back),
            "reclaim(bytes32,address)": _ends(lambda sender, payer, early: sender == payer and not early, _send_back),
        },
    )


def _holds(_contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    return encode(("address", "uint96", "uint64"), frame.state.holds.get(arguments[:32], NOTHING)[1:])


def _spent(caller: str, kinds: tuple[str, ...], read: Reads) -> Entry:
    def entry(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        taken, here = read(contract.address, decode(kinds, arguments)), contract.address
        if sender != caller:
            raise revert("CallerNotListed(address)", sender)
        if (here, taken.order) in frame.state.consumed:
            raise revert("OrderConsumed(bytes32)", taken.order)
        frame.call(here, taken.at, taken.pull)
        frame.state.consumed.add((here, taken.order))
        deadline = frame.timestamp + PERIOD
        frame.state.holds[taken.order] = (taken.token, taken.payer, taken.amount, deadline)
        names = (("bytes32", taken.order), ("address", taken.payer))
        told = encode(("uint256", "uint64"), (taken.amount, deadline))
        frame.emit(here, "Held(bytes32,address,uint256,uint64)", names, told)
        return b""

    return entry


Allowed = Callable[[str, str, bool], bool]
"""(caller, payer, whether it is before the deadline)."""
Way = Callable[[Contract, Frame, str, bytes, tuple[str, str, int]], None]
"""(contract, frame, caller, arguments, (token, payer, amount))."""


def _ends(allowed: Allowed, way: Way) -> Entry:
    def entry(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        order = arguments[:32]
        token, payer, amount, deadline = frame.state.holds.pop(order, NOTHING)
        if payer == ZERO:
            raise revert("NotHeld(bytes32)", order)
        if not allowed(sender, payer, frame.timestamp < deadline):
            raise revert("NotAllowed(bytes32,address)", order, sender)
        way(contract, frame, sender, arguments, (token, payer, amount))
        return b""

    return entry


def _release(contract: Contract, frame: Frame, sender: str, arguments: bytes, held: tuple[str, str, int]) -> None:
    names = (("bytes32", arguments[:32]), ("address", sender))
    frame.emit(contract.address, "Released(bytes32,address,uint256)", names, encode(["uint256"], [held[2]]))


def _send_back(contract: Contract, frame: Frame, sender: str, arguments: bytes, held: tuple[str, str, int]) -> None:
    token, payer, amount = held
    to = address_of(decode(["address"], arguments[32:])[0]) if arguments[32:] else payer
    names = (("bytes32", arguments[:32]), ("address", sender), ("address", to))
    frame.emit(contract.address, "GivenBack(bytes32,address,address,uint256)", names, encode(["uint256"], [amount]))
    paid = encode(("address", "uint256"), (to, amount))
    frame.call(contract.address, token, selector("transfer(address,uint256)") + paid)
