"""Preview: run a callback on the chain's newest state before any money moves, without the delegate wallet's key."""

from protocol.actions import SIGNATURE_BYTES, Action
from protocol.typed_data import Transfer
from server.domain import calls
from server.domain.previews import SIGNS_ANYTHING, paying_token
from server.ports import Call, Chain

_UNSIGNED = b"\x01" * (SIGNATURE_BYTES - 1) + b"\x1b"


async def preview(chain: Chain, action: Action, signature: bytes | None) -> None:
    """What the delegate wallet's call would do if the money were there: nothing is sent, nobody signs.

    The token is replaced by one that pays; a payer who has not signed yet, and for Permit2 the delegate wallet, by a
    wallet that says yes. All else is the callback's own code and state: its lists and prices, the order, the payer's
    signature, the action, its books. Raises Reverted, ChainUnavailable.
    """
    stand_ins = {action.token: paying_token(await chain.token_balance(action.token, action.contract))}
    if signature is None:
        stand_ins[action.payer] = SIGNS_ANYTHING
    chosen = calls.SignedCalldata(action.calldata, action.deadline, signature or _UNSIGNED)
    if action.by_permit2:
        stand_ins[action.owner] = SIGNS_ANYTHING
        number = int.from_bytes(action.order, "big")
        pull = calls.Permit2Pull(action.token, action.owner, action.amount, number, action.deadline)
        data = calls.spent_permit2(action.payer, pull, _UNSIGNED, chosen)
    else:
        payout = Transfer(action.owner, action.contract, action.amount, 0, action.deadline, action.order)
        data = calls.spent_eip3009(action.token, action.payer, payout, _UNSIGNED, chosen)
    await chain.preview(Call(action.owner, action.contract, data), stand_ins)
