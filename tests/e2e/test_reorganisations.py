"""F17: reorganisations of a real devnet take back what was granted: payments, callbacks, refunds."""

import httpx
import pytest
from eth_utils.crypto import keccak

from scripts.accounts import account
from server.domain.anchors import Kind
from server.domain.cases import CaseKind
from server.domain.ledger import standing
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.stack.buyer import Buyer, cancellation, read_header
from tests.stack.funds import fund
from tests.stack.invariants import assert_invariants, assert_no_secrets
from tests.stack.marketplace import Marketplace
from tests.stack.waiting import eventually

DEEPEST = 8
FINALITY = 10
SIGNAL = "/v1/market-signal?symbol=DEMO-TREND&window=20"


@pytest.fixture
def place(own_anvil, sqlite_url, deployments, tmp_path):
    own_anvil.rpc("evm_setIntervalMining", 0)
    own_anvil.rpc("evm_setAutomine", True)  # a block for each transaction and none else, so that depths are exact
    quiet = {"PADDOCK_ANCHOR_SECONDS": "3600", "PADDOCK_FINALITY": str(FINALITY)}
    marketplace = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments, more=quiet)
    marketplace.start_server()
    marketplace.start_worker()
    yield marketplace
    marketplace.stop()


@pytest.fixture
async def buyer(own_anvil, market, place):
    async with httpx.AsyncClient(timeout=60) as client:
        one = Buyer(client)
        fund(own_anvil, market, one.account.address, 100_000_000)
        yield one
    assert_no_secrets(place.logs(), one.signed)


@pytest.fixture
async def parts(place):
    async with place.parts() as opened:
        yield opened


async def order_of(parts, order_id):
    async with parts.db.read() as view:
        return await view.orders.get(order_id)


async def rows_of(parts, order_id):
    async with parts.db.read() as view:
        return list(await view.ledger.of(order_id))


async def until(parts, order_id, look, what):
    """The order, once `look` holds of it."""

    async def found():
        order = await order_of(parts, order_id)
        return order if look(order) else None

    return await eventually(found, 60, what, every=0.1)


def bring_to_depth(anvil, transaction, depth):
    """Mine until a reorganisation of that depth takes just this transaction's block and what came after it."""
    mined = int(anvil.rpc("eth_getTransactionReceipt", transaction)["blockNumber"], 16)
    missing = depth - (anvil.block_number() - mined + 1)
    assert missing >= 0, f"the block of {transaction} is deeper than {depth} already"
    if missing:
        anvil.mine(missing)


async def test_f17_payments_taken_back_at_depth_one_to_eight_are_settled_again(place, own_anvil, buyer, parts):
    bought = []
    for depth in range(1, DEEPEST + 1):
        own_anvil.mine(FINALITY)
        quoted = await buyer.ask(f"{place.url}{SIGNAL}")
        answer = await buyer.present(quoted, buyer.pay(quoted))
        assert answer.status_code == 200, answer.text
        bring_to_depth(own_anvil, read_header(answer.headers["payment-response"])["transaction"], depth)
        own_anvil.reorganise(depth)
        order = await until(
            parts, quoted.id, lambda one: one.round and one.payment is PaymentState.SETTLED, f"settled again at {depth}"
        )
        assert (order.fulfilment, order.round) == (FulfilmentState.RELEASED, 1)
        rows = await rows_of(parts, quoted.id)
        assert (len(rows), len(standing(rows))) == (3, 1), "booked, reversed, booked again"
        bought.append(quoted.id)
    own_anvil.mine(FINALITY + 1)
    for order_id in bought:
        await until(parts, order_id, lambda one: one.final_at, "final")
    await assert_invariants(parts, paid=len(bought))


