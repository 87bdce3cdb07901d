"""An older copy of the database beside a chain that went on: what it knows ends by the chain, the rest is found."""

from dataclasses import replace

import pytest

from protocol.payment import Method
from scripts.accounts import account
from server.application.execute import execute
from server.application.keep_books import keep_books
from server.application.reconcile import reconcile
from server.application.recover import recover
from server.domain.cases import CaseKind
from server.domain.sending import TransactionState
from tests.simulation.transfer_world import PRICE, open_transfers
from tests.simulation.world import RICH, WorldBuyer, open_world

DIRECT = ("claim", "ready", "settlement admitted", "settlement signed", "settlement recorded", "settled", "final")
DELEGATE = ("claim", "settlement signed", "settled", "callback signed", "callback done", "final", "chained")
REFUND = ("settled", "callback failed", "refund signed", "refunded", "final")


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


def copy_at(world, label):
    """Copies of the database: the first one after that unit of work."""
    copies = []

    def look(name, when):
        if (name, when) == (label, "committed") and not copies:
            copies.append(world.db.tables.copy())

    world.db.hooks.append(look)
    return copies


async def buy(world, service, method="GET"):
    quoted = await world.buyer.ask(world.url(service), method, {} if method == "POST" else None)
    header = world.buyer.pay(quoted)
    async with world.workers():
        answer = await world.buyer.present(quoted, header)
    return quoted, header, answer.status_code


async def restored(world, copies):
    """The copy in place of what was written since, and everything that still comes of it."""
    await world.work(30)
    (copy,) = copies
    world.db.tables = copy
    await world.work(400)
    assert await reconcile(world.paddock) == []


@pytest.mark.parametrize("label", DIRECT)
async def test_a_direct_order_ends_by_the_chain_whatever_the_restored_copy_knows_of_it(world, label):
    copies = copy_at(world, label)
    quoted, header, status = await buy(world, "echo")
    assert status == 200
    await restored(world, copies)
    order = await world.order(quoted.id)
    if label == "claim":  # the answer was never stored: the money came for an order that had ended
        assert (order.payment, order.money_back) == ("settled", "refunded")
    else:
        assert order.shown == "completed"
        again = await world.buyer.present(quoted, header)
        assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert world.settlements() == 1


@pytest.mark.parametrize("label", DELEGATE)
async def test_a_delegate_order_is_paid_out_once_whatever_the_restored_copy_knows_of_it(world, label):
    copies = copy_at(world, label)
    quoted, _header, status = await buy(world, "access-pass", "POST")
    assert status == 200
    await restored(world, copies)
    assert (await world.order(quoted.id)).shown == "completed"


@pytest.mark.parametrize("label", REFUND)
async def test_a_refund_is_sent_once_whatever_the_restored_copy_knows_of_it(world, label):
    assert (await buy(world, "launch-pass", "POST"))[2] == 200
    await world.work(30)
    copies = copy_at(world, label)
    quoted, _header, status = await buy(world, "launch-pass", "POST")
    assert status == 502
    await restored(world, copies)
    assert (await world.order(quoted.id)).money_back == "refunded"


async def test_a_direct_payment_that_the_copy_does_not_know_gets_one_case_with_payer_amount_and_transaction(world):
    assert (await buy(world, "echo"))[2] == 200
    await world.work(10)
    copy = world.db.tables.copy()
    quoted, _header, status = await buy(world, "echo-dear")
    assert status == 200
    transaction = (await world.order(quoted.id)).settlement_tx
    world.db.tables = copy
    world.foreign.add(transaction)
    merchants = world.paddock.merchants
    for _ in range(2):
        (case,) = await recover(world.paddock, merchants)
        assert (case.kind, case.merchant, transaction in case.subject) == (CaseKind.LOST_PAYMENT, "paddock", True)
        assert f"50000 atomic units of {world.paddock.market.asset.address}" in case.detail
        assert world.buyer.account.address in case.detail
    assert await recover(world.paddock, merchants, world.chain.blocks[-1].number + 1) == []
    await world.work(400)
    assert await reconcile(world.paddock) == []


