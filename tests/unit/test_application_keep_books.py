"""G4: books and chain are compared from where the last run ended, up to the last final block and not beyond."""

from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from scripts.accounts import account
from server.application import keep_books as kept
from server.application.cases import SETTLES_WITHIN
from server.application.keep_books import AGAIN, keep_books
from server.application.reconcile import RANGE, ROWS
from server.domain.books import WalletCursor
from server.domain.cases import CaseKind
from server.domain.evidence import DEEPEST_REORG, TRANSFER, Mined, RawLog, TransferLog, topic
from server.domain.outages import ChainUnavailable
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, put
from tests.fakes.samples import NETWORK

WALLET, STRANGER = account("delegate").address, account("buyer").address
YOUNG = int(SETTLES_WITHIN.total_seconds())


def hash_of(number):
    return f"0x{number:064x}"


def moved(block, amount=5, sender=STRANGER, recipient=WALLET, index=0):
    return TransferLog(f"0x{block}", index, block, hash_of(block), DOLLAR.address, sender, recipient, amount)


class Chain(Liar):
    """So many final blocks, long ago unless `times` says when; the wallet holds what Transfers brought, and `more`."""

    def __init__(self, final, *transfers, times=None, more=0):
        self.final, self.made, self.times, self.more = final, list(transfers), times or {}, more
        told = {"final_block": lambda: self.final, "block_hash": self._hash, "token_balance": self._balance}
        super().__init__(
            None, **told, transfers=self._found, block_time=lambda n: self.times.get(n, 0), mined=self._mined
        )

    def _hash(self, number):
        return hash_of(number) if number <= self.final else None

    def _found(self, asset, address, first, last):
        own = [one for one in self.made if one.asset == asset and first <= one.block <= last]
        return [one for one in own if address in (one.sender, one.recipient)]

    def _balance(self, _asset, address, block):
        own = [one for one in self.made if one.block <= block]
        return self.more + sum(one.amount * ((one.recipient == address) - (one.sender == address)) for one in own)

    def _mined(self, transaction):
        own = [one for one in self.made if one.transaction == transaction]
        logs = tuple(
            RawLog(
                one.asset,
                (TRANSFER, topic(one.sender), topic(one.recipient)),
                one.amount.to_bytes(32, "big"),
                one.log_index,
            )
            for one in own
        )
        return Mined(transaction, True, own[0].block, own[0].block_hash, 21_000, logs) if own else None


def opened(clock, chain):
    """A paddock whose only wallet is the delegate's."""
    return bare_paddock(clock, chain, floats={})


async def cursor(paddock):
    async with paddock.db.read() as view:
        return await view.books.cursor(NETWORK, DOLLAR.address, WALLET)


async def put_cursor(paddock, block, **changes):
    async with paddock.db.begin("cursor made up") as work:
        at = WalletCursor(NETWORK, DOLLAR.address, WALLET, 0, block, hash_of(block), 0)
        await work.books.move(replace(at, **changes))


async def cases(paddock):
    async with paddock.db.read() as view:
        return [(case.kind, case.detail) for case in await view.cases.listed(100)]


@pytest.mark.parametrize("final", [0, 10, DEEPEST_REORG + 10])
async def test_the_first_comparison_begins_a_reorganisation_below_the_newest_final_block(clock, final):
    paddock = opened(clock, Chain(final, more=70))
    assert await keep_books(paddock, "") is None
    found = await cursor(paddock)
    assert (found.first, found.block, found.block_hash) == (max(0, final - DEEPEST_REORG), final, hash_of(final))
    assert (found.opening, found.moved) == (70, 0)


@pytest.mark.parametrize("oldest", [DEEPEST_REORG + 5, 5])
async def test_the_first_comparison_begins_a_reorganisation_below_the_oldest_row(clock, oldest):
    order = samples.order()
    paddock = opened(clock, Chain(3 * DEEPEST_REORG))
    await put(paddock, order)
    await booked(paddock, row(order, oldest + 1)[0], row(order, oldest, round=1)[0])
    await keep_books(paddock, "")
    assert (await cursor(paddock)).first == max(0, oldest - DEEPEST_REORG)


