"""Cases move once, with a reason; refunds are possible for what the delegate wallet still holds."""

import pytest

from server.domain.cases import (
    MOST_NOTE,
    MOST_REASON,
    Case,
    CaseKind,
    CaseState,
    Opening,
    Outcome,
    checked_reason,
    opened,
    shown_to_buyer,
)
from server.domain.errors import BadArguments, CaseConflict
from server.domain.refunds import why_no_refund
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from server.payments.direct import DIRECT
from tests.fakes import samples
from tests.fakes.samples import NOW

F, M, P = FulfilmentState, MoneyBackState, PaymentState


def case(**changes) -> Case:
    return opened(Opening(CaseKind.STUCK, "order", "detail", "order", "paddock", **changes), NOW)


def test_a_case_is_resolved_once_and_says_by_whom():
    one = case()
    one.resolve(Outcome.REJECTION, "a reason", "operator", NOW, "a note")
    assert (one.state, one.outcome, one.reason, one.resolved_at) == (
        CaseState.RESOLVED, Outcome.REJECTION, "a reason", NOW,
    )  # fmt: skip
    assert [(line.what, line.by) for line in one.changes] == [
        ("opened", "paddock"),
        ("resolved by rejection", "operator"),
    ]
    with pytest.raises(CaseConflict, match="rejection"):
        one.resolve(Outcome.REFUND, "another", "operator", NOW)
    assert one.outcome is Outcome.REJECTION


def test_the_note_for_staff_is_not_what_the_buyer_sees():
    one = case()
    one.resolve(Outcome.REJECTION, "a reason", "operator", NOW, "a note")
    assert one.for_buyer == {"kind": "stuck", "state": "resolved", "outcome": "rejection", "reason": "a reason"}


@pytest.mark.parametrize(("note", "line"), [("a note", "a reason (a note)"), ("", "a reason")])
def test_the_timeline_has_the_reason_and_the_note_if_there_is_one(note, line):
    one = case()
    one.resolve(Outcome.REJECTION, "a reason", "operator", NOW, note)
    assert one.changes[-1].note == line


def test_a_buyer_is_shown_an_open_case_before_a_resolved_one_and_none_of_ours():
    resolved, still_open, ours = case(), case(), opened(Opening(CaseKind.MISSING_JOB, "order", "", "order", ""), NOW)
    resolved.resolve(Outcome.REJECTION, "a reason", "operator", NOW)
    assert shown_to_buyer([ours, resolved, still_open]) == still_open.for_buyer
    assert shown_to_buyer([ours, resolved]) == resolved.for_buyer
    assert shown_to_buyer([ours]) is None


def test_a_timeline_line_has_a_most_length():
    one = case()
    one.note("long", "operator", "x" * 9999)
    assert len(one.changes[-1].note) == MOST_NOTE


def test_every_case_has_an_id_of_its_own():
    assert len({case().id for _ in range(100)}) == 100


@pytest.mark.parametrize(("reason", "note"), [("", ""), (" \n", ""), ("r" * 501, ""), ("fine", "n" * 2001)])
def test_a_decision_needs_a_reason_of_reasonable_length(reason, note):
    with pytest.raises(BadArguments):
        checked_reason(reason, note)


def test_a_reason_and_a_note_may_have_their_most_length():
    assert checked_reason("r" * MOST_REASON, "n" * MOST_NOTE) == "r" * MOST_REASON


def test_a_reason_stands_without_the_space_around_it():
    assert checked_reason(" because ") == "because"


def delegate(**changes):
    usual = {"mode": DELEGATE, "payment": P.SETTLED, "fulfilment": F.FAILED}
    return samples.order(**usual | changes)


@pytest.mark.parametrize("money_back", [M.NONE, M.BLOCKED])
def test_f23_a_failed_delegate_order_can_be_refunded_also_after_it_was_blocked(money_back):
    assert why_no_refund(delegate(money_back=money_back)) is None


@pytest.mark.parametrize("fulfilment", [F.FAILED, F.RELEASED])
def test_a_direct_order_can_be_refunded_also_after_its_answer_was_released(fulfilment):
    assert why_no_refund(delegate(mode=DIRECT, fulfilment=fulfilment)) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"payment": P.IN_DOUBT}, "in doubt"),
        ({"payment": P.SETTLING}, "in doubt"),
        ({"payment": P.FAILED}, "no money came"),
        ({"payment": P.EXPIRED}, "no money came"),
        ({"payment": P.AUTHORIZED}, "no money came"),
        ({"money_back": M.DUE}, "on its way"),
        ({"money_back": M.SENDING}, "on its way"),
        ({"money_back": M.IN_DOUBT}, "not decided"),
        ({"money_back": M.REFUNDED}, "went back already"),
        ({"fulfilment": F.RELEASED}, "took the payment"),
        ({"fulfilment": F.EXECUTING}, "worked on"),
        ({"mode": DIRECT, "fulfilment": F.RELEASED, "charged": 0}, "nothing was charged"),
        (
            {"mode": DIRECT, "fulfilment": F.RELEASED, "charged": 0, "received": 9, "money_back": M.REFUNDED},
            "went back already",
        ),
    ],
)
def test_w9_every_other_order_says_why_not(changes, words):
    assert words in (why_no_refund(delegate(**changes)) or "")
