"""A merchant's statement over HTTP: for its owner and the operator, as JSON or CSV, of half-open periods in UTC."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from server.application.refund_by_hand import refund_by_hand
from server.application.statement import Moved, statement
from server.application.statement_text import COLUMNS, as_csv, as_json
from server.domain.csv_text import cell
from server.domain.statements import Line, Period, Place
from tests.simulation.world import MERCHANT_KEY, TOKEN, open_world

OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
MERCHANT = {"Authorization": f"Bearer {MERCHANT_KEY}"}
PATH = "/api/merchants/paddock/statement"
ALWAYS = {"from": "2020-01-01", "to": "2100-01-01"}


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


async def buy(world, service="echo"):
    method, body = ("GET", None) if service == "echo" else ("POST", {})
    quoted = await world.buyer.ask(world.url(service), method, body)
    async with world.workers():
        answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
    await world.work(10)
    return quoted.id, answer.status_code


async def ask(world, headers=OPERATOR, accept="application/json", path=PATH, **period):
    return await world.client.get(path, params=period or ALWAYS, headers=headers | {"Accept": accept})


async def some_history(world):
    """One delivered DIRECT, one refunded DIRECT, one delivered DELEGATE, one refunded DELEGATE order: their ids."""
    kept, _ = await buy(world)
    back, _ = await buy(world)
    await refund_by_hand(world.paddock, back, retry=False)
    await world.work(20)
    minted, _ = await buy(world, "access-pass")
    await buy(world, "launch-pass")
    sold_out, status = await buy(world, "launch-pass")
    assert status == 502
    await world.work(30)
    return kept, back, minted, sold_out


async def test_g4_every_row_is_there_and_the_sums_are_the_ledgers(world):
    await some_history(world)
    answer = await ask(world)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    shown = answer.json()
    rows = world.db.tables.entries
    assert [one["transaction"] for one in shown["entries"]] == [row.transaction for row in rows]
    assert [one["order"] for one in shown["entries"]] == [row.order_id for row in rows]
    came, back = (
        sum(row.amount for row in rows if getattr(row, side).startswith("payer:")) for side in ("credit", "debit")
    )
    (total,) = shown["totals"]
    sums = {name: int(total[name]) for name in ("opening", "received", "returned", "fees", "owed", "closing")}
    assert sums == {"opening": 0, "received": came, "returned": back, "fees": 0, "owed": 0, "closing": came - back}
    assert total["display"] == f"{(came - back) / 10**6:.6f}".rstrip("0").rstrip(".")
    assert Counter(one["kind"] for one in shown["entries"]) == {"settlement": 5, "refund": 2, "payout": 2}
    assert {one["change"] for one in shown["entries"] if one["kind"] == "payout"} == {"0"}


async def test_csv_says_the_same_as_json(world):
    await some_history(world)
    answer = await ask(world, accept="text/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert tuple(lines[0]) == COLUMNS
    shown = (await ask(world)).json()
    entries = [line for line in lines if line["record"] == "entry"]
    assert entries == [{"record": "entry", **one} for one in shown["entries"]]
    assert lines[-1]["record"] == "closing"
    assert lines[-1]["balance"] == shown["totals"][0]["closing"] == entries[-1]["balance"]


async def test_what_is_due_back_and_cannot_go_is_shown_as_owed(world):
    order_id, _ = await buy(world)
    world.chain.state.paused = True
    await refund_by_hand(world.paddock, order_id, retry=False)
    await world.work(20)
    assert (await ask(world)).json()["totals"][0]["owed"] == "10000"
    world.chain.state.paused = False


async def test_a_period_begins_with_what_the_one_before_ended_with_and_leaves_its_end_out(world):
    await buy(world)
    world.clock.advance(3600)
    at = world.clock.now()
    await buy(world)
    booked = world.db.tables.booked[-1]
    text = booked.isoformat().replace("+00:00", "Z")
    before = (await ask(world, **{"from": "2020-01-01", "to": text})).json()
    after = (await ask(world, **{"from": text, "to": "2100-01-01"})).json()
    assert (len(before["entries"]), len(after["entries"])) == (1, 1)
    assert before["totals"][0]["closing"] == after["opening"][0]["balance"] == "10000"
    assert after["totals"][0]["closing"] == "20000"
    zone = (at - timedelta(minutes=1)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") + "+00:00"
    assert len((await ask(world, **{"from": zone, "to": "2100-01-01"})).json()["entries"]) == 1


async def test_an_empty_period_is_a_whole_statement_too(world):
    shown = (await ask(world, **{"from": "2020-01-01", "to": "2020-02-01"})).json()
    wanted = {"merchant": "paddock", "from": "2020-01-01T00:00:00Z", "to": "2020-02-01T00:00:00Z"}
    assert shown == wanted | {"opening": [], "entries": [], "totals": []}
    await buy(world)
    shown = (await ask(world, **{"from": "2090-01-01", "to": "2100-01-01"})).json()
    assert (shown["opening"][0]["balance"], shown["entries"], shown["totals"][0]["closing"]) == ("10000", [], "10000")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
async def test_s31_a_stranger_sees_no_statement(world, headers):
    assert (await ask(world, headers)).status_code == 401
    assert (await ask(world, headers, path="/api/merchants/none/statement")).status_code == 401


async def test_s31_a_merchant_sees_its_own_and_no_other(world):
    assert (await ask(world, MERCHANT)).status_code == 200
    assert (await ask(world, MERCHANT, path="/api/merchants/other/statement")).status_code == 401
    unknown = await ask(world, path="/api/merchants/other/statement")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/unknown-merchant")


@pytest.mark.parametrize(
    ("start", "to"),
    [
        ("", ""),
        ("2026-03-01", ""),
        ("2026-03-01", "2026-03-01"),
        ("2026-03-02", "2026-03-01"),
        ("2026-03-01T12:00:00", "2026-03-02"),
        ("2026-02-30", "2026-03-02"),
        ("yesterday", "2026-03-02"),
        ("0001-01-01T00:00:00+14:00", "2026-03-02"),
    ],
)
async def test_a_period_that_is_none_is_refused_with_what_to_write(world, start, to):
    answer = await ask(world, **{"from": start, "to": to})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-arguments")


async def test_the_console_gives_the_operator_the_csv_and_nobody_else(world):
    await buy(world)
    path = "/console/statement?merchant=paddock&from=2020-01-01&to=2100-01-01"
    assert (await world.client.get(path)).status_code == 401
    assert (await world.client.get(path, headers=MERCHANT)).status_code == 401
    answer = await world.client.get(path, headers=OPERATOR)
    assert answer.text == (await ask(world, accept="text/csv")).text
    shown = await world.client.get("/console", headers=OPERATOR)
    assert 'action="/console/statement"' in shown.text


async def test_only_a_page_of_rows_is_in_memory_at_a_time(world, monkeypatch):
    for _ in range(5):
        await buy(world)
    monkeypatch.setattr("server.application.statement.PAGE", 2)
    pages, before = [], world.paddock.db.survey
    one_period = Period(datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

    def reading():
        pages.append(1)
        return before()

    monkeypatch.setattr(type(world.paddock.db), "survey", lambda _self: reading())
    records = statement(world.paddock, "paddock", one_period)
    await anext(records)
    assert len(pages) == 2
    assert len([one async for one in records if isinstance(one, Moved)]) == 4
    assert len(pages) == 1 + 3 + 1


@pytest.mark.parametrize("text", ["=1+1", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "-", "+5"])
def test_a_cell_that_a_spreadsheet_would_run_is_marked_as_text(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-5", "-0.05", "50000", "0xabc", "2026-03-01T00:00:00Z", "echo"])
def test_any_other_cell_stays_as_it_is(text):
    assert cell(text) == text


async def test_hostile_names_stay_in_their_cells_and_in_their_strings():
    place = Place("eip155:1", '=HYPERLINK("x")')
    line = Line(1, datetime(2026, 3, 1, tzinfo=UTC), '@a,"b"\n', "=1+1", "-x", "standing", "+0x", place, 5, 5)

    async def records():
        yield Moved(line, 5)

    text = "".join([piece async for piece in as_csv({}, records())])
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["order"], row["service"], row["kind"]) == ('\'@a,"b"\n', "'=1+1", "'-x")
    assert (row["transaction"], row["asset"]) == ("'+0x", '\'=HYPERLINK("x")')
    period = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    whole = "".join([piece async for piece in as_json({}, "m", period, records())])
    assert msgspec.json.decode(whole)["entries"][0]["order"] == '@a,"b"\n'
