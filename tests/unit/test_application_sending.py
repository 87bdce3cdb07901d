"""F16: our chain transactions: dearer at exactly their patience, a few times, and given up once their nonce is lost."""

import asyncio
from datetime import timedelta

import pytest

from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.send import (
    GAS_MARGIN,
    MOST_ATTEMPTS,
    PATIENCE,
    call_of,
    is_lost,
    outcome,
    prepare,
    push,
    sent_for,
    sign,
)
from server.domain.evidence import Mined
from server.domain.sending import Fees
from server.ports import Call
from tests.fakes import samples
from tests.fakes.chain import CHAIN_ID
from tests.fakes.database import FakeDatabase
from tests.fakes.liars import Liar

FEES, TO = Fees(3_000, 1_000), account("merchant").address
SIGNER = LocalSigner(account("delegate").key.hex())


def mined(transaction):
    return Mined(transaction, True, 5, "0xbb", 21_000, ())


class Node(Liar):
    """Takes what is sent; of the hashes in `known` it has a receipt."""

    def __init__(self, *known, **told):
        usual = {"estimate_gas": 100_001, "fees": FEES, "next_nonce": 7, "final_block": 9}
        lies = {"mined": lambda one: mined(one) if one in known else None, "send": self._send}
        super().__init__(None, **usual | lies | told)
        self.sent = []

    def _send(self, raw):
        self.sent.append(raw)


@pytest.fixture
def db(clock):
    return FakeDatabase(clock)


async def signed(db, clock, node):
    """A stored chain transaction of the delegate wallet."""
    prepared = await prepare(node, SIGNER, TO, b"\1\2")
    async with db.begin("signed") as work:
        return await sign(work, clock, SIGNER, CHAIN_ID, prepared, "refund", "order")


async def test_a_call_is_prepared_with_a_margin_of_gas_and_signed_with_the_next_nonce(db, clock):
    node = Node()
    prepared = await prepare(node, SIGNER, TO, b"\1\2")
    assert (prepared.call, prepared.gas) == (Call(SIGNER.address, TO, b"\1\2"), int(100_001 * GAS_MARGIN))
    first, second = await signed(db, clock, node), await signed(db, clock, node)
    assert (first.nonce, second.nonce) == (7, 8)
    assert call_of(first) == prepared.call
    async with db.read() as view:
        assert await sent_for(view, "refund", "order") == second
        assert await sent_for(view, "refund", "other") is None
    async with db.begin("lost") as work:
        await work.transactions.lose(second.hash)
        assert await sent_for(work, "refund", "order") is None


async def test_what_the_chain_is_asked_before_signing_is_asked_at_once():
    met = asyncio.Barrier(3)

    def together(answer):
        async def waits(*_):
            await met.wait()
            return answer

        return waits

    node = Node(estimate_gas=together(100_001), fees=together(FEES), next_nonce=together(7))
    async with asyncio.timeout(5):
        prepared = await prepare(node, SIGNER, TO, b"\1\2")
    assert (prepared.gas, prepared.fees, prepared.chain_nonce) == (int(100_001 * GAS_MARGIN), FEES, 7)


async def test_f16_bytes_wait_for_exactly_their_patience_before_dearer_ones_replace_them(db, clock):
    node = Node()
    first = await signed(db, clock, node)
    clock.advance((PATIENCE - timedelta(microseconds=1)).total_seconds())
    same = await push(db, node, clock, SIGNER, first)
    assert (len(same.attempts), node.sent) == (1, [first.newest.raw])
    clock.advance(0.000001)
    dearer = await push(db, node, clock, SIGNER, same)
    assert len(dearer.attempts) == 2
    assert dearer.newest.fees == first.newest.fees.raised(FEES)
    assert node.sent == [first.newest.raw, dearer.newest.raw]
    async with db.read() as view:
        assert await view.transactions.get(first.hash) == dearer


async def test_f16_a_transaction_is_made_dearer_only_so_many_times(db, clock):
    node = Node()
    found = await signed(db, clock, node)
    for _ in range(MOST_ATTEMPTS + 2):
        clock.advance(PATIENCE.total_seconds())
        found = await push(db, node, clock, SIGNER, found)
    assert len(found.attempts) == MOST_ATTEMPTS
    assert node.sent[-3:] == [found.newest.raw] * 3


async def test_whichever_attempt_was_mined_is_the_outcome_the_newest_first():
    first, second = samples.attempt(), samples.attempt()
    found = samples.chain_transaction(attempts=(first, second))
    assert await outcome(Node(), found) is None
    assert await outcome(Node(first.hash), found) == mined(first.hash)
    assert await outcome(Node(first.hash, second.hash), found) == mined(second.hash)


@pytest.mark.parametrize(("used", "lost"), [(7, False), (8, True), (9, True)])
async def test_f16_a_nonce_is_lost_once_a_final_block_has_used_it_for_something_else(used, lost):
    found = samples.chain_transaction(nonce=7)
    assert await is_lost(Node(transaction_count=used), found) is lost
    assert not await is_lost(Node(found.hash, transaction_count=used), found)


def test_fees_that_replace_others_are_an_eighth_higher_or_what_is_wanted_now():
    assert Fees(80, 8).raised(Fees(1, 1)) == Fees(91, 10)
    assert Fees(80, 8).raised(Fees(200, 9)) == Fees(200, 10)
