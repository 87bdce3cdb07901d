"""The checker of G1–G8 finds nothing in an honest history, and each kind of violation in a forged one."""

import base64
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from eth_account import Account

from protocol.receipts import SignedReceipt
from protocol.typed_data import order_nonce
from scripts.accounts import account
from server.application.paddock import Ground
from server.domain import ledger
from server.domain.calls import address_in
from server.domain.deliveries import Delivery
from server.domain.evidence import Mined, TransferLog
from server.domain.market import Market, Merchant
from server.domain.modes import Mode
from server.domain.orders import Order
from server.domain.receipts import receipt_for
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from server.payments.direct import DIRECT
from tests.conformance.worlds import World, fake_world, nonce_of, settle_call
from tests.fakes import samples
from tests.fakes.chain import FakeChain
from tests.fakes.database import FakeDatabase
from tests.stack import buyer
from tests.stack.invariants import assert_invariants, assert_no_secrets, opening

P, F, M = PaymentState, FulfilmentState, MoneyBackState
MERCHANT = Merchant("paddock", "Test", account("merchant").address, b"")


@dataclass
class Stage:
    """Books and a chain, to be brought out of step."""

    world: World
    db: FakeDatabase
    merchants: dict[str, Merchant]

    @property
    def chain(self) -> FakeChain:
        return self.world.fake

    @property
    def grounds(self) -> dict[str, Ground]:
        return {self.market.network: Ground(self.market, self.chain)}

    @property
    def market(self) -> Market:
        return self.world.market

    def change(self, order: Order, **values) -> None:
        """Write behind the database's back."""
        self.db.tables.orders[order.id] = replace(self.db.tables.orders[order.id], **values)

    def forget(self, kind: str) -> None:
        """Remove the rows of a kind from the ledger."""
        self.db.tables.entries = [row for row in self.db.tables.entries if row.kind != kind]


async def sell(stage: Stage, mode: Mode = DIRECT, *, refund: bool = False) -> Order:
    """An honest purchase, from payment to release or refund, with its ledger rows."""
    world, payer = stage.world, await stage.world.payer()
    delegate = account("delegate")
    pay_to = delegate.address if mode.held else MERCHANT.pay_to
    payment = buyer.payment(payer, world.entry(pay_to, 1_000_000))
    order = samples.order(
        mode=mode, asset=world.token, pay_to=pay_to, amount=1_000_000, payer=payer.address, nonce=nonce_of(payment),
        valid_before=datetime.now(UTC) + timedelta(minutes=2),
    )  # fmt: skip
    receiver = ledger.delegate(order) if mode.held else ledger.merchant(order)
    mined = await world.transact(world.token, settle_call(payment))
    order.settlement_tx, order.paid_at, order.released_at = mined.transaction, samples.NOW, samples.NOW
    order.pay(P.SETTLING)
    order.pay(P.SETTLED)
    rows = [ledger.entry(order, "settlement", receiver, ledger.payer(order), moved(mined, order.terms.asset))]
    order.fulfil(F.EXECUTING)
    if mode.held:
        to = payer.address if refund else stage.market.contracts["AccessPass"].address
        nonce = "0x" + order_nonce(order.id).hex()
        onward = await world.transact(
            world.token, settle_call(buyer.payment(delegate, world.entry(to, 1_000_000), nonce=nonce))
        )
        account_ = ledger.payer(order) if refund else ledger.callback(to)
        kind = "refund" if refund else "payout"
        rows.append(ledger.entry(order, kind, account_, receiver, moved(onward, order.terms.asset)))
    order.fulfil(F.FAILED if refund else F.RELEASED)
    if refund:
        for state in (M.DUE, M.SENDING, M.REFUNDED):
            order.give_back(state)
    async with stage.db.begin("sold") as work:
        await work.orders.add(order)
        for row in rows:
            await work.ledger.add(row)
        if not refund:
            delivery = Delivery(order.id, b"answer", "text/plain", samples.NOW)
            await work.deliveries.put(delivery)
            await work.receipts.put(order.id, SignedReceipt(receipt_for(order, delivery, 0), "0x"), b"{}")
    return order


def moved(mined: Mined, asset: str) -> TransferLog:
    """The Transfer after the used authorization."""
    log = mined.logs[1]
    amount = int.from_bytes(log.data, "big")
    sender, recipient = (address_in(topic) for topic in log.topics[1:])
    return TransferLog(mined.transaction, log.index, mined.block, mined.block_hash, asset, sender, recipient, amount)


async def unpaid(stage: Stage, *moves: PaymentState, valid: timedelta = timedelta(minutes=2)) -> Order:
    """An order that ended without money."""
    order = samples.order(asset=stage.world.token, pay_to=MERCHANT.pay_to, valid_before=datetime.now(UTC) + valid)
    for move in moves:
        order.pay(move)
    async with stage.db.begin("unpaid") as work:
        await work.orders.add(order)
    return order


@pytest.fixture
def stage():
    world = fake_world()
    return Stage(world, FakeDatabase(world.fake.clock), {"paddock": MERCHANT})


async def test_an_honest_history_has_nothing_wrong(stage):
    await sell(stage)
    await sell(stage, DELEGATE)
    await sell(stage, DELEGATE, refund=True)
    await unpaid(stage, P.EXPIRED)
    await unpaid(stage, P.SETTLING, P.IN_DOUBT, P.FAILED, valid=timedelta(hours=-1))
    await assert_invariants(stage, paid=3)


async def test_what_was_there_before_does_not_count(stage):
    await stage.world.mint(MERCHANT.pay_to, 77)
    with pytest.raises(AssertionError, match="G4"):
        await assert_invariants(stage)
    since = await opening(stage)
    stage.chain.mine(2)
    await sell(stage)
    await assert_invariants(stage, paid=1, since=since)


