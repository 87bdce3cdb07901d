"""What a facilitator says of a payment that it refuses, knows or holds back, and when a batch goes out."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from protocol.wire import PaymentPayload, PaymentRequirements
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.paddock import Ground
from server.application.pause import turn
from server.application.send import GAS_MARGIN
from server.domain.evidence import Mined
from server.domain.payment_calls import MOST_WALLET_GAS
from server.domain.settlements import SettlementState, settlement_id
from server.facilitator.local import PENDING, LocalFacilitator
from server.facilitator.settler import LEASE, MOST_IN_BATCH, Settler
from server.facilitator.verify import read
from tests.fakes import samples
from tests.fakes.chain import DOLLAR, FakeChain, fake_market
from tests.fakes.database import FakeDatabase
from tests.fakes.liars import Liar
from tests.stack import buyer
from tests.unit.protocol_samples import ENTRY, PAYER

MARKET = fake_market()
ENTRY = ENTRY | {"network": MARKET.network, "asset": DOLLAR.address}
REQUIREMENTS = msgspec.convert(ENTRY, PaymentRequirements)
VALID = 60
TRANSACTION = "0x" + "aa" * 32
EXPIRED = "invalid_exact_evm_payload_authorization_valid_before"
S = SettlementState


def paid(**changes):
    """A payment of ENTRY that is valid for a minute."""
    until = int(samples.NOW.timestamp()) + VALID
    return msgspec.convert(buyer.payment(PAYER, ENTRY, **{"validBefore": str(until)} | changes), PaymentPayload)


class Place:
    """A facilitator with one key on a chain that mines nothing of what is sent; its settler runs only if it is told."""

    def __init__(self, clock):
        self.clock, self.db = clock, FakeDatabase(clock)
        seen = Mined(TRANSACTION, True, 1, "0xblock", 21_000, ())
        lies = {"estimate_gas": 60_000, "mined": lambda hash_: seen if hash_ == TRANSACTION else None}
        self.chain = Liar(FakeChain(clock, automine=False, block_seconds=1_000), **lies)
        ground = Ground(MARKET, self.chain)
        self.settler = Settler(self.db, ground, clock, LocalSigner(account("settler").key.hex()))
        self.local = LocalFacilitator(self.db, clock, {MARKET.network: ground}, {MARKET.network: [self.settler]})

    @property
    def rows(self):
        return self.db.tables.settlements

    def knows(self, payload, **changes):
        """The stored settlement of a payment."""
        payment = read(payload, REQUIREMENTS)
        usual = {"id": settlement_id(payment), "payment": payment, "lease_until": self.clock.now() + LEASE}
        made = samples.settlement(**usual | changes)
        self.rows[made.id] = made
        return made

    async def settle(self, payload):
        return await self.local.settle(payload, REQUIREMENTS)

    async def pause(self):
        await turn(self.db, self.clock, on=True, reason="a drill", by="test")


@pytest.fixture
def place(clock):
    return Place(clock)


async def test_what_is_refused_says_why_and_names_nobody(place):
    answer = await place.settle(paid(validBefore="1"))
    assert (answer.success, answer.error_reason, answer.payer) == (False, EXPIRED, None)
    assert "must be valid" in answer.error_message
    assert place.rows == {}


async def test_what_is_not_settled_in_time_is_pending_and_names_its_payer(place, clock):
    began = clock.now()
    answer = await place.settle(paid())
    assert (answer.success, answer.error_reason, answer.error_message) == (False, PENDING, None)
    assert (answer.payer, answer.transaction) == (PAYER.address, "")
    assert clock.now() - began == timedelta(seconds=15)
    assert [row.state for row in place.rows.values()] == [S.QUEUED]


async def test_what_is_paused_is_not_admitted(place):
    await place.pause()
    answer = await place.settle(paid())
    assert (answer.error_reason, answer.payer) == (PENDING, None)
    assert "paused" in answer.error_message
    assert place.rows == {}


async def test_what_failed_is_not_queued_again_while_paused(place):
    known = place.knows(payload := paid(), state=S.FAILED, reason="insufficient_funds")
    await place.pause()
    assert "paused" in (await place.settle(payload)).error_message
    assert place.rows[known.id].state is S.FAILED


async def test_what_failed_and_has_expired_is_refused_and_not_queued_again(place, clock):
    known = place.knows(payload := paid(), state=S.FAILED, reason="insufficient_funds")
    clock.advance(VALID)
    assert (await place.settle(payload)).error_reason == EXPIRED
    assert place.rows[known.id].state is S.FAILED


async def test_what_failed_and_is_still_valid_is_queued_again(place):
    known = place.knows(payload := paid(), state=S.FAILED, reason="insufficient_funds")
    assert (await place.settle(payload)).error_reason == PENDING
    assert place.rows[known.id].state is S.QUEUED


@pytest.mark.parametrize("paused", [False, True])
async def test_what_was_settled_is_told_so_after_it_expired_and_while_paused(place, clock, paused):
    known = place.knows(payload := paid(), state=S.SETTLED, transaction=TRANSACTION)
    clock.advance(VALID)
    if paused:
        await place.pause()
    answer = await place.settle(payload)
    assert (answer.success, answer.transaction, answer.payer) == (True, TRANSACTION, PAYER.address)
    assert answer.amount == str(known.amount)


# ------------------------------------------------------------------------------------------------------ the settler


async def settled(place, *known, seconds=5):
    """Let the settler work on these for a while."""
    running = asyncio.create_task(place.settler.run())
    try:
        for one in known:
            place.settler.offer(one)
        await place.clock.sleep(seconds)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(("more", "goes"), [(0, True), (1, False)])
async def test_what_one_payment_may_cost_to_settle_is_sent_and_no_more(place, more, goes):
    place.chain.lies["estimate_gas"] = MOST_WALLET_GAS + more
    known = place.knows(paid())
    await settled(place, known)
    found = place.rows[known.id]
    assert (found.state, len(place.db.tables.transactions)) == ((S.SENT, 1) if goes else (S.FAILED, 0))
    assert goes or found.reason == f"settling it would use {int((MOST_WALLET_GAS + 1) * GAS_MARGIN)} gas"


async def test_what_became_of_a_chain_transaction_is_written_down_with_its_block(place):
    place.chain.lies["mined"] = lambda hash_: Mined(hash_, False, 7, "0xblock", 21_000, ())
    known = place.knows(paid())
    await settled(place, known)
    (sent,) = place.db.tables.transactions.values()
    assert (sent.block, sent.block_hash) == (7, "0xblock")
    assert place.rows[known.id].state is S.FAILED


@pytest.mark.parametrize(("waiting", "sent"), [(MOST_IN_BATCH - 1, [1]), (MOST_IN_BATCH, [1, MOST_IN_BATCH])])
async def test_beside_what_is_in_flight_only_a_full_batch_goes_out(place, clock, waiting, sent):
    known = [place.knows(paid()) for _ in range(1 + waiting)]
    running = asyncio.create_task(place.settler.run())
    try:
        for offered in (known[:1], known[1:]):
            for one in offered:
                place.settler.offer(one)
            await clock.sleep(5)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    carried = [row.sent_in for row in place.rows.values()]
    assert [carried.count(hash_) for hash_ in place.db.tables.transactions] == sent
