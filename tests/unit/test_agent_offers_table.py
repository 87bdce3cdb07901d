"""Offers as people see them: short where they are the seller's, whole where they are anybody else's."""

from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from agent.printing import offers_table

TERMS = SimpleNamespace(metered=False, amount=5, network="eip155:31337", asset="0x01", mode="DIRECT")


def shown(url: str, seller: str) -> list[str]:
    offer = SimpleNamespace(terms=TERMS, unit="call", method="GET", url=url, title="Echo", description="")
    out = StringIO()
    Console(file=out, width=200).print(offers_table([offer], seller, None))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("seller", ["http://a.test", "http://a.test/"])
def test_a_request_to_the_seller_is_told_without_its_origin_which_stands_above(seller):
    title, _, row = shown("http://a.test/v1/echo", seller)
    assert title.rstrip() == "on sale at http://a.test"
    assert "GET /v1/echo " in row


@pytest.mark.parametrize(
    "url", ["http://a.test.evil.test/v1/echo", "http://a.test:81/v1/echo", "http://b.test/v1/echo"]
)
def test_a_request_to_anybody_else_is_told_whole(url):
    assert f"GET {url} " in shown(url, "http://a.test")[-1]
