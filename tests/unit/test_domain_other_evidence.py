"""F10, F11: what counts as a payment by Permit2, by the executor of scheme delegate, and as a plain transfer."""

from dataclasses import replace

import pytest

from protocol.payment import EXACT_PROXY, UPTO_PROXY, Method
from protocol.typed_data import word
from scripts.accounts import account
from server.domain.evidence import (
    AUTHORIZATION_USED,
    DEEPEST_REORG,
    PAYMENT_EXECUTED,
    TRANSFER,
    Mined,
    RawLog,
    Spend,
    moved_by_executor,
    plain_transfers,
    search_from,
    that_moved,
    topic,
    transfer_at,
    transfers_of,
)
from tests.fakes.samples import TOKEN
from tests.unit.protocol_samples import PAYER, SHOP

NONCE, OTHER, EXECUTOR = b"\7" * 32, account("float").address, account("delegate").address
PERMITTED = Spend(Method.PERMIT2, TOKEN, PAYER.address, NONCE, SHOP, 50_000)


def moved(amount=50_000, sender=PAYER.address, recipient=SHOP, asset=TOKEN, index=4):
    return RawLog(asset, (TRANSFER, topic(sender), topic(recipient)), word(amount), index)


def mined(*logs, succeeded=True):
    return Mined("0xaa", succeeded, 12, "0xbb", 60_000, logs)


def amounts(found):
    return [one.amount for one in found]


@pytest.mark.parametrize("height", [0, DEEPEST_REORG - 1, DEEPEST_REORG, DEEPEST_REORG + 1])
def test_f17_a_search_begins_a_reorganisation_below_and_never_below_the_first_block(height):
    assert search_from(height) == max(0, height - DEEPEST_REORG)


def test_by_permit2_every_transfer_counts_of_no_more_than_was_signed():
    logs = [moved(49_999), moved(50_000), moved(50_001), RawLog(TOKEN, (TRANSFER,), b"", 9), RawLog(TOKEN, (), b"", 9)]
    assert amounts(transfers_of(mined(*logs), PERMITTED)) == [49_999, 50_000]


@pytest.mark.parametrize("changes", [{"sender": OTHER}, {"recipient": OTHER}, {"asset": OTHER}])
def test_f11_by_permit2_a_transfer_of_others_is_no_payment(changes):
    assert transfers_of(mined(moved(**changes)), PERMITTED) == []


def test_f10_by_permit2_a_failed_transaction_proves_nothing():
    assert transfers_of(mined(moved(), succeeded=False), PERMITTED) == []


@pytest.mark.parametrize("method", list(Method)[:2])
def test_an_executors_payment_is_the_first_transfer_after_its_word(method):
    spend = Spend(method, TOKEN, PAYER.address, NONCE, EXECUTOR, 50_000, executed=True)
    to = {"recipient": EXECUTOR}
    said = RawLog(EXECUTOR, (PAYMENT_EXECUTED,), topic(TOKEN) + word(50_000) + NONCE, 1)
    used = RawLog(TOKEN, (AUTHORIZATION_USED, topic(PAYER.address), NONCE), b"", 2)
    logs = [moved(1, **to), said, used, moved(2, **to), moved(3, **to)]
    assert amounts(transfers_of(mined(*logs), spend)) == [2]
    assert amounts(moved_by_executor(mined(*logs), spend, PAYER.address, EXECUTOR)) == [2, 3]
    assert moved_by_executor(mined(*logs, succeeded=False), spend, PAYER.address, EXECUTOR) == []
    assert moved_by_executor(mined(*logs), spend, PAYER.address, OTHER) == []
    assert moved_by_executor(mined(*logs), spend, OTHER, EXECUTOR) == []