async def test_a_strangers_transfer_can_be_named(stage):
    mined = await stage.world.mint(MERCHANT.pay_to, 77)
    await assert_invariants(stage, foreign=[mined.transaction])


async def forget_answer(stage, order):
    del stage.db.tables.deliveries[order.id]


async def release_unpaid(stage, order):
    stage.change(order, settlement_tx="0x" + "00" * 32)


async def release_before_settling(stage, order):
    events = stage.db.tables.events
    order_of = {"released": 0, "settled": 1}
    events.sort(key=lambda event: order_of.get(event.new, 2))


async def release_twice(stage, order):
    stage.db.tables.events += [event for event in stage.db.tables.events if event.new == "released"]


async def give_receipt_unreleased(stage, order):
    stage.change(order, fulfilment=F.FAILED, money_back=M.BLOCKED)


async def leave_hanging(stage, order):
    stage.change(order, fulfilment=F.EXECUTING)


async def leave_due(stage, order):
    stage.change(order, fulfilment=F.FAILED, money_back=M.DUE)


async def forget_payment(stage, order):
    stage.change(order, payment=P.IN_DOUBT, fulfilment=F.READY)


async def call_it_failed(stage, order):
    stage.change(order, payment=P.FAILED, fulfilment=F.FAILED)


async def book_nothing(stage, order):
    stage.forget("settlement")


async def book_less(stage, order):
    stage.db.tables.entries = [replace(row, amount=row.amount - 1) for row in stage.db.tables.entries]


async def book_another_transfer(stage, order):
    stage.db.tables.entries = [replace(row, block_hash="0x" + "00" * 32) for row in stage.db.tables.entries]


async def book_on_another_network(stage, order):
    stage.db.tables.entries = [replace(row, network="eip155:1") for row in stage.db.tables.entries]


async def book_a_refund_between_strangers(stage, order):
    stage.db.tables.entries.append(samples.entry(order, "refund", debit="payer:x", credit="payer:y"))


async def take_money_twice(stage, order):
    payer = await stage.world.payer()
    again = buyer.payment(payer, stage.world.entry(order.terms.pay_to, 1))
    await stage.world.transact(stage.world.token, settle_call(again))


async def lose_money(stage, order):
    stage.chain.state.money[MERCHANT.pay_to] -= 1


@pytest.mark.parametrize(
    ("forge", "invariant"),
    [
        (forget_answer, "G1"),
        (release_unpaid, "G1"),
        (release_before_settling, "G1"),
        (give_receipt_unreleased, "G1"),
        (release_twice, "G6"),
        (leave_hanging, "G2"),
        (leave_due, "G2"),
        (forget_payment, "G2"),
        (call_it_failed, "G7"),
        (book_nothing, "G4"),
        (book_less, "G4"),
        (book_another_transfer, "G4"),
        (book_on_another_network, "G4"),
        (book_a_refund_between_strangers, "G4"),
        (take_money_twice, "G3"),
        (lose_money, "G4"),
    ],
)
async def test_a_forged_direct_history_is_found_out(stage, forge, invariant):
    order = await sell(stage)
    await assert_invariants(stage, paid=1)
    await forge(stage, order)
    with pytest.raises(AssertionError, match=invariant):
        await assert_invariants(stage)


async def test_one_transfer_for_two_orders_is_found_out(stage):
    order = await sell(stage)
    twin = replace(stage.db.tables.orders[order.id], id="twin")
    stage.db.tables.orders["twin"] = twin
    with pytest.raises(AssertionError, match="G1: orders"):
        await assert_invariants(stage)


async def test_a_missing_order_is_found_out_by_the_number_of_those_paid(stage):
    await sell(stage)
    with pytest.raises(AssertionError, match="G2: 1 orders are settled and 2 were paid"):
        await assert_invariants(stage, paid=2)


async def test_g6_a_payout_that_went_elsewhere_is_found_out(stage):
    order = await sell(stage, DELEGATE, refund=True)
    stage.change(order, fulfilment=F.RELEASED, money_back=M.NONE)
    with pytest.raises(AssertionError, match=f"released, and the money went to {order.authorization.payer}"):
        await assert_invariants(stage)


async def test_g7_a_failure_without_evidence_is_found_out(stage):
    await unpaid(stage, P.SETTLING, P.IN_DOUBT, P.FAILED)
    with pytest.raises(AssertionError, match="G7"):
        await assert_invariants(stage)


# ------------------------------------------------------------------------------------------------------ secrets

PAID = buyer.payment(Account.create(), fake_world().entry(MERCHANT.pay_to))
SIGNATURE = PAID["payload"]["signature"]


@pytest.mark.parametrize(
    "leak",
    [
        f"settling {json.dumps(PAID)}",
        f"header {base64.b64encode(json.dumps(PAID).encode()).decode()}",
        SIGNATURE.upper(),
        f"r={SIGNATURE[2:66]}",
        f"s=0x{SIGNATURE[66:130]}",
        f"key {account('delegate').key.hex()}",
        f"quote keys 1:{'70' * 32}",
        "Authorization: Bearer devnet-operator",
    ],
)
def test_g8_a_leak_is_found_out(leak):
    with pytest.raises(AssertionError, match="G8"):
        assert_no_secrets(f"2026 INFO everything is fine\n{leak}\n", [buyer.write_header(PAID)])


def test_g8_a_log_of_public_facts_is_no_leak():
    fields = PAID["payload"]["authorization"]
    assert_no_secrets(f"order abc of {fields['from']} with nonce {fields['nonce']} is settled", [PAID])
