"""A chain watch answers when everything that it waits for is true, in time, and fails when it can not be."""

import hashlib

import msgspec
import pytest
from eth_utils.crypto import keccak

from protocol.payment import PERMIT2
from server.domain.evidence import Mined
from server.services.arguments import parse_arguments
from server.services.chain_watch import SERVICE, WatchArguments
from server.services.service import ServiceError, TryAgain
from tests.fakes.chain_reader import FakeChainReader
from tests.unit.services_oracle_context import PAYER, context

CODE = {"kind": "code", "address": PERMIT2}
HOLDS = {"kind": "holds", "address": PAYER.lower(), "at_least": "1000"}
TRANSACTION = "0x" + "ab" * 32
CONFIRMED = {"kind": "confirmed", "transaction": TRANSACTION, "confirmations": 3}


def chain(balance=1_000, code=b"\x60\x80", block=98, succeeded=True):
    """A chain at height 100 on which all three steps are true."""
    mined = Mined(TRANSACTION, succeeded, block, "0x" + "cd" * 32, 21_000, ())
    return FakeChainReader(tokens={PAYER: balance}, codes={PERMIT2: code}, outcomes={TRANSACTION: mined})


async def watch(on, *steps, within=60, waited=10):
    arguments = msgspec.convert({"until": list(steps), "within": within}, WatchArguments)
    return msgspec.json.decode((await SERVICE.run(arguments, context(on, waited=waited))).body)


async def test_what_came_true_is_told_with_its_evidence():
    assert await watch(chain(), CODE, HOLDS, CONFIRMED) == {
        "steps": [
            {"kind": "code", "subject": PERMIT2, "found": "0x" + keccak(b"\x60\x80").hex()},
            {"kind": "holds", "subject": PAYER.lower(), "found": "1000"},
            {"kind": "confirmed", "subject": TRANSACTION, "found": "0x" + "cd" * 32},
        ],
        "block": 100,
        "at": "2026-03-01T12:00:00Z",
        "after_seconds": 10,
    }
    assert keccak(b"\x60\x80") != hashlib.sha3_256(b"\x60\x80").digest(), "Ethereum's hash, not the standard's"


@pytest.mark.parametrize(
    ("on", "waits"),
    [
        (chain(code=b""), r"step 1 of 3 \(code\)"),
        (chain(balance=999), r"step 2 of 3 \(holds\)"),
        (chain(block=99), r"step 3 of 3 \(confirmed\)"),
        (FakeChainReader(tokens={PAYER: 1_000}, codes={PERMIT2: b"1"}), r"step 3 of 3 \(confirmed\)"),
    ],
    ids=["no code", "one unit short", "one confirmation short", "not mined"],
)
async def test_what_is_not_true_yet_is_waited_for_until_its_time_is_over(on, waits):
    with pytest.raises(TryAgain, match=waits):
        await watch(on, CODE, HOLDS, CONFIRMED, waited=60)
    with pytest.raises(ServiceError) as failed:
        await watch(on, CODE, HOLDS, CONFIRMED, waited=61)
    assert "was not seen true within 60 s" in failed.value.detail
    for told in (PERMIT2, PAYER.lower(), TRANSACTION):
        assert told not in failed.value.detail, "the reason is public, and what was asked is not"


async def test_what_is_seen_too_late_is_no_success():
    assert (await watch(chain(), CODE, waited=60))["after_seconds"] == 60
    with pytest.raises(ServiceError, match="within 60 s"):
        await watch(chain(), CODE, waited=61)


async def test_a_chain_transaction_that_reverted_is_not_waited_for():
    with pytest.raises(ServiceError, match="has reverted"):
        await watch(chain(succeeded=False), CONFIRMED)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"until": [], "within": 60}, "until"),
        ({"until": [CODE] * 6, "within": 60}, "until"),
        ({"until": [CODE], "within": 3_601}, "within"),
        ({"until": [CODE]}, "within"),
        ({"until": [{"kind": "price"}], "within": 60}, "kind"),
        ({"until": [CODE | {"address": PAYER.swapcase().replace("0X", "0x")}], "within": 60}, "EIP-55"),
        ({"until": [HOLDS | {"at_least": "0"}], "within": 60}, "at_least"),
        ({"until": [HOLDS | {"at_least": 5}], "within": 60}, "at_least"),
        ({"until": [CONFIRMED | {"transaction": "0x12"}], "within": 60}, "transaction"),
        ({"until": [CONFIRMED | {"confirmations": 101}], "within": 60}, "confirmations"),
    ],
)
def test_what_cannot_be_watched_is_refused_before_it_is_quoted(body, field):
    with pytest.raises(ServiceError, match=field) as refused:
        parse_arguments(SERVICE, b"", msgspec.json.encode(body), "application/json")
    assert refused.value.status == 422