async def test_what_is_booked_for_one_of_two_merchants_of_an_address_is_not_lost_for_the_other(world):
    assert (await buy(world, "echo"))[2] == 200
    await world.work(10)
    own = world.paddock.merchants["paddock"]
    assert await recover(world.paddock, {"paddock": own, "other": replace(own, id="other")}) == []


async def test_a_payment_that_a_known_order_waits_for_is_not_taken_for_a_lost_one(world):
    copies = copy_at(world, "settlement admitted")
    assert (await buy(world, "echo"))[2] == 200
    world.db.tables = copies[0]
    assert await recover(world.paddock, world.paddock.merchants) == []


async def compare(world):
    """Ledger and chain, up to the newest block."""
    while await keep_books(world.paddock, "books") is not None:
        pass


async def test_a_delegate_payment_that_the_copy_does_not_know_is_found_by_the_comparison_of_the_books(world):
    await compare(world)
    copy = world.db.tables.copy()
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 202
    transaction = (await world.order(quoted.id)).settlement_tx
    world.db.tables = copy
    world.foreign.add(transaction)
    await world.work(400)
    await compare(world)
    async with world.db.read() as view:
        (case,) = await view.cases.listed(10, kind=CaseKind.UNTRACKED_TRANSFER)
    assert transaction in case.subject


async def test_a_callback_whose_nonce_something_else_used_is_sent_again(world):
    """As after a restore: the key's nonces went on without the database."""
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 202
    world.chain.drop_next = 1
    await execute(world.paddock, quoted.id)
    other = await world.buyer.ask(world.url("echo"))
    await world.submit_as_stranger(world.buyer.pay(other), by="delegate")
    await world.work(60)
    order = await world.order(quoted.id)
    assert order.shown == "completed"
    async with world.db.read() as view:
        sent = [one for one in world.db.tables.transactions.values() if one.subject == quoted.id]
        assert (await view.transactions.of("callback", quoted.id)).state is TransactionState.SUCCEEDED
    assert sorted(one.state for one in sent) == [TransactionState.LOST, TransactionState.SUCCEEDED]


def noted(chain):
    """The methods of the payments whose nonces the chain is asked about from now on."""
    asked, honest = [], chain.nonce_used

    async def nonce_used(spend, block=None):
        asked.append(spend.method)
        return await honest(spend, block)

    chain.nonce_used = nonce_used
    return asked


async def test_what_a_merchant_pays_by_itself_is_no_lost_payment():
    async with open_transfers() as there:
        world = there.world
        merchant = WorldBuyer(world.client, account("merchant"), clock=world.clock)
        world.foreign.add(await there.send(1_000_000))
        copy = world.db.tables.copy()
        quoted = await merchant.ask(world.url("access-pass"), "POST", {})
        assert (await merchant.present(quoted, merchant.pay(quoted))).status_code == 202
        world.foreign.add((await world.order(quoted.id)).settlement_tx)
        world.db.tables = copy
        assert await recover(world.paddock, world.paddock.merchants) == []


async def test_plain_transfers_are_read_on_by_the_watcher_and_are_no_lost_payments():
    async with open_transfers() as there:
        world = there.world
        known = await there.order()
        copy = world.db.tables.copy()
        other = WorldBuyer(world.client, clock=world.clock)
        world.chain.give(other.account.address, RICH)
        unknown = await there.order(buyer=other)
        await there.send(PRICE)
        world.foreign.add(await there.send(PRICE, other))
        await world.work(20)
        assert {(await there.stored(one)).shown for one in (known, unknown)} == {"completed"}
        world.db.tables = copy
        asked = noted(world.chain)
        assert await recover(world.paddock, world.paddock.merchants) == []
        assert Method.TRANSFER not in asked, "a token without authorizations would revert"
        await world.work(60)
        assert (await there.stored(known)).shown == "completed"
        async with world.db.read() as view:
            (case,) = await view.cases.listed(10)
        assert (case.kind, other.account.address in case.detail) == (CaseKind.UNTRACKED_TRANSFER, True)
