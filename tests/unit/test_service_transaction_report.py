"""The transaction report against logs that eth-abi encoded, and sums by SQL."""

import sqlite3

import msgspec
import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from server.domain.evidence import Mined, RawLog, TransferLog
from server.services import transaction_report
from server.services.arguments import parse_arguments
from server.services.service import ServiceError
from server.services.transaction_report import TransactionReport
from tests.fakes.chain_reader import FakeChainReader
from tests.unit.services_oracle_context import ASSET, context

ALICE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
BOB = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
CAROL = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
OTHER = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
HASH = "0x" + "a1" * 32


def log(index, contract, signature, indexed, kinds=(), values=()):
    """A log as a contract writes it: `indexed` are addresses or words, `values` of `kinds` its data."""
    topics = tuple(bytes.fromhex(one[2:]).rjust(32, b"\0") if isinstance(one, str) else one for one in indexed)
    return RawLog(contract, (keccak(text=signature), *topics), encode(kinds, values), index)


def transfer(index, token, sender, recipient, amount):
    return log(index, token, "Transfer(address,address,uint256)", (sender, recipient), ["uint256"], [amount])


MOVES = [(4, ASSET, ALICE, BOB, 2_500_000), (6, OTHER, BOB, ALICE, 7), (7, ASSET, BOB, CAROL, 500_000),
         (8, OTHER, ALICE, BOB, 7)]  # fmt: skip
LOGS = (
    log(3, ASSET, "AuthorizationUsed(address,bytes32)", (ALICE, b"\x11" * 32)),
    transfer(*MOVES[0]),
    log(5, OTHER, "Transfer(address,address,uint256)", (ALICE, BOB, (9).to_bytes(32, "big"))),
    *(transfer(*move) for move in MOVES[1:]),
    log(9, CAROL, "NobodyKnowsThis(uint8)", (), ["uint8"], [3]),
    RawLog(CAROL, (), b"\x01\x02", 10),
)
"""Of an ERC-721 the Transfer's number is a topic: it moved no amount."""


def mined(succeeded=True, logs=LOGS, block=40):
    return Mined(HASH, succeeded, block, "0x" + "b2" * 32, 81_234, logs)


async def ask(query, reader):
    arguments = parse_arguments(transaction_report.SERVICE, query.encode(), b"", "")
    answer = await transaction_report.SERVICE.run(arguments, context(reader))
    return msgspec.json.decode(answer.body, type=TransactionReport)


def chain(one=None, **given):
    return FakeChainReader(outcomes={HASH: one or mined()}, **given)


async def test_a_report_says_how_it_ended_and_how_deep_it_is():
    report = await ask(f"transaction={HASH}", chain(height=42))
    assert (report.transaction, report.succeeded, report.block, report.gas_used) == (HASH, True, 40, 81_234)
    assert (report.block_hash, report.confirmations) == ("0x" + "b2" * 32, 3)
    assert (report.asset, report.asset_symbol) == (ASSET, "USDC")


async def test_transfers_are_those_of_erc20_tokens_in_their_order():
    report = await ask(f"transaction={HASH}", chain())
    found = [(one.log_index, one.token, one.sender, one.recipient, int(one.atomic)) for one in report.transfers]
    assert found == MOVES
    assert [one.display for one in report.transfers] == ["2.5", None, "0.5", None]


async def test_what_each_address_had_more_is_what_sql_sums_up():
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE move (n INTEGER, token TEXT, sender TEXT, recipient TEXT, amount INTEGER)")
    db.executemany("INSERT INTO move VALUES (?, ?, ?, ?, ?)", MOVES)
    sums = db.execute(
        "SELECT address, token, sum(change) FROM (SELECT sender AS address, token, -amount AS change FROM move"
        " UNION ALL SELECT recipient, token, amount FROM move) GROUP BY address, token HAVING sum(change) <> 0"
    ).fetchall()
    db.close()
    report = await ask(f"transaction={HASH}", chain())
    assert sorted((one.address, one.token, int(one.atomic)) for one in report.net) == sorted(sums)
    assert len(sums) == 3


async def test_every_log_is_there_by_its_name_or_without():
    events = (await ask(f"transaction={HASH}", chain())).events
    moved = "Transfer(address,address,uint256)"
    assert [one.signature for one in events] == [
        *("AuthorizationUsed(address,bytes32)", moved, moved, moved, moved, moved, None, None),
    ]
    assert [(one.log_index, one.contract) for one in events] == [(one.index, one.address) for one in LOGS]
    assert [bytes.fromhex("".join(topic[2:] for topic in one.topics) + one.data[2:]) for one in events] == [
        b"".join(one.topics) + one.data for one in LOGS
    ]


async def test_one_that_failed_moved_nothing():
    report = await ask(f"transaction={HASH}", chain(mined(succeeded=False, logs=())))
    assert (report.succeeded, report.transfers, report.net, report.events) == (False, [], [], [])


async def test_a_party_names_the_newest_transaction_that_moved_its_money():
    logs = [
        TransferLog("0x" + f"{number:02x}" * 32, index, block, "0xblock", token, sender, recipient, 5)
        for number, index, block, token, sender, recipient in [
            *((1, 0, 3, ASSET, ALICE, BOB), (0xA1, 2, 9, ASSET, BOB, ALICE), (2, 1, 9, ASSET, ALICE, BOB)),
            *((3, 0, 12, ASSET, BOB, CAROL), (4, 0, 13, OTHER, ALICE, BOB)),
        ]
    ]
    report = await ask(f"party={ALICE}", chain(logs=logs))
    assert report.transaction == HASH


async def test_a_hash_in_capitals_is_the_same_transaction():
    assert (await ask(f"transaction=0x{HASH[2:].upper()}", chain())).transaction == HASH


async def test_a_node_that_lags_confirms_once():
    assert (await ask(f"transaction={HASH}", chain(height=38))).confirmations == 1


@pytest.mark.parametrize(
    ("query", "says", "status"),
    [
        ("", "exactly one of transaction and party", 422),
        (f"transaction={HASH}&party={ALICE}", "exactly one of transaction and party", 422),
        ("transaction=0x12", "transaction: ", 422),
        (f"party={ALICE[:-1]}c", "checksum", 422),
        (f"transaction=0x{'A' * 64}", "transaction: none with the hash 0xa+ is in a block", 404),
        (f"party={CAROL}", f"party: {CAROL} never sent or received USDC", 404),
    ],
)
async def test_what_cannot_be_reported_is_refused(query, says, status):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(query, chain())
    assert refused.value.status == status
