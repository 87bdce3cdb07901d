"""The wallet report against SQL over the same transfers, and against sums by hand."""

import sqlite3

import msgspec
import pytest

from server.domain.evidence import TransferLog
from server.domain.outages import ChainUnavailable
from server.services import wallet_report
from server.services.arguments import parse_arguments
from server.services.service import ServiceError
from server.services.wallet_report import WalletReport
from tests.fakes.chain_reader import FakeChainReader
from tests.unit.services_oracle_context import ASSET, context

ALICE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
BOB = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
CAROL = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
ZERO = "0x" + "00" * 20
OTHER_ASSET = "0x" + "ab" * 20

MOVES = [
    (3, ZERO, ALICE, 100_000_000),
    (5, ALICE, BOB, 2_500_000),
    (5, ALICE, CAROL, 10_000),
    (8, BOB, ALICE, 1),
    (9, ALICE, ALICE, 777),
    (13, CAROL, BOB, 5_000),
    (21, ALICE, BOB, 50_000),
    (34, CAROL, ALICE, 3_000_000),
]
"""Block, from, to, atomic units."""


def chain(moves=MOVES, **given):
    logs = [
        TransferLog(f"0x{number:064x}", number, block, "0xblock", ASSET, sender, recipient, amount)
        for number, (block, sender, recipient, amount) in enumerate(moves)
    ]
    return FakeChainReader(logs=logs, **given)


async def ask(query, reader):
    arguments = parse_arguments(wallet_report.SERVICE, query.encode(), b"", "")
    answer = await wallet_report.SERVICE.run(arguments, context(reader))
    return msgspec.json.decode(answer.body, type=WalletReport)


class Oracle:
    """The same questions put to SQLite."""

    def __init__(self, moves, wallet, since=0, until=100):
        self.db = sqlite3.connect(":memory:")
        self.db.execute("CREATE TABLE move (block INTEGER, sender TEXT, recipient TEXT, amount INTEGER)")
        self.db.executemany("INSERT INTO move VALUES (?, ?, ?, ?)", moves)
        self.db.execute("DELETE FROM move WHERE block < ? OR block > ?", (since, until))
        self.wallet = wallet

    def one(self, sql):
        return self.db.execute(sql, {"w": self.wallet}).fetchone()

    def flows(self):
        return (
            self.one("SELECT count(*), coalesce(sum(amount), 0) FROM move WHERE recipient = :w"),
            self.one("SELECT count(*), coalesce(sum(amount), 0) FROM move WHERE sender = :w"),
        )

    def blocks(self):
        return self.one("SELECT min(block), max(block) FROM move WHERE :w IN (sender, recipient)")

    def counterparties(self):
        return self.db.execute(
            "SELECT other, sum(inbound), sum(outbound) FROM ("
            " SELECT sender AS other, amount AS inbound, 0 AS outbound FROM move WHERE recipient = :w"
            " UNION ALL SELECT recipient, 0, amount FROM move WHERE sender = :w"
            ") WHERE other <> :w GROUP BY other ORDER BY sum(inbound) + sum(outbound) DESC",
            {"w": self.wallet},
        ).fetchall()

    def close(self):
        self.db.close()


@pytest.mark.parametrize("wallet", [ALICE, BOB, CAROL, "0x" + "11" * 20])
@pytest.mark.parametrize("since", [0, 5, 22])
async def test_flows_counterparties_and_blocks_are_those_that_sql_computes(wallet, since):
    report = await ask(f"address={wallet}&from_block={since}", chain())
    oracle = Oracle(MOVES, wallet, since)
    inbound, outbound = oracle.flows()
    assert (report.inbound.transfers, int(report.inbound.total.atomic)) == inbound
    assert (report.outbound.transfers, int(report.outbound.total.atomic)) == outbound
    assert int(report.net.atomic) == inbound[1] - outbound[1]
    assert (report.first_block, report.last_block) == oracle.blocks()
    listed = [(c.address, int(c.inbound.total.atomic), int(c.outbound.total.atomic)) for c in report.counterparties]
    assert listed == oracle.counterparties()
    assert report.counterparty_count == len(listed)
    oracle.close()


