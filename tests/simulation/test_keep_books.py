"""G4: the books are compared with the chain for ever, from where the last comparison ended; what differs is told."""

from dataclasses import replace
from itertools import pairwise

import pytest

from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application import keep_books as keeping
from server.application.cases import SETTLES_WITHIN
from server.application.keep_books import AGAIN, BEHIND, keep_books
from server.application.reconcile import RANGE, reconcile, wallets
from server.application.refund_by_hand import refund_by_hand
from server.application.send import prepare
from server.domain.calls import encode_call
from server.domain.cases import CaseKind, CaseState
from server.domain.errors import StaleWrite
from server.domain.evidence import DEEPEST_REORG
from server.domain.outages import ChainUnavailable
from server.domain.states import MoneyBackState
from tests.simulation.world import TOKEN, open_world

OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


@pytest.fixture
def asked(world, monkeypatch):
    """The ranges of blocks that Transfers of the delegate wallet are asked for, in turn."""
    found, transfers = [], world.chain.transfers

    async def recorded(asset, address, first=0, last=None):
        if address == world.paddock.market.delegate:
            found.append((first, last))
        return await transfers(asset, address, first, last)

    monkeypatch.setattr(world.chain, "transfers", recorded)
    return found


async def buy(world, service="access-pass"):
    """A purchase that is final; its order."""
    method, body = ("GET", None) if service == "echo" else ("POST", {})
    quoted = await world.buyer.ask(world.url(service), method, body)
    async with world.workers():
        assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    await world.work(10)
    return await world.order(quoted.id)


async def refunded(world):
    """A delivered DIRECT order whose money went back from the float."""
    order = await buy(world, "echo")
    await refund_by_hand(world.paddock, order.id, retry=False)
    await world.work(20)
    order = await world.order(order.id)
    assert order.money_back is MoneyBackState.REFUNDED
    return order


async def moved_by(world, role, to, amount=777):
    """Somebody with that role's key moves the asset; the chain transaction's hash."""
    key = LocalSigner(account(role).key.hex())
    if role == "stranger":
        world.chain.give(key.address, amount)
    asset = world.paddock.market.asset.address
    prepared = await prepare(world.chain, key, asset, encode_call("transfer(address,uint256)", to, amount))
    signed = await key.sign(31337, prepared.chain_nonce, prepared.call, prepared.gas, prepared.fees)
    await world.chain.send(signed.raw)
    world.foreign.add(signed.hash)
    return signed.hash


async def kept(world, seconds=0.0):
    """The cases after a complete comparison, so much later."""
    world.clock.advance(seconds)
    while await keep_books(world.paddock, "books") is not None:
        pass
    return list(world.db.tables.cases.values())


async def decided(world, case):
    """A person says where the money came from."""
    body = {"outcome": "rejection", "reason": "the operator put it in"}
    answer = await world.client.post(f"/api/cases/{case.id}/resolve", json=body, headers=OPERATOR)
    assert answer.status_code == 200


LATER = SETTLES_WITHIN.total_seconds() + 5


def tampered(world, kind, **changes):
    """Change a row behind the back of the database's rules; the row as it was."""
    rows = world.db.tables.entries
    index = next(index for index, row in enumerate(rows) if row.kind == kind)
    was = rows[index]
    rows[index] = replace(was, **changes)
    return index, was


# ------------------------------------------------------------------------------------------------------- in agreement


async def test_g4_direct_delegate_and_refunded_orders_leave_books_that_agree_in_every_wallet(world):
    await kept(world)
    await buy(world)
    await buy(world, "echo")
    await refunded(world)
    assert await kept(world, LATER) == []
    assert await kept(world, LATER) == []
    assert await reconcile(world.paddock) == await reconcile(world.paddock, full=False) == []
    cursors = world.db.tables.wallet_cursors.values()
    assert len(cursors) == len(wallets(world.paddock, world.paddock.market.network)) == 2
    assert {one.block for one in cursors} == {await world.chain.final_block()}
    assert world.db.tables.row_cursors == {world.paddock.market.network: len(world.db.tables.entries)}


async def test_a_comparison_goes_on_where_the_last_one_ended_and_asks_for_no_block_twice(world, asked):
    await kept(world)
    for _ in range(3):
        world.clock.advance(30)
        await kept(world)
    assert all(second[0] == first[1] + 1 for first, second in pairwise(asked))
    final = await world.chain.final_block()
    assert asked[-1][1] == final
    assert all(last <= final for _, last in asked)


async def test_a_long_way_is_gone_in_bounded_ranges_over_several_runs(world, asked, monkeypatch):
    monkeypatch.setattr(keeping, "RANGE", 7)
    monkeypatch.setattr(keeping, "RANGES", 2)
    world.chain.mine(100)
    waits = [await keep_books(world.paddock, "books") for _ in range(20)]
    assert waits[0] == AGAIN
    assert waits[-1] is None
    assert all(last - first + 1 <= 7 for first, last in asked)
    assert len(asked) > 4
    assert RANGE <= 1_000


