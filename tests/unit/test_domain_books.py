"""G4: what rows and Transfers bring to a wallet, which of them belong together, and what is wrong with a row."""

from dataclasses import replace

import pytest

from scripts.accounts import account
from server.domain.books import Parties, booked, misbooked, signed, standing_for, unbooked
from server.domain.evidence import TransferLog
from server.domain.ledger import reversed_entry
from tests.fakes import samples
from tests.fakes.samples import TOKEN

ONE, TWO, OTHER = (account(name).address for name in ("buyer", "merchant", "float"))
ORDER = samples.order()
LOG = TransferLog("0xaa", 3, 8, "0xblock", TOKEN, ONE, TWO, 100)
ROW = samples.entry(ORDER, transaction="0xaa", log_index=3, block=8, block_hash="0xblock", asset=TOKEN, amount=100)
KNOWN = Parties(ONE, TWO)


def test_a_transfer_brings_its_recipient_what_it_takes_from_its_sender():
    assert [signed(LOG, address) for address in (ONE, TWO, OTHER)] == [-100, 100, 0]
    assert signed(replace(LOG, recipient=ONE), ONE) == 0


def test_rows_add_up_to_what_came_less_what_went():
    rows = [replace(ROW, debit="a:1", credit="b:1"), replace(ROW, debit="b:1", credit="a:1", amount=30)]
    assert [booked(rows, name) for name in ("a:1", "b:1", "c:1")] == [70, -70, 0]
    assert booked([ROW, reversed_entry(ROW)], ROW.debit) == 0


def test_a_transfer_is_unbooked_unless_a_row_stands_for_it():
    assert unbooked([LOG], []) == [LOG]
    assert unbooked([LOG], [ROW]) == []
    assert unbooked([LOG], [ROW, reversed_entry(ROW)]) == [LOG]
    assert unbooked([LOG], [ROW, reversed_entry(ROW), replace(ROW, round=1)]) == []
    assert unbooked([LOG], [reversed_entry(ROW)]) == [LOG]


@pytest.mark.parametrize("changes", [{"block_hash": "0xother"}, {"log_index": 4}])
def test_a_row_of_another_log_stands_for_no_other(changes):
    assert unbooked([LOG], [replace(ROW, **changes)]) == [LOG]


@pytest.mark.parametrize(("changes", "found"), [({}, []), ({"transaction": "0xbb"}, [LOG]), ({"log_index": 4}, [LOG])])
def test_a_row_that_names_no_block_stands_for_the_log_of_its_transaction(changes, found):
    assert unbooked([LOG], [replace(ROW, block_hash="", **changes)]) == found


@pytest.mark.parametrize("field", ["order_id", "kind", "round"])
def test_a_reversal_takes_back_the_row_of_its_own_order_kind_and_round_alone(field):
    other = replace(ROW, **{field: 1 if field == "round" else "other"})
    assert standing_for([ROW, reversed_entry(ROW)]) == []
    assert standing_for([ROW, other, reversed_entry(other)]) == [ROW]


def test_a_row_is_right_by_the_log_that_it_names_whoever_is_not_known():
    for parties in (KNOWN, Parties(None, None), Parties(ONE.lower(), TWO.upper().replace("0X", "0x"))):
        assert misbooked(ROW, LOG, parties) is None


@pytest.mark.parametrize(
    ("log", "parties", "words"),
    [
        (None, KNOWN, "the chain shows none"),
        (replace(LOG, block_hash="0xother"), KNOWN, "the chain shows none"),
        (replace(LOG, amount=99), KNOWN, "the chain shows 99 of"),
        (replace(LOG, asset=OTHER), KNOWN, f"the chain shows 100 of {OTHER}"),
        (LOG, Parties(OTHER, TWO), f"booked as sent by {OTHER}, and the chain shows {ONE}"),
        (LOG, Parties(None, OTHER), f"booked as received by {OTHER}, and the chain shows {TWO}"),
    ],
)
def test_what_is_wrong_with_a_row_is_told_with_both_sides(log, parties, words):
    assert words in misbooked(ROW, log, parties)