async def test_alices_report_by_hand():
    reader = chain(
        height=40,
        balances={ALICE: 1_500_000_000_000_000_000},
        tokens={ALICE: 100_440_001},
        sent={ALICE: 7},
    )
    report = await ask(f"address={ALICE}", reader)
    assert (report.native_balance.atomic, report.native_balance.display) == ("1500000000000000000", "1.5")
    assert (report.asset_balance.atomic, report.asset_balance.display) == ("100440001", "100.440001")
    assert (report.asset, report.asset_symbol) == (ASSET, "USDC")
    assert (report.transactions_sent, report.is_contract, report.as_of_block) == (7, False, 40)
    assert (report.inbound.transfers, report.inbound.total.display) == (4, "103.000778")
    assert (report.outbound.transfers, report.outbound.total.display) == (4, "2.560777")
    assert (report.net.atomic, report.net.display) == ("100440001", "100.440001")
    assert (report.first_block, report.last_block) == (3, 34)


async def test_bobs_report_by_hand():
    report = await ask(f"address={BOB}", chain(codes={BOB: b"\x60"}, tokens={BOB: 2_554_999}))
    assert report.is_contract
    assert (report.inbound.total.display, report.outbound.total.display) == ("2.555", "0.000001")
    assert report.net.atomic == "2554999"
    assert [(c.address, c.inbound.transfers, c.outbound.transfers) for c in report.counterparties] == [
        (ALICE, 2, 1),
        (CAROL, 1, 0),
    ]


async def test_what_went_out_beyond_what_came_in_is_negative():
    report = await ask(f"address={CAROL}", chain([(1, CAROL, BOB, 2_000_001), (2, BOB, CAROL, 1_000_000)]))
    assert (report.net.atomic, report.net.display) == ("-1000001", "-1.000001")


async def test_a_transfer_to_oneself_counts_both_ways_without_counterparty():
    report = await ask(f"address={ALICE}", chain([(1, ALICE, ALICE, 5)]))
    assert (report.inbound.transfers, report.outbound.transfers, report.net.atomic) == (1, 1, "0")
    assert report.counterparties == []


async def test_counterparties_are_limited_and_counted():
    moves = [(1, ALICE, f"0x{number:040x}", 1_000 - number) for number in range(1, 21)]
    report = await ask(f"address={ALICE}&limit=3", chain(moves))
    assert report.counterparty_count == 20
    assert [int(c.address, 16) for c in report.counterparties] == [1, 2, 3]
    assert report.outbound.transfers == 20


async def test_transfers_after_the_block_of_the_report_are_left_out():
    report = await ask(f"address={ALICE}", chain(height=9))
    assert (report.last_block, report.outbound.transfers) == (9, 3)


async def test_only_the_asset_paid_in_is_counted():
    reader = chain([(1, BOB, ALICE, 5)])
    reader.logs.append(TransferLog("0x" + "9" * 64, 9, 2, "0xblock", OTHER_ASSET, BOB, ALICE, 1_000))
    assert (await ask(f"address={ALICE}", reader)).inbound.total.atomic == "5"


async def test_an_address_in_one_case_is_answered_checksummed():
    assert (await ask(f"address={ALICE.lower()}", chain())).address == ALICE


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "address"),
        ("address=0x12", "address: "),
        (f"address={ALICE}0", "address: "),
        (f"address={ALICE}%0A", "address: "),
        (f"address={ALICE[:-1]}c", "checksum"),
        (f"address={ALICE}&limit=0", "limit: "),
        (f"address={ALICE}&limit=51", "limit: "),
        (f"address={ALICE}&from_block=-1", "from_block: "),
    ],
)
async def test_bad_input_is_refused_with_the_field(query, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(query, chain())
    assert refused.value.status == 422


async def test_an_unreachable_chain_is_reported_as_such():
    with pytest.raises(ChainUnavailable):
        await ask(f"address={ALICE}", chain(unavailable=ChainUnavailable("down")))
