"""G4: rows are held against the chain once each, from where the last run ended, by the addresses that are known."""

from dataclasses import replace

import pytest

from scripts.accounts import account
from server.application.reconcile import BALANCE, CHAIN, LEDGER, RANGE, ROWS, judge, reconcile, scan, wallets
from server.domain.books import WalletCursor
from server.domain.evidence import TRANSFER, Mined, RawLog, TransferLog, topic
from server.domain.ledger import reversed_entry
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, put
from tests.fakes.samples import NETWORK

PAID, BLOCK, PRICE = "0x" + "aa" * 32, 12, 50_000
SENDER, ELSEWHERE = account("buyer").address, account("foreign_buyer").address


def shown(recipient):
    logs = (RawLog(DOLLAR.address, (TRANSFER, topic(SENDER), topic(recipient)), PRICE.to_bytes(32, "big"), 0),)
    return Mined(PAID, True, BLOCK, "0xblock", 21_000, logs)


async def booked(clock, chain, *rows, **changes):
    """A paddock with these rows of one order; those that name no block are taken back as well."""
    paddock = bare_paddock(clock, chain, **{"floats": {}} | changes)
    order = await put(paddock, samples.order(asset=DOLLAR.address, amount=PRICE))
    usual = {"transaction": PAID, "block": BLOCK, "block_hash": "0xblock"}
    made = [samples.entry(order, **usual | row) for row in rows]
    made += [reversed_entry(row) for row in made if not row.block_hash]
    async with paddock.db.begin("booked") as work:
        for row in made:
            await work.ledger.add(row)
    return paddock, made


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"block": 5, "block_hash": "0xother"}, 0),
        ({"block": 5, "block_hash": ""}, 2),
        ({"block": BLOCK, "block_hash": ""}, 2),
    ],
    ids=["of another block", "without a block, from outside", "without a block, from within"],
)
async def test_a_transfer_without_a_standing_row_has_the_rows_without_a_block_once_each(clock, row, found):
    delegate = account("delegate").address
    log = TransferLog(PAID, 0, BLOCK, "0xblock", DOLLAR.address, SENDER, delegate, PRICE)
    paddock, made = await booked(clock, Liar(None, transfers=[log]), row | {"debit": f"delegate:{delegate}"})
    [wallet] = wallets(paddock, NETWORK)
    got = await scan(paddock, wallet, 10, 20)
    assert (list(got.rows), got.strange) == (made[:found], [log])


@pytest.mark.parametrize(("full", "told"), [(True, [PAID, "0x2"]), (False, ["0x2"])])
async def test_rows_that_were_compared_are_looked_at_again_only_by_a_full_comparison(clock, full, told):
    chain = Liar(None, mined=None, final_block=20, transfers=[])
    paddock, _ = await booked(clock, chain, {}, {"transaction": "0x2", "round": 1})
    async with paddock.db.begin("rows compared") as work:
        await work.books.check(NETWORK, 0, 1)
    assert [one.transaction for one in await reconcile(paddock, full=full)] == told


@pytest.mark.parametrize(
    ("debit", "agrees"),
    [
        (f"delegate:{ELSEWHERE}", True),
        (f"delegate:{SENDER}", False),
        ("float:acme", True),
        ("float:other", False),
        ("float:gone", True),
        ("delegate:somebody", True),
    ],
)
async def test_a_row_is_held_against_the_addresses_that_its_accounts_stand_for(clock, debit, agrees):
    floats = {"float_addresses": {"acme": ELSEWHERE, "other": SENDER}}
    paddock, _ = await booked(clock, Liar(None, mined=shown(ELSEWHERE)), {"debit": debit}, **floats)
    found = await judge(paddock, NETWORK, PAID, 0)
    assert (found is None) is agrees
    assert agrees or found.detail.endswith(f"as received by {SENDER}, and the chain shows {ELSEWHERE}")


def other(number):
    """One more chain transaction."""
    return f"0x{number:064x}"


