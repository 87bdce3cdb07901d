"""Holds: what an escrow contract keeps for an order, the calls that end it, and the event that says how it ended."""

from typing import NamedTuple

from protocol.escrow import GIVEN_BACK, RELEASED
from protocol.typed_data import order_nonce
from server.domain.calls import address_in, encode_call
from server.domain.evidence import Mined, RawLog, TransferLog, transfer_at


class Ending(NamedTuple):
    """How a hold ended: `by` whom, in which chain transaction; `back` is the Transfer of what was given back."""

    by: str
    mined: Mined
    back: TransferLog | None


def holds_call(order_id: str) -> bytes:
    """The question what is kept for an order; its answer is read by `is_kept`."""
    return encode_call("holds(bytes32)", order_nonce(order_id))


def release_call(order_id: str) -> bytes:
    """The payment becomes the merchant's."""
    return encode_call("release(bytes32)", order_nonce(order_id))


def give_back_call(order_id: str) -> bytes:
    """The payment goes back to its payer."""
    return encode_call("giveBack(bytes32)", order_nonce(order_id))


def is_kept(held: bytes) -> bool:
    """Whether a hold (payer, amount, deadline) is there: one that ended, or never was, has no payer."""
    return any(held[:32])


def ends_hold(log: RawLog, contract: str, order_id: str) -> bool:
    """Whether a log says that an order's hold ended."""
    ends = log.topics[:1] in ((RELEASED,), (GIVEN_BACK,))
    return ends and log.address == contract and log.topics[1] == order_nonce(order_id)


def ending_in(mined: Mined, contract: str, asset: str, order_id: str) -> Ending | None:
    """How a chain transaction ended an order's hold; None if it did not.

    What is given back leaves the contract right after the event that says so, and the token writes down to whom.
    """
    found = next((log for log in mined.logs if ends_hold(log, contract, order_id)), None)
    if found is None or not mined.succeeded:
        return None
    if found.topics[0] == RELEASED:
        return Ending(address_in(found.topics[2]), mined, None)
    after = (log for log in mined.logs if log.index > found.index and log.address == asset)
    moved = (transfer_at(mined, log.index) for log in after)
    back = next((one for one in moved if one and one.sender == contract), None)
    return Ending(address_in(found.topics[2]), mined, back) if back else None