async def test_how_far_behind_the_comparison_is_can_be_seen(world, monkeypatch):
    monkeypatch.setattr(keeping, "RANGE", 5)
    monkeypatch.setattr(keeping, "RANGES", 1)
    world.chain.mine(100)
    (wallet, _) = wallets(world.paddock, world.paddock.market.network)
    gauge = BEHIND.labels(wallet.network, wallet.name)
    await keep_books(world.paddock, "books")
    first = gauge._value.get()
    await keep_books(world.paddock, "books")
    assert first - gauge._value.get() == 5
    await kept(world)
    assert gauge._value.get() == 0


async def test_of_two_workers_at_once_one_moves_the_cursor(world):
    await kept(world)
    world.clock.advance(30)
    stale = dict(world.db.tables.wallet_cursors)
    await kept(world)
    with pytest.raises(StaleWrite):
        async with world.db.begin("test") as work:
            await work.books.move(next(iter(stale.values())))


async def test_f18_a_chain_that_does_not_answer_loses_nothing(world):
    await kept(world)
    before = dict(world.db.tables.wallet_cursors)
    transaction = await moved_by(world, "stranger", world.paddock.market.delegate)
    world.clock.advance(LATER)
    world.chain.unavailable = True
    with pytest.raises(ChainUnavailable):
        await keep_books(world.paddock, "books")
    world.chain.unavailable = False
    assert world.db.tables.wallet_cursors == before
    (case,) = await kept(world)
    assert transaction in case.subject


# ------------------------------------------------------------------------------------------------------- differences


async def test_g4_what_left_a_float_for_no_refund_opens_a_case_and_what_came_in_is_its_funding(world):
    await kept(world)
    float_at = account("float").address
    await moved_by(world, "stranger", float_at, 1_000)
    assert await kept(world, LATER) == []
    taken = await moved_by(world, "float", account("stranger").address, 500)
    (case,) = await kept(world, LATER)
    assert (case.kind, case.subject.split(":")[2]) == (CaseKind.UNTRACKED_TRANSFER, taken)
    assert [one.transaction for one in await reconcile(world.paddock)] == [taken]
    world.chain.give(float_at, -500)


async def test_a_case_that_was_decided_declares_the_money_and_it_is_not_told_again(world):
    await kept(world)
    await moved_by(world, "stranger", world.paddock.market.delegate)
    (case,) = await kept(world, LATER)
    await decided(world, case)
    assert [one.state for one in await kept(world, LATER)] == [CaseState.RESOLVED]
    assert await reconcile(world.paddock) == []
    for key, cursor in world.db.tables.wallet_cursors.items():  # as after a deep reorganisation: all is compared again
        world.db.tables.wallet_cursors[key] = replace(cursor, block=cursor.first, block_hash="", opening=None, moved=0)
    assert [one.state for one in await kept(world)] == [CaseState.RESOLVED]


async def test_a_transfer_that_is_booked_late_opens_no_case_and_is_never_skipped(world):
    await kept(world)
    order = await buy(world)
    rows, booked = world.db.tables.entries[:], world.db.tables.booked[:]
    del world.db.tables.entries[:], world.db.tables.booked[:]  # as if the worker that books were away
    assert await kept(world, 20) == []
    behind = {one.block for one in world.db.tables.wallet_cursors.values() if one.address != account("float").address}
    assert max(behind) < order.settlement_block
    world.db.tables.entries, world.db.tables.booked = rows, booked
    assert await kept(world, LATER) == []


WRONG = [
    ("settlement", {"amount": 9_999}),
    ("settlement", {"amount": 10_001}),
    ("settlement", {"asset": "0x" + "22" * 20}),
    ("settlement", {"block_hash": "0x" + "33" * 32}),
    ("settlement", {"transaction": "0x" + "44" * 32}),
    ("settlement", {"log_index": 7}),
    ("settlement", {"credit": "payer:0x" + "55" * 20}),
    ("refund", {"debit": "payer:0x" + "55" * 20}),
    ("refund", {"amount": 1}),
    ("refund", {"credit": "delegate:0x" + "55" * 20}),
]


@pytest.mark.parametrize(("kind", "changes"), WRONG)
async def test_g4_a_row_of_a_merchant_or_a_float_that_the_chain_shows_otherwise_opens_a_case(world, kind, changes):
    await kept(world)
    await refunded(world)
    index, was = tampered(world, kind, **changes)
    found = await kept(world, LATER)
    assert CaseKind.DIFFERENCE in {case.kind for case in found}
    differences = await reconcile(world.paddock)
    assert "ledger" in {one.where for one in differences}
    world.db.tables.entries[index] = was
    assert await reconcile(world.paddock) == []
    await kept(world)
    last = {event.case_id: event.what for event in world.db.tables.case_events}
    assert {last[case.id] for case in found} == {"ledger and chain agree"}


