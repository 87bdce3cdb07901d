"""A wallet that signs in gets the answer that it bought, and nothing where the order is gone meanwhile."""

import msgspec
import pytest

from protocol.headers import encode
from protocol.intent import Intent
from protocol.sign_in import Message
from scripts.accounts import account
from server.application.deliver import sign_again
from server.application.present import PaidCall
from server.application.sign_in import sign_in
from server.domain import challenges
from server.domain.deliveries import Delivery
from server.domain.errors import UnknownOrder
from server.domain.states import FulfilmentState, PaymentState
from tests.fakes import samples
from tests.fakes.paddocks import ECHO, bare_paddock, put
from tests.fakes.samples import NETWORK, NOW

AUTHORITY = "127.0.0.1:8402"
ORIGIN = f"http://{AUTHORITY}"
INTENT = Intent("GET", AUTHORITY, b"/v1/echo", "", b"", "paddock")


def signed_in(paddock):
    """A request for echo with the buyer's answer to a challenge of now."""
    given = challenges.issue(paddock.quotes, INTENT.digest(), paddock.clock.now())
    message = Message(
        domain=AUTHORITY,
        address=account("buyer").address,
        uri=f"{ORIGIN}/v1/echo",
        version="1",
        chain_id=NETWORK,
        nonce=given.nonce,
        issued_at=given.issued_at.isoformat(timespec="milliseconds"),
    )
    signature = account("buyer").unsafe_sign_hash(message.digest()).signature
    proof = msgspec.to_builtins(message) | {"type": "eip191", "signature": "0x" + signature.hex()}
    return PaidCall(INTENT, ORIGIN, b"", sign_in=(encode(proof).encode(),))


async def bought(clock):
    paddock = bare_paddock(clock)
    delivered = {"fulfilment": FulfilmentState.RELEASED, "released_at": NOW, "paid_at": NOW}
    paid = {"payment": PaymentState.SETTLED, "settlement_tx": "0x" + "aa" * 32}
    order = await put(paddock, samples.order(intent=INTENT.digest(), **delivered | paid))
    async with paddock.db.begin("released") as work:
        await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", NOW))
        await sign_again(paddock, work, order)
    clock.advance(1)
    return paddock, order


async def test_who_bought_it_gets_the_stored_answer_again(clock):
    paddock, order = await bought(clock)
    sold = await sign_in(paddock, ECHO, signed_in(paddock))
    assert (sold.order.id, sold.delivery.body, sold.replayed) == (order.id, b"answer", True)


async def test_an_order_that_is_gone_when_its_answer_is_read_is_unknown_and_uses_nothing_up(clock):
    paddock, order = await bought(clock)

    def gone(name, when):
        if (name, when) == ("signed in", "begin"):
            del paddock.db.tables.orders[order.id]

    paddock.db.hooks.append(gone)
    with pytest.raises(UnknownOrder, match=order.id):
        await sign_in(paddock, ECHO, signed_in(paddock))
    assert paddock.db.tables.nonces == {}
