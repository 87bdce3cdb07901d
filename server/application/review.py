"""Review: count what a payer says of its purchase, if the chain shows the payment behind it, and count it once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from protocol.feedback import FeedbackFile, file_hash
from server.application.paddock import Ground, Paddock
from server.domain import ledger
from server.domain.errors import BadArguments, FeedbackRefused
from server.domain.evidence import Mined, TransferLog, transfer_at
from server.domain.orders import Order
from server.domain.reputation import MOST_WEIGHT, Review
from server.domain.states import MoneyBackState


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says of a payment that it says it made; `log_index` None leaves open which of a transaction's.

    `given_in` names its place in a registry, with the block that it stands in; None where it was signed for us.
    """

    network: str
    transaction: str
    log_index: int | None
    reviewer: str
    score: int
    file_hash: str
    at: datetime
    given_in: str | None = None
    given_block: int = 0


async def review_order(paddock: Paddock, order: Order, file: FeedbackFile, content: bytes) -> Review:
    """Count the feedback that an order's payer signed; the same file again gets the same answer.

    The caller has checked the signature. Raises BadArguments for a file about another payment, FeedbackRefused where
    no payment is found in a final block, or its review was given already, and ChainUnavailable.
    """
    proof, terms = file.proof_of_payment, order.terms
    claimed = (proof.network, proof.from_address, proof.to_address)
    if claimed != (terms.network, order.authorization.payer, terms.pay_to):
        raise BadArguments("proofOfPayment is not of this order's payment: network, payer and payee must be its own")
    said = Said(
        network=terms.network,
        transaction=proof.tx_hash,
        log_index=proof.log_index,
        reviewer=order.authorization.payer,
        score=file.score,
        file_hash=file_hash(content),
        at=paddock.clock.now(),
    )
    found = [one for one in await backed(paddock, said) if one.order_id == order.id]
    if not found:
        raise FeedbackRefused(
            "no Transfer of this order stands in a final block of that transaction, or its money went back",
            order_id=order.id,
        )
    async with paddock.db.begin("reviewed") as work:
        for one in found:
            if await work.reputation.add(one):
                return one
        there = [await work.reputation.of(one.network, one.transaction, one.log_index) for one in found]
    same = next((one for one in there if one and one.file_hash == said.file_hash), None)
    if same is None:
        raise FeedbackRefused("this payment has its review already", order_id=order.id)
    return same


async def backed(paddock: Paddock, said: Said) -> Sequence[Review]:
    """The reviews that this could be: one for each Transfer of the reviewer's that paid an order and stands for good.

    The ledger says which order a Transfer paid, the chain says that it is there; nothing else is believed.
    """
    ground = paddock.on(said.network)
    mined = await ground.chain.mined(said.transaction)
    if mined is None or not mined.succeeded or mined.block > await ground.chain.final_block():
        return []
    found = [await _review(paddock, ground, said, one) for one in _transfers(mined, said)]
    return [one for one in found if one]


def _transfers(mined: Mined, said: Said) -> list[TransferLog]:
    wanted = [log.index for log in mined.logs if said.log_index in (None, log.index)]
    found = [transfer_at(mined, index) for index in wanted]
    return [one for one in found if one and one.sender == said.reviewer]


async def _review(paddock: Paddock, ground: Ground, said: Said, transfer: TransferLog) -> Review | None:
    async with paddock.db.read() as view:
        about = await view.books.about(said.network, transfer.transaction, transfer.log_index)
        rows = [row for row in ledger.standing(about) if row.kind == "settlement"]
        order = await view.orders.get(rows[0].order_id) if rows else None
    if order is None or not _is_payment(order, rows[0], transfer):
        return None
    asset = ground.market.asset_at(transfer.asset)
    weight = min(asset.price(transfer.amount), MOST_WEIGHT) if asset else 0
    if not weight or order.money_back is MoneyBackState.REFUNDED:
        return None
    return Review(
        network=said.network,
        transaction=transfer.transaction,
        log_index=transfer.log_index,
        order_id=order.id,
        merchant=order.terms.merchant,
        service=order.terms.service,
        reviewer=said.reviewer,
        score=said.score,
        weight=weight,
        file_hash=said.file_hash,
        at=said.at,
        given_in=said.given_in,
        given_block=said.given_block,
    )


def _is_payment(order: Order, row: ledger.Entry, transfer: TransferLog) -> bool:
    """Whether the Transfer, as the chain has it, is the one that the ledger booked from the order's payer to its payee.

    Who sells does not review itself.
    """
    terms, payer = order.terms, order.authorization.payer
    as_agreed = (transfer.asset, transfer.sender, transfer.recipient) == (terms.asset, payer, terms.pay_to)
    as_booked = (transfer.block_hash, transfer.amount) == (row.block_hash, row.amount)
    return as_agreed and as_booked and payer != terms.pay_to