async def test_g4_a_merchants_payment_that_went_to_somebody_else_opens_a_case(world):
    await kept(world)
    order = await buy(world, "echo")
    terms = replace(order.terms, pay_to=account("stranger").address)
    world.db.tables.orders[order.id] = replace(world.db.tables.orders[order.id], terms=terms)
    (case,) = await kept(world, LATER)
    assert (case.kind, case.order_id) == (CaseKind.DIFFERENCE, order.id)
    world.db.tables.orders[order.id] = replace(world.db.tables.orders[order.id], terms=order.terms)


async def test_g4_a_row_that_is_slipped_in_below_what_was_compared_is_found(world):
    order = await buy(world)
    await kept(world, LATER)
    forged = replace(world.db.tables.entries[0], kind="payout2", transaction="0x" + "77" * 32, block=1, round=5)
    world.db.tables.entries.append(forged)
    world.db.tables.booked.append(world.clock.now())
    (case,) = await kept(world, LATER)
    assert (case.kind, "0x" + "77" * 32 in case.subject) == (CaseKind.DIFFERENCE, True)
    assert order.id not in case.detail
    del world.db.tables.entries[-1], world.db.tables.booked[-1]


async def test_g4_a_reversal_of_what_the_chain_still_shows_opens_a_case(world):
    await kept(world)
    await buy(world, "echo")
    row = world.db.tables.entries[0]
    world.db.tables.entries.append(replace(row, debit=row.credit, credit=row.debit, reversal=True))
    world.db.tables.booked.append(world.clock.now())
    (case,) = await kept(world, LATER)
    assert case.kind is CaseKind.UNTRACKED_TRANSFER
    del world.db.tables.entries[-1], world.db.tables.booked[-1]


async def test_g4_a_row_from_before_rows_named_their_block_stands_for_its_transfer(world):
    await buy(world)
    await buy(world)
    index, was = tampered(world, "settlement", block=0, block_hash="")
    assert await kept(world, LATER) == []
    assert await reconcile(world.paddock, full=True) == []
    tampered(world, "settlement", transaction="0x" + "44" * 32)
    assert {one.where for one in await reconcile(world.paddock, full=True)} == {"chain"}
    world.db.tables.entries[index] = was


async def test_g4_a_second_difference_of_a_balance_opens_a_case_though_the_first_was_decided(world):
    await kept(world)
    for count in (1, 2):
        world.chain.give(world.paddock.market.delegate, 5)
        found = await kept(world, 30)
        assert [case.state for case in found].count(CaseState.OPEN) == 1
        assert len(found) == count
        await decided(world, next(case for case in found if case.state is CaseState.OPEN))
    world.chain.give(world.paddock.market.delegate, -10)


async def test_g4_a_balance_that_no_transfer_explains_opens_one_case(world):
    await kept(world)
    await buy(world)
    assert await kept(world, LATER) == []
    world.chain.give(world.paddock.market.delegate, 5)
    assert "balance" in {one.where for one in await reconcile(world.paddock, full=False)}
    (case,) = await kept(world, 30)
    assert (case.kind, case.subject.split(":")[2].split()[0]) == (CaseKind.DIFFERENCE, "delegate")
    assert len(await kept(world, 30)) == 1
    world.chain.give(world.paddock.market.delegate, -5)


async def test_g4_the_whole_scan_holds_balances_against_books_and_funding(world):
    await kept(world)
    await buy(world)
    await moved_by(world, "stranger", account("float").address)
    await kept(world, LATER)
    assert await reconcile(world.paddock, full=True) == []
    index, was = tampered(world, "payout", amount=9_999)
    assert {one.where for one in await reconcile(world.paddock, full=True)} == {"ledger", "balance"}
    world.db.tables.entries[index] = was


# ------------------------------------------------------------------------------------------------- below finality


async def test_f17_a_reorganisation_below_finality_is_told_and_all_since_is_compared_again(world, asked):
    await kept(world)
    await buy(world)
    assert await kept(world, LATER) == []
    (cursor, _) = world.db.tables.wallet_cursors.values()
    depth = len(world.chain.blocks) - cursor.block
    world.chain.reorganise(depth + 1, keep=True)
    del asked[:]
    (case,) = await kept(world)
    assert (case.kind, case.subject) == (CaseKind.DIFFERENCE, f"{cursor.network}:{cursor.block}:0")
    assert "was final" in case.detail
    await kept(world)
    assert asked[0][0] <= max(cursor.first, cursor.block - DEEPEST_REORG) + 1
    assert world.db.tables.row_cursors[cursor.network] == len(world.db.tables.entries)


async def test_f18_a_node_that_lags_behind_the_cursor_is_waited_for(world):
    await kept(world)
    before = dict(world.db.tables.wallet_cursors)
    world.chain.lag = 50
    assert await kept(world) == []
    assert world.db.tables.wallet_cursors == before
    world.chain.lag = 0
    assert await kept(world, 30) == []
