"""Not on sale: what a merchant's own order is answered with. The merchant delivers; we say that it is paid."""

import msgspec

from server.domain.merchant_orders import SERVICE as SLUG
from server.services.service import Answer, Context, Execution, Fulfilment, Service, json_answer


class Agreed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What merchant and payer agreed on: the merchant's own name for it, where the money is handed to, and with what.

    `calldata` in 0x-hex; without it the contract does what it does by itself.
    """

    merchant: str
    dapp_order_id: str
    callback: str = ""
    calldata: str | None = None


class Confirmation(msgspec.Struct):
    """The order is paid; `transaction` and `events` (values as text) are those of the contract that took the money."""

    merchant: str
    dapp_order_id: str
    payer: str
    transaction: str | None = None
    events: dict[str, dict[str, str]] = {}


async def run(arguments: Agreed, context: Context) -> Answer:
    """The confirmation, as JSON."""
    done: Execution | None = context.execution
    confirmation = Confirmation(arguments.merchant, arguments.dapp_order_id, context.payer)
    if done:
        confirmation.transaction = done.transaction
        confirmation.events = {
            name: {key: str(value) for key, value in values.items()} for name, values in done.events.items()
        }
    return json_answer(confirmation)


SERVICE = Service(
    slug=SLUG,
    title="A merchant's own order",
    summary="What a merchant's back end asked to be paid for.",
    kind="order",
    unit="order",
    amount=0,
    arguments=Agreed,
    answers=Confirmation,
    example={"merchant": "paddock", "dapp_order_id": "1"},
    run=run,
    fulfilment=Fulfilment.AFTER_SETTLEMENT,
)