@pytest.mark.parametrize(
    ("final", "again"), [(kept.RANGES * RANGE - 1, None), (kept.RANGES * RANGE, None), (kept.RANGES * RANGE + 1, AGAIN)]
)
async def test_a_run_goes_so_many_ranges_and_the_next_comes_at_once_if_there_is_more(clock, final, again):
    paddock = opened(clock, Chain(final))
    await put_cursor(paddock, 0)
    assert await keep_books(paddock, "") == again
    reached = min(final, kept.RANGES * RANGE)
    assert (await cursor(paddock)).block == reached
    of_wallet = {"network": NETWORK, "wallet": f"delegate {WALLET[:10]} {DOLLAR.address[:10]}"}
    assert REGISTRY.get_sample_value("paddock_reconcile_blocks_behind", of_wallet) == final - reached


async def test_nothing_is_asked_again_of_blocks_that_were_compared(clock):
    chain = Chain(10)
    paddock = opened(clock, chain)
    await put_cursor(paddock, 10)
    assert await keep_books(paddock, "") is None
    assert chain.asked["transfers"] == 0
    chain.final = 11
    await keep_books(paddock, "")
    assert (chain.asked["transfers"], (await cursor(paddock)).block) == (1, 11)


@pytest.mark.parametrize(("age", "told"), [(YOUNG - 1, False), (YOUNG, True)])
async def test_a_transfer_that_the_books_do_not_know_is_told_at_exactly_its_age(clock, age, told):
    now = int(clock.now().timestamp())
    paddock = opened(clock, Chain(10, moved(7), times={7: now - age}))
    await put_cursor(paddock, 5)
    await keep_books(paddock, "")
    assert (await cursor(paddock)).block == (10 if told else 6), "it is waited for, and what is before it is passed"
    assert [kind for kind, _ in await cases(paddock)] == ([CaseKind.UNTRACKED_TRANSFER] if told else [])


@pytest.mark.parametrize(("age", "told"), [(YOUNG - 1, False), (YOUNG, True)])
async def test_an_age_counts_by_the_chains_own_clock_if_that_is_ahead(clock, age, told):
    ahead = int(clock.now().timestamp()) + 10 * YOUNG
    paddock = opened(clock, Chain(10, moved(7), times={10: ahead, 7: ahead - age}))
    await put_cursor(paddock, 5)
    await keep_books(paddock, "")
    assert bool(await cases(paddock)) is told


async def test_a_young_transfer_in_the_next_block_is_waited_for(clock):
    now = int(clock.now().timestamp())
    paddock = opened(clock, Chain(10, moved(6), times={6: now}))
    await put_cursor(paddock, 5)
    assert await keep_books(paddock, "") is None
    assert (await cursor(paddock)).block == 5


async def test_up_to_a_young_transfer_all_is_added_up_and_told_and_nothing_of_it(clock):
    now = int(clock.now().timestamp())
    paddock = opened(clock, Chain(10, moved(6, 50), moved(7, 20), moved(8, 10), times={8: now}))
    await put_cursor(paddock, 5)
    for _ in range(2):
        await keep_books(paddock, "")
        assert ((await cursor(paddock)).block, (await cursor(paddock)).moved) == (7, 70)
        assert sorted(detail.split()[0] for _, detail in await cases(paddock)) == ["20", "50"]
    clock.advance(YOUNG)
    await keep_books(paddock, "")
    assert ((await cursor(paddock)).block, (await cursor(paddock)).moved) == (10, 80)
    assert len(await cases(paddock)) == 3


