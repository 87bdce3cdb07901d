"""Refund source: which wallet an order's money goes back from, and that no other one can send it as well."""

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.payment import Payment
from server.application.paddock import Ground, Paddock, asset_of, ground_of
from server.application.payout import PAYOUT_VALIDITY
from server.domain import ledger
from server.domain.errors import RefundRefused
from server.domain.evidence import Spend, spend_of
from server.domain.orders import Order
from server.domain.pledges import Pledge
from server.domain.refund_payments import refund_payment, with_signature
from server.ports import TransactionSigner

Grounds = Mapping[str, Ground]


@dataclass(frozen=True, slots=True)
class Source:
    """A wallet and what it gives back. `signer` is there where its key is ours; else `pledge` holds its signature."""

    wallet: str
    account: str
    value: int
    signer: TransactionSigner | None = None
    pledge: Pledge | None = None


async def source_of(paddock: Paddock, order: Order) -> Source | None:
    """The delegate wallet where it holds the order's money; else what the merchant signed, else its float.

    None if the merchant has the money and there is neither. Raises ChainUnavailable.
    """
    if order.terms.mode.held:
        assert paddock.delegate is not None
        return Source(paddock.delegate.address, ledger.delegate(order), order.due_back, paddock.delegate)
    async with paddock.db.read() as view:
        held = await view.pledges.get(order.refund_name)
    if held and held.signature and not await has_lapsed(paddock.grounds, order, held):
        return Source(held.wallet, ledger.merchant(order), held.value, pledge=held)
    signer = paddock.floats.get(order.terms.merchant)
    return Source(signer.address, ledger.refund_float(order), order.due_back, signer, held) if signer else None


async def signed_by(paddock: Paddock, order: Order, source: Source) -> Payment:
    """The signed refund. A float's is pledged first, so that the merchant cannot sign another one beside it.

    Raises RefundRefused while another wallet's can still be used, StaleWrite, SignerUnavailable, ChainUnavailable.
    """
    if source.signer is None:
        assert source.pledge is not None
        assert source.pledge.signature is not None
        if order.by_transfer and source.value > order.due_back:
            raise RefundRefused(f"{source.value} atomic units are signed for, and {order.due_back} are due back by now")
        unsigned = refund_by(paddock.grounds, order, source.wallet, source.value, source.pledge.valid_before)
        return with_signature(unsigned, source.pledge.signature)
    valid_before = int((paddock.clock.now() + PAYOUT_VALIDITY).timestamp())
    if not order.terms.mode.held:
        await require_free(paddock.grounds, order, source.pledge, source.wallet)
        async with paddock.db.begin("refund pledged") as work:
            await work.pledges.put(Pledge(order.refund_name, source.wallet, source.value, valid_before), source.pledge)
    unsigned = refund_by(paddock.grounds, order, source.wallet, source.value, valid_before)
    return with_signature(unsigned, await source.signer.sign_digest(unsigned.signed))


def spend_from(grounds: Grounds, order: Order, wallet: str) -> Spend:
    """The order's money on its way back from a wallet, as the chain knows it."""
    return spend_of(refund_by(grounds, order, wallet, order.due_back, 0))


async def require_free(grounds: Grounds, order: Order, held: Pledge | None, wallet: str) -> None:
    """That no other wallet's refund of the order can be sent any more. Raises RefundRefused, ChainUnavailable.

    What was signed may be submitted by anybody until it lapses, whatever became of our own chain transaction.
    """
    if held is None or held.wallet == wallet:
        return
    if not await has_lapsed(grounds, order, held):
        raise RefundRefused(
            f"its refund is signed by {held.wallet} and can be used until {held.valid_before} (Unix seconds): "
            "wait until a final block is later",
            order_id=order.id,
        )


async def has_lapsed(grounds: Grounds, order: Order, held: Pledge) -> bool:
    """Whether a final block shows that a pledge can never be used again: its time is past, and its nonce unused."""
    chain = ground_of(grounds, order.terms.network).chain
    final = await chain.final_block()
    if await chain.block_time(final) <= held.valid_before:
        return False
    return not await chain.nonce_used(spend_from(grounds, order, held.wallet), block=final)


def refund_by(grounds: Grounds, order: Order, wallet: str, value: int, valid_before: int) -> Payment:
    """A wallet's refund of an order, not signed yet."""
    market = ground_of(grounds, order.terms.network).market
    return refund_payment(market, asset_of(grounds, order), order, wallet, value, valid_before)
