"""A transfer alert tells of the first transfer that is wanted, in time and deep enough, and of no other."""

from dataclasses import replace

import msgspec
import pytest

from server.domain.errors import InternalError
from server.domain.evidence import Mined, TransferLog
from server.services.arguments import parse_arguments
from server.services.service import Execution, ServiceError, TryAgain
from server.services.transfer_alert import SERVICE, AlertArguments
from tests.fakes.chain_reader import FakeChainReader
from tests.unit.services_oracle_context import ASSET, PAYER, context

FRIEND = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
HOLDING = "0x" + "ab" * 32
PAID_IN = 90


def moved(block, amount, sender=FRIEND, recipient=PAYER, transaction="0x" + "cd" * 32, index=3):
    return TransferLog(transaction, index, block, f"0x{block:064x}", ASSET, sender, recipient, amount)


async def alert(*logs, waited=10, held=True, height=100, **wanted):
    """The answer by a chain of that height, of a payment that is held since block 90."""
    mined = {HOLDING: Mined(HOLDING, True, PAID_IN, "0x" + "01" * 32, 21_000, ())} if held else {}
    chain = FakeChainReader(height=height, logs=list(logs), outcomes=mined)
    arguments = msgspec.convert({"address": PAYER.lower(), "within": 60, **wanted}, AlertArguments)
    answer = await SERVICE.run(arguments, context(chain, Execution(HOLDING, FRIEND, {}), waited=waited))
    return msgspec.json.decode(answer.body)


async def test_a_transfer_is_told_with_all_that_proves_it():
    assert await alert(moved(95, 1_500_000)) == {
        "address": PAYER,
        "direction": "in",
        "transaction": "0x" + "cd" * 32,
        "log_index": 3,
        "block": 95,
        "block_hash": f"0x{95:064x}",
        "sender": FRIEND,
        "recipient": PAYER,
        "asset": ASSET,
        "asset_symbol": "USDC",
        "amount": {"atomic": "1500000", "display": "1.5"},
        "as_of_block": 100,
        "at": "2026-03-01T12:00:00Z",
        "after_seconds": 10,
    }


@pytest.mark.parametrize(
    ("wanted", "block"),
    [
        ({}, 91),
        ({"direction": "out"}, 92),
        ({"direction": "in", "at_least": "6"}, 94),
        ({"at_least": "7"}, 95),
        ({"confirmations": 10}, 91),
        ({"back": 1}, 89),
        ({"back": 1_000}, 0),
        ({"back": 1_000, "direction": "out"}, 89),
    ],
)
async def test_it_is_the_first_that_is_wanted(wanted, block):
    out = {"sender": PAYER, "recipient": FRIEND}
    logs = [moved(0, 9), moved(89, 5, **out), moved(91, 5), moved(92, 5, **out), moved(94, 6), moved(95, 7)]
    assert (await alert(*logs, **wanted))["block"] == block


async def test_a_transfer_to_oneself_is_both():
    own = moved(95, 5, sender=PAYER)
    for direction in ("in", "out", "any"):
        assert (await alert(own, direction=direction))["block"] == 95


@pytest.mark.parametrize(
    ("logs", "wanted"),
    [
        ([], {}),
        ([moved(89, 5)], {}),
        ([moved(95, 5)], {"direction": "out"}),
        ([moved(95, 5)], {"at_least": "6"}),
        ([moved(99, 5)], {"confirmations": 3}),
        ([moved(95, 5, transaction=HOLDING)], {}),
        ([moved(95, 5, sender=FRIEND, recipient=FRIEND)], {}),
        ([replace(moved(95, 5), asset=FRIEND)], {}),
    ],
    ids=[
        "none",
        "before",
        "the other way",
        "too little",
        "too shallow",
        "the payment itself",
        "others'",
        "another asset",
    ],
)
async def test_anything_else_is_waited_for_until_the_time_is_over(logs, wanted):
    with pytest.raises(TryAgain, match="no such transfer"):
        await alert(*logs, waited=60, **wanted)
    with pytest.raises(ServiceError, match="within 60 s") as failed:
        await alert(*logs, waited=61, **wanted)
    assert PAYER.lower() not in failed.value.detail.lower(), "the reason is public, and what was asked is not"


async def test_what_is_seen_too_late_is_no_success():
    assert (await alert(moved(95, 5), waited=60))["after_seconds"] == 60
    with pytest.raises(ServiceError, match="within 60 s"):
        await alert(moved(95, 5), waited=61)


async def test_while_a_reorganisation_has_taken_the_payment_nothing_is_told():
    with pytest.raises(TryAgain):
        await alert(moved(95, 5), held=False)


async def test_a_block_that_is_newer_than_the_chains_height_was_is_left_for_the_next_look():
    chain = FakeChainReader(height=100, logs=[moved(101, 5)])
    assert await chain.transfers(ASSET, PAYER, 0, 101), "the node would tell of it"
    with pytest.raises(TryAgain):
        await alert(moved(101, 5))


async def test_without_a_payment_it_is_nobodys():
    arguments = msgspec.convert({"address": PAYER, "within": 60}, AlertArguments)
    with pytest.raises(InternalError, match="begins with its payment"):
        await SERVICE.run(arguments, context(FakeChainReader()))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"address": PAYER.swapcase().replace("0X", "0x")}, "EIP-55"),
        ({"address": "0x12"}, "address"),
        ({"within": 3_601}, "within"),
        ({"within": 0}, "within"),
        ({"direction": "sideways"}, "direction"),
        ({"at_least": "0"}, "at_least"),
        ({"at_least": 5}, "at_least"),
        ({"back": 1_001}, "back"),
        ({"back": -1}, "back"),
        ({"confirmations": 0}, "confirmations"),
        ({"confirmations": 101}, "confirmations"),
    ],
)
def test_what_cannot_be_watched_is_refused_before_it_is_quoted(given, field):
    body = msgspec.json.encode({"address": PAYER, "within": 60} | given)
    with pytest.raises(ServiceError, match=field) as refused:
        parse_arguments(SERVICE, b"", body, "application/json")
    assert refused.value.status == 422
