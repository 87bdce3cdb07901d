"""What a facilitator says of a payment that it refuses, knows or holds back, and which of its keys settles it."""

from datetime import timedelta

import pytest

from server.domain.settlements import SettlementState
from server.facilitator.local import PENDING
from tests.unit.facilitator_samples import TRANSACTION, VALID, Place, paid
from tests.unit.protocol_samples import PAYER

EXPIRED = "invalid_exact_evm_payload_authorization_valid_before"
S = SettlementState


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