@pytest.mark.parametrize(("out", "told"), [(False, 0), (True, 1)], ids=["its funding", "what leaves it"])
async def test_what_comes_into_a_float_is_its_funding_and_what_leaves_it_must_be_booked(clock, out, told):
    at = account("float").address
    ends = {"sender": at, "recipient": STRANGER} if out else {"sender": STRANGER, "recipient": at}
    paddock = bare_paddock(clock, Chain(10, moved(7, **ends), more=5), floats={}, float_addresses={"paddock": at})
    async with paddock.db.begin("cursors made up") as work:
        await work.books.move(WalletCursor(NETWORK, DOLLAR.address, at, 0, 5, hash_of(5), 5))
    await keep_books(paddock, "")
    assert [kind for kind, _ in await cases(paddock)] == [CaseKind.UNTRACKED_TRANSFER] * told


async def test_g4_a_case_is_noted_when_ledger_and_chain_agree_again(clock):
    order = samples.order()
    one, log = row(order)
    paddock = opened(clock, Chain(10))
    await put(paddock, order)
    await booked(paddock, one)
    clock.advance(YOUNG)
    await keep_books(paddock, "")
    async with paddock.db.read() as view:
        [case] = await view.cases.listed(100)
    paddock.chain.made.append(log)
    for _ in range(2):
        await keep_books(paddock, "")
    async with paddock.db.read() as view:
        assert [event.what for event in await view.cases.timeline(case.id)] == ["opened", "ledger and chain agree"]


async def test_what_moves_is_added_up_and_held_against_the_balance(clock):
    chain = Chain(10, moved(6, 50), moved(7, 20, WALLET, STRANGER))
    paddock = opened(clock, chain)
    await put_cursor(paddock, 5)
    await keep_books(paddock, "")
    assert ((await cursor(paddock)).moved, (await cursor(paddock)).opening) == (30, 0)
    assert CaseKind.DIFFERENCE not in [kind for kind, _ in await cases(paddock)]
    chain.more, chain.final = 7, 11
    await keep_books(paddock, "")
    assert (await cursor(paddock)).opening == 7
    details = [detail for kind, detail in await cases(paddock) if kind is CaseKind.DIFFERENCE]
    assert details == [f"delegate:{WALLET} holds 37 of {DOLLAR.address}, and books and funding add up to 30"]
    await keep_books(paddock, "")
    assert len([kind for kind, _ in await cases(paddock) if kind is CaseKind.DIFFERENCE]) == 1


async def test_f18_a_node_behind_the_cursor_changes_nothing(clock):
    paddock = opened(clock, Chain(10))
    await put_cursor(paddock, 11)
    assert await keep_books(paddock, "") is None
    assert ((await cursor(paddock)).block, await cases(paddock)) == (11, [])


@pytest.mark.parametrize(("block", "back"), [(DEEPEST_REORG + 9, 9), (10, 3)])
async def test_f17_a_final_block_that_is_another_one_now_is_told_and_compared_again(clock, block, back):
    paddock = opened(clock, Chain(DEEPEST_REORG + 20))
    await put_cursor(paddock, block, block_hash="0xold", first=3, moved=9)
    assert await keep_books(paddock, "") is None
    found = await cursor(paddock)
    assert (found.first, found.block, found.block_hash) == (back, back, hash_of(back))
    assert (found.opening, found.moved) == (None, 0)
    [(kind, detail)] = await cases(paddock)
    assert (kind, detail.startswith(f"block {block} was final")) == (CaseKind.DIFFERENCE, True)


async def test_f18_a_network_that_does_not_answer_is_told_after_the_others_were_compared(clock):
    chain = Chain(10)
    chain.lies["final_block"] = ChainUnavailable("down")
    with pytest.raises(ChainUnavailable, match="down"):
        await keep_books(opened(clock, chain), "")


# -------------------------------------------------------------------------------------------------------------- rows


async def booked(paddock, *rows):
    async with paddock.db.begin("booked") as work:
        for row in rows:
            await work.ledger.add(row)


async def checked(paddock):
    async with paddock.db.read() as view:
        return await view.books.checked(NETWORK)


