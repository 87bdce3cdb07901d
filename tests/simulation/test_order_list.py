"""The console's list of all orders: what is wanted and nothing else, every order once, and CSV that runs nothing."""

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from eth_utils.address import to_checksum_address

from server.web import order_pages
from tests.fakes import samples
from tests.simulation.world import open_world

PATH = "/console/orders"


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


@pytest.fixture
async def console(world):
    """A client with the console's cookie."""
    return await world.entered()


@pytest.fixture
async def stored(world):
    """Seven orders, a second apart, by turns of two payers: newest first."""
    orders = []
    async with world.db.begin("test") as work:
        for number in range(7):
            payer = to_checksum_address("0x" + ("a1", "b2")[number % 2] * 20)
            order = samples.order(payer=payer, created_at=samples.NOW + timedelta(seconds=number))
            await work.orders.add(order)
            orders.append(order)
    return orders[::-1]


def listed(page):
    return re.findall(r'<tr data-order="([^"]+)"', page.text)


async def test_the_pages_have_every_order_once_and_lead_to_each_other(console, stored, monkeypatch):
    monkeypatch.setattr(order_pages, "MOST", 3)
    path, pages = PATH, []
    while path:
        page = await console.get(path)
        pages.append(listed(page))
        older = re.search(r'href="([^"]+)" rel="next"', page.text)
        path = older and older[1].replace("&amp;", "&")
        assert len(pages) <= 3
    assert pages == [[order.id for order in stored[start : start + 3]] for start in (0, 3, 6)]
    assert "No older ones" in (await console.get(PATH, params={"before": stored[-1].id})).text


async def test_a_list_keeps_what_was_chosen_from_page_to_page_and_in_the_csv(world, console, stored, monkeypatch):
    monkeypatch.setattr(order_pages, "MOST", 2)
    payer = stored[0].authorization.payer
    own = [order.id for order in stored if order.authorization.payer == payer]
    page = await console.get(PATH, params={"payer": payer.lower(), "status": "pending"})
    assert listed(page) == own[:2]
    older = re.search(r'href="([^"]+)" rel="next"', page.text)[1].replace("&amp;", "&")
    assert listed(await console.get(older)) == own[2:]
    sheet = re.search(r'href="([^"]+orders\.csv[^"]*)"', page.text)[1].replace("&amp;", "&")
    rows = list(csv.DictReader(io.StringIO((await console.get(sheet)).text)))
    assert [row["order"] for row in rows] == own
    assert listed(await console.get(PATH, params={"status": "delivered"})) == []
    assert listed(await console.get(PATH, params={"service": "nothing"})) == []
    assert listed(await console.get(PATH, params={"service": "echo"})) == [order.id for order in stored[:2]]


async def test_what_was_sold_is_listed_by_where_it_stands(world, console):
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    assert listed(await console.get(PATH, params={"status": "delivered"})) == [quoted.id]
    assert listed(await console.get(PATH, params={"status": "pending"})) == []
    [row] = csv.DictReader(io.StringIO((await console.get(f"{PATH}.csv")).text))
    order = await world.order(quoted.id)
    assert (row["status"], row["service"], row["payer"]) == ("delivered", "echo", order.authorization.payer)
    assert (row["amount"], row["settlement"]) == (str(order.price), order.settlement_tx)
    assert row["time"].endswith("Z")


async def test_a_spreadsheet_runs_nothing_of_it(world, console, stored):
    order = replace(stored[0], failure="=HYPERLINK(1)")
    async with world.db.begin("test") as work:
        await work.orders.save(order)
    answer = await console.get(f"{PATH}.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["cache-control"] == "no-store"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["failure"] for row in rows] == ["'=HYPERLINK(1)"] + [""] * 6


@pytest.mark.parametrize(("name", "value"), [("status", "nonsense"), ("payer", "0x12"), ("payer", "0x" + "g1" * 20)])
async def test_what_is_no_status_or_address_is_said(console, name, value):
    for path in (PATH, f"{PATH}.csv"):
        answer = await console.get(path, params={name: value})
        assert answer.status_code == 422
        assert f"{name}: " in answer.text