@pytest.mark.parametrize(
    "said",
    [
        RawLog(OTHER, (PAYMENT_EXECUTED,), topic(TOKEN) + word(50_000) + NONCE, 1),
        RawLog(EXECUTOR, (TRANSFER,), topic(TOKEN) + word(50_000) + NONCE, 1),
        RawLog(EXECUTOR, (), topic(TOKEN) + word(50_000) + NONCE, 1),
        RawLog(EXECUTOR, (PAYMENT_EXECUTED,), topic(OTHER) + word(50_000) + NONCE, 1),
        RawLog(EXECUTOR, (PAYMENT_EXECUTED,), topic(TOKEN) + word(50_001) + NONCE, 1),
        RawLog(EXECUTOR, (PAYMENT_EXECUTED,), topic(TOKEN) + word(50_000) + b"\x08" * 32, 1),
    ],
    ids=["another contract", "another event", "no event", "another asset", "another amount", "another nonce"],
)
def test_f11_what_is_not_the_executors_word_for_this_authorization_pays_nothing(said):
    spend = Spend(Method.PERMIT2, TOKEN, PAYER.address, NONCE, EXECUTOR, 50_000, executed=True)
    assert transfers_of(mined(said, moved(recipient=EXECUTOR)), spend) == []
    assert transfers_of(mined(moved(recipient=EXECUTOR)), spend) == []


def test_a_transfer_is_found_by_its_place_in_the_block():
    found = transfer_at(mined(moved(1, index=3), moved(2, index=4)), 4)
    assert (found.amount, found.log_index) == (2, 4)
    assert transfer_at(mined(moved(1, index=3)), 4) is None


@pytest.mark.parametrize(
    "log",
    [
        RawLog(TOKEN, (), word(1), 4),
        RawLog(TOKEN, (TRANSFER, topic(SHOP)), word(1), 4),
        RawLog(TOKEN, (NONCE, topic(SHOP), topic(OTHER)), word(1), 4),
        RawLog(TOKEN, (TRANSFER, topic(SHOP), topic(OTHER)), word(1) + b"\0", 4),
    ],
    ids=["anonymous", "to nobody", "another event", "more than an amount"],
)
def test_f11_what_only_looks_like_a_transfer_is_none(log):
    assert transfer_at(mined(log), 4) is None
    assert plain_transfers(mined(log), TOKEN) == []


def test_a_plain_transfer_follows_no_authorization_of_its_sender():
    used = RawLog(TOKEN, (AUTHORIZATION_USED, topic(PAYER.address), NONCE), b"", 3)
    of_other = replace(used, topics=(AUTHORIZATION_USED, topic(OTHER), NONCE))
    anonymous = RawLog(TOKEN, (), b"", 3)
    assert amounts(plain_transfers(mined(moved(1), moved(2)), TOKEN)) == [1, 2]
    assert amounts(plain_transfers(mined(used, moved(1), moved(2)), TOKEN)) == [2]
    assert amounts(plain_transfers(mined(of_other, moved(1)), TOKEN)) == [1]
    assert amounts(plain_transfers(mined(used, anonymous, moved(1)), TOKEN)) == [], (
        "an anonymous event separates nothing"
    )
    assert plain_transfers(mined(moved(1, asset=OTHER)), TOKEN) == []
    assert plain_transfers(mined(moved(1), succeeded=False), TOKEN) == []


@pytest.mark.parametrize("proxy", [EXACT_PROXY, UPTO_PROXY])
def test_what_a_proxy_of_x402_moved_is_no_plain_transfer(proxy):
    assert plain_transfers(mined(moved(1), RawLog(proxy, (NONCE,), b"", 5)), TOKEN) == []


@pytest.mark.parametrize(
    "changes", [{"asset": OTHER}, {"sender": OTHER}, {"recipient": OTHER}, {"amount": 49_999}, {"amount": 50_001}]
)
def test_only_what_moved_exactly_so_much_between_the_two_counts(changes):
    right = transfer_at(mined(moved()), 4)
    assert that_moved([right], PERMITTED, 50_000) == [right]
    assert that_moved([transfer_at(mined(moved(**changes)), 4)], PERMITTED, 50_000) == []
