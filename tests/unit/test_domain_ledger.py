"""G4: a row moves an amount above zero between two accounts; books and chain are compared Transfer by Transfer."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import ledger
from server.domain.books import Parties, booked, misbooked, standing_for, unbooked
from server.domain.evidence import TransferLog
from server.payments.delegate import DELEGATE
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
    order = samples.order("order-1", amount=2**255, mode=DELEGATE)
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


NOBODY = Parties(None, None)


@given(rows)
def test_g4_books_that_show_every_transfer_agree(entries):
    logs = [log_of(row) for row in entries]
    assert unbooked(logs, list(reversed(entries))) == []
    assert [misbooked(row, log, NOBODY) for row, log in zip(entries, logs, strict=True)] == [None] * len(entries)


@given(rows.filter(bool))
def test_g4_a_transfer_that_is_not_booked_is_found(entries):
    found = unbooked([log_of(row) for row in entries], entries[1:])
    assert [one.transaction for one in found] == [entries[0].transaction]


def test_g4_a_transfer_whose_row_was_taken_back_is_not_booked():
    row = samples.entry(samples.order())
    again = replace(row, round=1)
    assert unbooked([log_of(row)], [row, ledger.reversed_entry(row)]) == [log_of(row)]
    assert unbooked([log_of(row)], [row, ledger.reversed_entry(row), again]) == []
    assert standing_for([row, ledger.reversed_entry(row), again]) == [again]


def test_g4_a_row_without_a_transfer_or_with_one_in_another_block_is_found():
    row = samples.entry(samples.order())
    for shown in (None, log_of(row, block_hash="0xother")):
        assert "shows none" in misbooked(row, shown, NOBODY)


@pytest.mark.parametrize("by", [1, -1])
def test_g4_a_difference_of_one_atomic_unit_is_found(by):
    row = samples.entry(samples.order(), amount=2**200)
    assert str(row.amount + by) in misbooked(row, log_of(row, amount=row.amount + by), NOBODY)


def test_g4_the_same_amount_of_another_asset_is_found():
    row = samples.entry(samples.order())
    assert "0xlookalike" in misbooked(row, log_of(row, asset="0xlookalike"), NOBODY)


def test_g4_money_that_came_from_or_went_to_somebody_else_is_found():
    row = samples.entry(samples.order())
    assert misbooked(row, log_of(row), Parties("0xFROM", "0xTO")) is None
    assert "sent by 0xme" in misbooked(row, log_of(row), Parties("0xme", "0xto"))
    assert "received by 0xme" in misbooked(row, log_of(row), Parties("0xfrom", "0xme"))


def test_g4_the_right_amount_in_another_log_is_a_difference():
    row = samples.entry(samples.order())
    assert unbooked([log_of(row, log_index=row.log_index + 1)], [row]) != []


@given(rows)
def test_g4_w10_what_rows_bring_to_accounts_adds_up_to_nothing(entries):
    everything = [*entries, *map(ledger.reversed_entry, entries[::2])]
    accounts = {account for row in everything for account in (row.debit, row.credit)}
    assert sum(booked(everything, account) for account in accounts) == 0
    standing = [row for row in entries if row not in entries[::2]]
    assert all(booked(everything, account) == booked(standing, account) for account in accounts)
