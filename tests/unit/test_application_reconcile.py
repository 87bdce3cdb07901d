"""G4: rows are held against the chain once each, from where the last run ended, by the addresses that are known."""

import pytest

from scripts.accounts import account
from server.application.reconcile import judge, reconcile, scan, wallets
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