def row(order, block=6, **changes):
    found = moved(block, sender=order.authorization.payer, recipient=order.terms.pay_to)
    usual = {"transaction": found.transaction, "block": block, "block_hash": found.block_hash, "amount": found.amount}
    return samples.entry(order, **usual | {"asset": DOLLAR.address} | changes), found


@pytest.mark.parametrize(("early", "passed"), [(0.000001, 0), (0, 1)])
async def test_a_row_is_compared_at_exactly_its_age(clock, early, passed):
    order = samples.order()
    one, log = row(order)
    paddock = opened(clock, Chain(10, log))
    await put(paddock, order)
    await booked(paddock, one)
    clock.advance(YOUNG - early)
    await keep_books(paddock, "")
    assert (await checked(paddock), await cases(paddock)) == (passed, [])


@pytest.mark.parametrize(("block", "passed"), [(10, 1), (11, 0)])
async def test_a_right_row_is_passed_for_good_when_its_block_is_final(clock, block, passed):
    order = samples.order()
    one, log = row(order, block)
    paddock = opened(clock, Chain(10, log))
    await put(paddock, order)
    await booked(paddock, one)
    clock.advance(YOUNG)
    await keep_books(paddock, "")
    assert await checked(paddock) == passed


@pytest.mark.parametrize(("block_hash", "told"), [("", False), (hash_of(6), True)])
async def test_g4_a_row_that_the_chain_does_not_show_is_told_once_and_passed(clock, block_hash, told):
    order = samples.order()
    one, _ = row(order, block_hash=block_hash)
    paddock = opened(clock, Chain(10))
    await put(paddock, order)
    await booked(paddock, one)
    clock.advance(YOUNG)
    for _ in range(2):
        await keep_books(paddock, "")
    assert await checked(paddock) == 1
    assert [kind for kind, _ in await cases(paddock)] == ([CaseKind.DIFFERENCE] if told else [])


@pytest.mark.parametrize(
    ("reached", "told"),
    [(2, ["0x200"]), (1, ["0x200"]), (0, ["0x40", "0x200"])],
    ids=["both were compared", "one was compared", "none was compared"],
)
async def test_f17_rows_of_blocks_that_may_be_other_ones_now_are_compared_again_and_no_others(clock, reached, told):
    order = samples.order()
    rows = [row(order, block, round=block)[0] for block in (40, 200)]
    paddock = opened(clock, Chain(300))
    await put(paddock, order)
    await booked(paddock, *rows)
    await put_cursor(paddock, 40 + DEEPEST_REORG + 1, block_hash="0xold")
    async with paddock.db.begin("rows compared") as work:
        await work.books.check(NETWORK, 0, reached)
    clock.advance(YOUNG)
    await keep_books(paddock, "")
    async with paddock.db.read() as view:
        own = [case.subject.split(":")[2] for case in await view.cases.listed(100)]
    assert sorted(one for one in own if one.startswith("0x")) == sorted(told)
    assert await checked(paddock) == 2


async def test_f17_rows_stay_compared_where_all_lie_below_what_is_compared_again(clock):
    order = samples.order()
    paddock = opened(clock, Chain(300))
    await put(paddock, order)
    await booked(paddock, row(order, 40)[0])
    await put_cursor(paddock, 40 + DEEPEST_REORG + 1, block_hash="0xold")
    async with paddock.db.begin("rows compared") as work:
        await work.books.check(NETWORK, 0, 1)
    clock.advance(YOUNG)
    await keep_books(paddock, "")
    assert (await checked(paddock), len(await cases(paddock))) == (1, 1)


@pytest.mark.parametrize(("number", "again"), [(ROWS - 1, None), (ROWS, AGAIN)])
async def test_the_next_run_comes_at_once_after_as_many_rows_as_are_compared_at_a_time(clock, number, again):
    order, paddock = samples.order(), opened(clock, Chain(10))
    await put(paddock, order)
    await booked(paddock, *(row(order, block_hash="", log_index=n, round=n)[0] for n in range(number)))
    clock.advance(YOUNG)
    assert await keep_books(paddock, "") == again
    assert await checked(paddock) == number
