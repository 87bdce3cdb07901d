"""The feed of transfers: whoever follows its cursor gets what SQL selects, each once, whatever comes in between."""

import sqlite3

import msgspec
import pytest

from server.domain.evidence import TransferLog
from server.domain.outages import ChainUnavailable
from server.services import transfer_feed
from server.services.arguments import parse_arguments
from server.services.service import ServiceError
from server.services.transfer_feed import Feed
from tests.fakes.chain_reader import FakeChainReader
from tests.unit.services_oracle_context import ASSET, context

ALICE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
BOB = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
CAROL = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
MOVES = [
    *((3, 0, BOB, ALICE, 5), (3, 1, ALICE, BOB, 2_500_000), (3, 7, BOB, CAROL, 1), (5, 0, ALICE, ALICE, 9)),
    *((8, 2, CAROL, ALICE, 4), (8, 3, ALICE, CAROL, 3), (13, 0, BOB, ALICE, 2), (21, 1, ALICE, BOB, 1)),
]
"""Block, place in it, from, to, atomic units."""


def chain(moves=MOVES, **given):
    return FakeChainReader(
        logs=[TransferLog(f"0x{n:064x}", index, block, f"0x{block:064x}", ASSET, sender, recipient, amount)
              for n, (block, index, sender, recipient, amount) in enumerate(moves)],
        **given,
    )  # fmt: skip


async def ask(reader, **given):
    query = "&".join(f"{name}={value}" for name, value in ({"address": ALICE} | given).items())
    arguments = parse_arguments(transfer_feed.SERVICE, query.encode(), b"", "")
    answer = await transfer_feed.SERVICE.run(arguments, context(reader))
    return msgspec.json.decode(answer.body, type=Feed)


def told(feed):
    return [(one.block, one.log_index, one.sender, one.recipient, int(one.amount.atomic)) for one in feed.transfers]


def selected(wallet, moves=MOVES):
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE move (block INTEGER, place INTEGER, sender TEXT, recipient TEXT, amount INTEGER)")
    db.executemany("INSERT INTO move VALUES (?, ?, ?, ?, ?)", moves)
    found = db.execute("SELECT * FROM move WHERE ? IN (sender, recipient) ORDER BY block, place", (wallet,)).fetchall()
    db.close()
    return found


@pytest.mark.parametrize("wallet", [ALICE, BOB, CAROL])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_following_the_cursor_gives_every_transfer_once(wallet, limit):
    reader, found, after = chain(), [], "0:0"
    for _ in MOVES:
        feed = await ask(reader, address=wallet, after=after, limit=limit)
        found += told(feed)
        assert len(feed.transfers) <= limit
        assert feed.more == (len(found) < len(selected(wallet)))
        after = feed.next
        if not feed.more:
            break
    assert found == selected(wallet)
    assert (await ask(reader, address=wallet, after=after)).transfers == []


async def test_what_came_since_is_all_that_is_new():
    before = await ask(chain(MOVES[:5]))
    again = await ask(chain(MOVES[:5]), after=before.next)
    assert (again.transfers, again.next, again.more) == ([], before.next, False)
    since = await ask(chain(), after=before.next)
    assert told(since) == selected(ALICE)[len(before.transfers) :]
    assert told(since)[0][:2] == (8, 3)


async def test_a_block_that_is_newer_than_the_answer_waits(monkeypatch):
    reader = chain()

    async def before_the_others():
        return 8

    monkeypatch.setattr(reader, "block_number", before_the_others)
    feed = await ask(reader)
    assert (feed.as_of_block, told(feed)[-1][0]) == (8, 8)
    assert [one[0] for one in told(await ask(chain(), after=feed.next))] == [13, 21]


async def test_amounts_and_hashes_are_the_chains():
    first, second, *_ = (await ask(chain())).transfers
    assert (second.amount.atomic, second.amount.display) == ("2500000", "2.5")
    assert (first.transaction, first.block_hash) == (f"0x{0:064x}", f"0x{3:064x}")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"address": ALICE[:-1] + "c"}, "checksum"),
        ({"after": "3"}, "after"),
        ({"after": "03:1"}, "after"),
        ({"after": "-1:0"}, "after"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
    ],
)
async def test_bad_input_is_refused_with_the_field(given, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(chain(), **given)
    assert refused.value.status == 422


async def test_an_unreachable_chain_is_reported_as_such():
    with pytest.raises(ChainUnavailable):
        await ask(chain(unavailable=ChainUnavailable("down")))
