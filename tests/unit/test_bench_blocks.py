"""P6 by the second counts blocks from payment to answer, of purchases that all arrived."""

import pytest

from scripts.bench import blocks
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Market, Side

TOKEN = "0x" + "aa" * 20
MARKET = Market("http://127.0.0.1:1", "eip155:31337", TOKEN, "USDC", "2", 5000, TOKEN, TOKEN)
SIDE = Side("paddock", "Paddock", 1, (11,), MARKET, quotes=True, receipts=True)


@pytest.fixture
def market(monkeypatch):
    """Each purchase moves `each` and takes half a second longer than the one before; what the devnet was told."""
    told, sold = [], {"each": 5000, "moved": 0, "count": 0}

    async def signed(_side, _payer):
        told.append("signed")

    async def paid(_side, _header):
        sold["count"] += 1
        sold["moved"] += sold["each"]
        return sold["count"] / 2

    async def rested(_side):
        told.append("rested")

    monkeypatch.setattr(blocks, "CONNECTIONS", 3)
    monkeypatch.setattr(blocks, "BLOCK", 2.0)
    monkeypatch.setattr(blocks, "signed", signed)
    monkeypatch.setattr(blocks, "paid", paid)
    monkeypatch.setattr(blocks, "rested", rested)
    monkeypatch.setattr(blocks, "funded", lambda side, count: told.append("funded") or [None] * count)
    monkeypatch.setattr(blocks, "balance", lambda rpc, asset, address: sold["moved"])
    return told, sold


async def test_a_purchase_is_as_many_blocks_as_fit_into_its_time(market):
    told, _ = market
    assert await blocks.purchases(SIDE) == [0.25, 0.5, 0.75]
    assert told == ["rested", "funded", "signed", "signed", "signed"]


async def test_purchases_whose_money_did_not_move_are_no_figure(market):
    market[1]["each"] = 4999
    with pytest.raises(BenchFailed, match="answered 3 payments, and 14997 atomic units moved"):
        await blocks.purchases(SIDE)


async def test_the_second_figure_takes_the_rounds_of_the_first_and_measures_without_them(market):
    shared = blocks.Shared()
    assert (await shared.p50(SIDE), await shared.p50(SIDE)) == (0.5, 1.25)
    assert await shared.p99(SIDE) == pytest.approx(0.745)
    assert await shared.p99(SIDE) == pytest.approx(1.495)
    assert market[1]["count"] == 6, "nothing was bought for the second figure"
    await shared.p99(SIDE)
    assert market[1]["count"] == 9
