"""Money is whole: no float in code that handles it, and no price that changes on its way through an asset's units."""

import ast
import random
from dataclasses import replace
from pathlib import Path

import pytest

from protocol.amounts import atomic, display
from server.domain.market import PRICE_DECIMALS
from tests.fakes.chain import DOLLAR

TOP = Path(__file__).resolve().parents[2]
LAYERS = ("protocol", "server/domain", "server/payments", "server/facilitator", "server/adapters", "agent/payments")
SINGLE = ("quote", "present", "claim", "pay", "settle", "deliver", "execute", "refund", "reconcile")
OF_TIMES = {"server/domain/challenges.py", "server/domain/webhooks.py", "server/facilitator/cool_off.py"}
"""Durations are divided there, and no money."""
TRIALS = 100_000


def sources() -> list[Path]:
    layers = [path for layer in LAYERS for path in sorted((TOP / layer).glob("*.py"))]
    layers += [TOP / "server" / "application" / f"{name}.py" for name in SINGLE]
    return [path for path in layers if path.relative_to(TOP).as_posix() not in OF_TIMES]


def inexact(tree: ast.Module) -> list[str]:
    """Where numbers can lose digits: true division, `round`, and floats that meet an amount."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            found.append(f"line {node.lineno}: true division")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("round", "Decimal"):
            found.append(f"line {node.lineno}: {node.func.id}")
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation and "float" in ast.unparse(node.annotation):
            name = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
            if any(word in name for word in ("amount", "price", "value", "money", "balance", "charge", "fee")):
                found.append(f"line {node.lineno}: {name} is a float")
    return found


def test_w10_the_look_for_floats_finds_each_kind():
    source = "x = a / b\ny = round(x)\ndef f(amount: float, seconds: float) -> None: ...\n"
    assert len(inexact(ast.parse(source))) == 3


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(TOP).as_posix())
def test_w10_code_that_handles_money_has_no_float(path):
    assert inexact(ast.parse(path.read_text())) == []


@pytest.mark.parametrize("decimals", [0, 2, 6, 8, 18])
def test_w10_a_hundred_thousand_prices_come_back_from_an_assets_units(decimals):
    asset, chance = replace(DOLLAR, decimals=decimals), random.Random(decimals)
    coarse = 10 ** max(0, PRICE_DECIMALS - decimals)
    for _ in range(TRIALS):
        price = chance.randrange(1, 10 ** chance.randrange(1, 19))
        amount = asset.amount(price)
        assert type(amount) is int
        assert 0 <= asset.price(amount) - price < coarse
        assert atomic(display(amount, decimals), decimals) == amount