async def test_f17_a_payment_that_a_cancellation_replaced_is_a_debt_with_a_revoked_receipt_and_a_case(
    place, own_anvil, market, buyer, parts
):
    quoted = await buyer.ask(f"{place.url}{SIGNAL}")
    header = buyer.pay(quoted)
    assert (await buyer.present(quoted, header)).status_code == 200
    nonce = read_header(header)["payload"]["authorization"]["nonce"]
    signature = bytes.fromhex(cancellation(buyer.account, quoted.entry, nonce)[2:])
    r, s, v = signature[:32], signature[32:64], signature[64]
    selector = keccak(b"cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)")[:4]
    words = bytes(12) + bytes.fromhex(buyer.account.address[2:]) + bytes.fromhex(nonce[2:]) + v.to_bytes(32, "big")
    cancel = {
        "from": account("deployer").address,
        "to": market.asset.address,
        "data": "0x" + (selector + words + r + s).hex(),
    }
    own_anvil.mine(2)
    own_anvil.rpc("anvil_reorg", 3, [[cancel, 0]])
    own_anvil.mine(FINALITY + 1)
    order = await until(parts, quoted.id, lambda one: one.payment is PaymentState.FAILED, "the payment failed")
    assert order.failure.startswith(
        "delivered, then a reorganisation took the payment back: the authorization was cancelled"
    )
    assert order.fulfilment is FulfilmentState.RELEASED
    settlement, reversal = await rows_of(parts, quoted.id)
    assert (reversal.debit, reversal.credit, reversal.amount) == (
        settlement.credit,
        settlement.debit,
        settlement.amount,
    )
    async with parts.db.read() as view:
        assert [case.kind for case in await view.cases.of(quoted.id)] == [CaseKind.REVERSED]
        assert Kind.REVOKED in [one.kind for one in await view.receipt_chain.of(quoted.id)]
    await assert_invariants(parts, paid=0)


async def test_f17_a_callback_that_was_taken_back_is_run_again_by_the_same_bytes(place, own_anvil, buyer, parts):
    quoted = await buyer.ask(f"{place.url}/v1/access-pass", "POST", {})
    assert (await buyer.present(quoted, buyer.pay(quoted))).status_code == 200
    first = await order_of(parts, quoted.id)
    bring_to_depth(own_anvil, first.callback_tx, 2)
    own_anvil.reorganise(2)
    order = await until(
        parts,
        quoted.id,
        lambda one: one.round and one.fulfilment is FulfilmentState.RELEASED,
        "the callback ran again",
    )
    assert (order.callback_tx, order.payment) == (first.callback_tx, PaymentState.SETTLED)
    await settle_down(own_anvil, parts, quoted.id)
    await assert_invariants(parts, paid=1)


async def test_f17_payment_and_callback_taken_back_together_both_come_again(place, own_anvil, buyer, parts):
    quoted = await buyer.ask(f"{place.url}/v1/access-pass", "POST", {})
    assert (await buyer.present(quoted, buyer.pay(quoted))).status_code == 200
    first = await order_of(parts, quoted.id)
    bring_to_depth(own_anvil, first.settlement_tx, 4)
    own_anvil.reorganise(4)
    await until(
        parts,
        quoted.id,
        lambda one: one.round > 1 and one.ended and one.payment is PaymentState.SETTLED,
        "payment and callback came again",
    )
    await settle_down(own_anvil, parts, quoted.id)
    await assert_invariants(parts, paid=1)


async def test_f17_a_refund_that_was_taken_back_is_sent_again_once(place, own_anvil, buyer, parts):
    sold = await buyer.buy(f"{place.url}/v1/launch-pass", "POST", {})
    assert sold.status_code == 200, sold.text
    own_anvil.mine(FINALITY + 1)
    quoted = await buyer.ask(f"{place.url}/v1/launch-pass", "POST", {})
    assert (await buyer.present(quoted, buyer.pay(quoted))).status_code == 502
    first = await until(parts, quoted.id, lambda one: one.money_back is MoneyBackState.REFUNDED, "refunded")
    bring_to_depth(own_anvil, first.refund_tx, 1)
    own_anvil.reorganise(1)
    order = await until(
        parts, quoted.id, lambda one: one.round and one.money_back is MoneyBackState.REFUNDED, "refunded again"
    )
    assert order.refund_tx == first.refund_tx
    await settle_down(own_anvil, parts, quoted.id)
    await assert_invariants(parts, paid=2)


async def settle_down(anvil, parts, order_id):
    """Everything of the order becomes final."""
    anvil.mine(FINALITY + 1)
    await until(parts, order_id, lambda one: one.final_at, "final")
