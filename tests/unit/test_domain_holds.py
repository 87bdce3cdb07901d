"""How a hold ended is read from the contract's own events about that very order."""

from dataclasses import replace

import pytest

from protocol.escrow import GIVEN_BACK, RELEASED
from protocol.typed_data import order_nonce
from server.domain.evidence import TRANSFER, Mined, RawLog, topic
from server.domain.holds import Ending, ending_in, is_kept

CONTRACT, TOKEN, PAYER, OTHER = ("0x" + digit * 40 for digit in "1234")
AMOUNT = (50_000).to_bytes(32, "big")
RELEASE = RawLog(CONTRACT, (RELEASED, order_nonce("order"), topic(PAYER)), AMOUNT, 4)
BACK = RawLog(CONTRACT, (GIVEN_BACK, order_nonce("order"), topic(OTHER), topic(PAYER)), AMOUNT, 4)
MOVED = RawLog(TOKEN, (TRANSFER, topic(CONTRACT), topic(PAYER)), AMOUNT, 5)


def mined(*logs, succeeded=True):
    return Mined("0x" + "ab" * 32, succeeded, 7, "0x" + "cd" * 32, 50_000, logs)


def ending(*logs, **changes):
    return ending_in(mined(*logs, **changes), CONTRACT, TOKEN, "order")


def test_a_release_says_by_whom():
    assert ending(RELEASE) == Ending(PAYER, mined(RELEASE), None)


def test_what_went_back_is_the_tokens_transfer_after_the_event():
    before = replace(MOVED, topics=(TRANSFER, topic(CONTRACT), topic(OTHER)), index=3)
    found = ending(before, BACK, MOVED)
    assert (found.by, found.back.recipient, found.back.amount, found.back.log_index) == (OTHER, PAYER, 50_000, 5)


@pytest.mark.parametrize(
    "logs",
    [
        (),
        (replace(RELEASE, address=OTHER),),
        (replace(RELEASE, topics=(RELEASED, order_nonce("another"), topic(PAYER))),),
        (BACK,),
        (BACK, replace(MOVED, address=OTHER)),
        (BACK, replace(MOVED, topics=(TRANSFER, topic(OTHER), topic(PAYER)))),
        (MOVED,),
    ],
    ids=["nothing", "another contract", "another order", "no Transfer", "another token", "another sender", "no event"],
)
def test_other_words_end_nothing(logs):
    assert ending(*logs) is None


def test_what_reverted_ended_nothing():
    assert ending(RELEASE, succeeded=False) is None


def test_a_hold_without_a_payer_is_none():
    assert is_kept(topic(PAYER) + AMOUNT + AMOUNT)
    assert not is_kept(bytes(32) + AMOUNT + AMOUNT)
