"""G4: a row moves an amount above zero between two accounts; books and chain are compared Transfer by Transfer."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.application.reconcile import compare
from server.domain import ledger
from server.domain.evidence import TransferLog
from server.domain.orders import Mode
from tests.fakes import samples
from tests.fakes.samples import NETWORK, TOKEN


@pytest.mark.parametrize("amount", [0, -1, -(2**256)])
def test_g4_a_row_moves_an_amount_above_zero(amount):
    with pytest.raises(ValueError, match="above zero"):
        samples.entry(samples.order(), amount=amount)


def test_a_row_cannot_be_changed():
    row = samples.entry(samples.order())
    with pytest.raises(AttributeError):
        row.amount = 1


MOVED = TransferLog("0xabc", 7, 12, "0xblock", TOKEN, "0xfrom", "0xto", 2**255)


def test_a_row_is_over_its_orders_whole_terms():
    order = samples.order("order-1", amount=2**255, mode=Mode.DELEGATE)
    row = ledger.entry(order, "settlement", ledger.delegate(order), ledger.payer(order), MOVED)
    assert (row.order_id, row.network, row.asset, row.amount) == ("order-1", NETWORK, TOKEN, 2**255)
    assert (row.transaction, row.block, row.block_hash, row.log_index) == ("0xabc", 12, "0xblock", 7)
    assert row.debit == f"delegate:{order.terms.pay_to}"
    assert row.credit == f"payer:{order.authorization.payer}"
    assert ledger.merchant(order) == "merchant:paddock"
    assert ledger.callback("0xc") == "callback:0xc"


def log_of(row, **changes):
    log = TransferLog(row.transaction, row.log_index, 1, row.block_hash, row.asset, "0xfrom", "0xto", row.amount)
    return replace(log, **changes)


rows = st.lists(
    st.builds(
        lambda amount, index: samples.entry(samples.order(), amount=amount, log_index=index),
        st.integers(1, 2**256 - 1),
        st.integers(0, 5),
    ),
    max_size=6,
)


@given(rows)
def test_g4_books_that_show_every_transfer_agree(entries):
    assert compare(NETWORK, [log_of(row) for row in entries], list(reversed(entries))) == []


@given(rows.filter(bool))
def test_g4_a_transfer_that_is_not_booked_is_found(entries):
    found = compare(NETWORK, [log_of(row) for row in entries], entries[1:])
    assert [(one.where, one.transaction) for one in found] == [("chain", entries[0].transaction)]


@given(rows.filter(bool))
def test_g4_a_row_without_a_transfer_is_found(entries):
    found = compare(NETWORK, [log_of(row) for row in entries[1:]], entries)
    assert [(one.where, one.transaction) for one in found] == [("ledger", entries[0].transaction)]


@pytest.mark.parametrize("by", [1, -1])
def test_g4_a_difference_of_one_atomic_unit_is_found(by):
    row = samples.entry(samples.order(), amount=2**200)
    (found,) = compare(NETWORK, [log_of(row, amount=row.amount + by)], [row])
    assert (found.where, found.transaction) == ("ledger", row.transaction)


def test_g4_the_right_amount_in_another_log_is_a_difference():
    row = samples.entry(samples.order())
    assert len(compare(NETWORK, [log_of(row, log_index=row.log_index + 1)], [row])) == 2
