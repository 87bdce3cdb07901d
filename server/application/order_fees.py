"""Order fees: take a merchant's fee when its back end makes an order, and give it back if nobody pays that."""

from server.domain import fees
from server.domain.errors import OrderRefused
from server.domain.fees import FeeKind, dollars
from server.ports import UnitOfWork


async def take_fee(work: UnitOfWork, merchant: str, order_id: str, amount: int) -> None:
    """In the unit of work that makes the order. Raises OrderRefused where the merchant has paid in too little."""
    if not amount:
        return
    available = await work.fee_book.balance(merchant)
    if available < amount:
        raise OrderRefused(f"insufficient fee balance: available={dollars(available)}, required={dollars(amount)}")
    await work.fee_book.add(fees.fee(merchant, amount, order_id))


async def return_fee(work: UnitOfWork, order_id: str) -> None:
    """In the unit of work that ends the order without its price; safe to repeat."""
    rows = await work.fee_book.of(order_id)
    if [row.kind for row in rows] == [FeeKind.FEE]:
        await work.fee_book.add(fees.returned(rows[0]))