@pytest.mark.parametrize(
    ("rows", "block_hash", "where", "words"),
    [
        ([], "0xblock", CHAIN, "50000 moved that the ledger does not know"),
        ([], None, None, None),
        ([(0, "0xblock", True)], "0xblock", CHAIN, "50000 moved that the ledger does not know"),
        ([(0, "0xblock", True)], "0xnewer", None, None),
        ([(0, "0xblock", True)], None, None, None),
        ([(0, "0xblock", False)], "0xblock", None, None),
        ([(0, "0xblock", False)], "0xnewer", LEDGER, "50000 atomic units are booked, and the chain shows none"),
        ([(0, "0xblock", True), (1, "0xnewer", False)], "0xnewer", None, None),
        ([(0, "0xblock", False), (1, "0xblock", False)], "0xblock", LEDGER, "2 rows stand for one Transfer, of orders"),
    ],
    ids=[
        "there, and not booked",
        "neither",
        "taken back, and it stands in its block",
        "taken back, and it stands in another block",
        "taken back, and gone",
        "booked and there",
        "booked in another block",
        "taken back and booked anew",
        "booked twice",
    ],
)
async def test_g4_what_is_wrong_about_one_transfer(clock, rows, block_hash, where, words):
    log = None if block_hash is None else replace(shown(account("merchant").address), block_hash=block_hash)
    paddock = bare_paddock(clock, Liar(None, mined=log), floats={})
    order = await put(paddock, samples.order(asset=DOLLAR.address, amount=PRICE))
    ends = {"debit": f"merchant:{order.terms.merchant}", "transaction": PAID, "block": BLOCK}
    async with paddock.db.begin("booked") as work:
        for number, in_block, taken_back in rows:
            row = samples.entry(order, **ends, block_hash=in_block, round=number)
            await work.ledger.add(row)
            if taken_back:
                await work.ledger.add(reversed_entry(row))
    found = await judge(paddock, NETWORK, PAID, 0)
    assert (found and found.where) == where
    assert found is None or found.detail.startswith(words)


# ----------------------------------------------------------------------------------------------------------- wallets


class Chain(Liar):
    """So many final blocks with Transfers to the delegate wallet, which holds what they brought, and `more`."""

    def __init__(self, final, *blocks, more=0):
        ends = (DOLLAR.address, SENDER, account("delegate").address)
        self.made = [TransferLog(other(block), 0, block, "0xblock", *ends, PRICE) for block in blocks]
        held = more + len(blocks) * PRICE
        super().__init__(None, final_block=final, token_balance=held, transfers=self._found)

    def _found(self, _asset, _address, first, last):
        return [log for log in self.made if first <= log.block <= last]


async def compared(clock, chain, **cursor):
    """A paddock whose only wallet is the delegate's, and how far that was compared."""
    paddock = bare_paddock(clock, chain, floats={})
    if cursor:
        at = WalletCursor(NETWORK, DOLLAR.address, account("delegate").address, block_hash="0xblock", **cursor)
        async with paddock.db.begin("cursor made up") as work:
            await work.books.move(at)
    return paddock


@pytest.mark.parametrize(
    ("cursor", "full", "told"),
    [
        ({}, True, [4, 5, 6, 10, 11]),
        ({}, False, [4, 5, 6, 10, 11]),
        ({"first": 5, "block": 10, "opening": 2 * PRICE, "moved": 2 * PRICE}, True, [6, 10, 11]),
        ({"first": 5, "block": 10, "opening": 2 * PRICE, "moved": 2 * PRICE}, False, [11]),
        ({"first": 5, "block": 11, "opening": 2 * PRICE, "moved": 3 * PRICE}, False, []),
    ],
    ids=["nothing was compared", "the same, not full", "full", "behind what was compared", "all was compared"],
)
async def test_g4_a_full_comparison_begins_where_the_books_began_and_any_other_behind_the_workers(
    clock, cursor, full, told
):
    paddock = await compared(clock, Chain(11, 4, 5, 6, 10, 11), **cursor)
    found = await reconcile(paddock, full=full)
    assert [(one.where, one.transaction) for one in found] == [(CHAIN, other(block)) for block in told]


@pytest.mark.parametrize("full", [True, False])
async def test_g4_a_balance_that_transfers_do_not_explain_is_told(clock, full):
    cursor = {"first": 5, "block": 10, "opening": 0, "moved": PRICE}
    paddock = await compared(clock, Chain(10, 10, more=-1), **cursor)
    [told] = [one for one in await reconcile(paddock, full=full) if one.where == BALANCE]
    assert told.detail.endswith(f"holds {PRICE - 1} of {DOLLAR.address}, and books and funding add up to {PRICE}")


async def test_g4_what_lies_at_the_edges_of_what_is_asked_for_at_once_counts_once(clock):
    blocks = (1, RANGE - 1, RANGE, RANGE + 1, RANGE + 2, 2 * RANGE, 2 * RANGE + 1)
    paddock = await compared(clock, Chain(2 * RANGE + 1, *blocks), first=0, block=0, opening=0)
    found = await reconcile(paddock)
    assert [(one.where, one.transaction) for one in found] == [(CHAIN, other(block)) for block in blocks]


async def test_g4_every_row_is_compared_however_many_there_are(clock):
    rows = [{"transaction": other(number), "round": number} for number in range(ROWS + 1)]
    paddock, _ = await booked(clock, Liar(None, mined=None, final_block=20, transfers=[]), *rows)
    assert [one.transaction for one in await reconcile(paddock)] == [row["transaction"] for row in rows]


async def test_a_chain_transaction_is_asked_for_once_however_many_rows_stand_in_it(clock):
    chain = Liar(None, mined=None, final_block=20, transfers=[])
    paddock, _ = await booked(clock, chain, *({"log_index": number, "round": number} for number in range(3)))
    assert [one.log_index for one in await reconcile(paddock)] == [0, 1, 2]
    assert chain.asked["mined"] == 1
