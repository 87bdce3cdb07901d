"""The console's overview: what it counts in a span and the one before, its lines, money keys, and the set-up list."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from server.application import trends
from server.application.holdings import Holding, MoneyKey
from server.application.paddock import Custody
from server.domain.states import FulfilmentState, PaymentState
from server.domain.trends import Span
from server.web.overview import changed
from server.web.pages import units
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase
from tests.simulation.webhook_world import listening
from tests.simulation.world import open_world

PATH = "/console"
DAY = timedelta(days=1)


@pytest.fixture
async def world():
    async with open_world() as opened:
        await opened.entered()
        yield opened


async def look(world, span="", status=200):
    answer = await world.client.get(PATH, params={"range": span} if span else {})
    assert answer.status_code == status, answer.text
    return answer.text


def tiles(text):
    """By label: value with unit, then what is said about it."""
    found = {}
    for part in re.findall(r"<div>\s*<dt>(.*?)</div>", text, re.DOTALL):
        label, _, rest = part.partition("</dt>")
        said = re.findall(r'<dd(?: class="about")?>(.*?)</dd>', rest, re.DOTALL)
        found[label] = [" ".join(re.sub(r"<[^>]+>", "", one).split()) for one in said]
    return found


def lines(text):
    return {
        story.split(" of ")[0]: points for story, points in re.findall(r'label="(.*?)"><polyline .*?"([\d, -]*)"', text)
    }


def steps(text):
    """What is done and what is not."""
    listed = text.partition('id="to-do"')[2].partition("</ol>")[0]
    return re.findall(r'<li class="done">', listed), re.findall(r"<code>(.*?)</code>", listed)


async def buy(world, name="echo"):
    quoted = await world.buyer.ask(world.url(name))
    return await world.buyer.present(quoted, world.buyer.pay(quoted))


async def test_what_was_sold_is_counted_with_its_revenue_in_the_span_that_it_fell_into(world):
    await buy(world)
    await buy(world, "echo-dear")
    await world.work()
    now = tiles(await look(world))
    assert now["Revenue"] == ["0.06 USDC", "none in the 24 hours before", "refunds are not taken off"]
    assert now["Orders"] == ["2", "none in the 24 hours before", "2 delivered"]
    assert now["Success"] == ["100 %", "delivered, of all that ended"]
    assert now["Refunds"] == ["0", "as in the 24 hours before"]
    world.clock.advance(days=1)
    await world.entered()  # a session has 12 hours
    later = tiles(await look(world))
    assert later["Revenue"][:2] == ["0 USDC", "-100 % on the 24 hours before"]
    assert later["Orders"][:2] == ["0", "-100 % on the 24 hours before"]
    assert later["Success"][0] == "–"
    week = tiles(await look(world, "7d"))
    assert (week["Orders"][0], week["Revenue"][0]) == ("2", "0.06 USDC")
    assert tiles(await look(world, "1h"))["Orders"][:2] == ["0", "as in the hour before"]


async def test_what_failed_lowers_the_rate_and_what_went_back_is_a_refund(world):
    assert (await buy(world)).status_code == 200
    for _ in range(2):
        quoted = await world.buyer.ask(world.url("launch-pass"), "POST", {})
        async with world.workers():
            await world.buyer.present(quoted, world.buyer.pay(quoted))
    await world.work()
    now = tiles(await look(world))
    assert now["Success"][0] == "66.6 %"
    assert now["Refunds"] == ["1", "none in the 24 hours before", "2.5 USDC"]
    assert now["Revenue"][0] == "5.01 USDC"


async def test_what_waits_is_told_with_its_age_whatever_the_span(world):
    assert tiles(await look(world))["Pending now"] == ["0", "nothing waits"]
    order = samples.order(created_at=world.clock.now(), asset=DOLLAR.address)
    order.pay(PaymentState.SETTLING)
    async with world.db.begin("test") as work:
        await work.orders.add(order)
    world.clock.advance(days=2)
    await world.entered()  # a session has 12 hours
    assert tiles(await look(world, "1h"))["Pending now"] == ["1", "the oldest for 2 d"]
    late = samples.order(created_at=world.clock.now(), asset=DOLLAR.address)
    async with world.db.begin("test") as work:
        await work.orders.add(late)
    assert tiles(await look(world, "1h"))["Pending now"] == ["2", "the oldest for 2 d"]
    async with world.db.begin("test") as work:
        order.pay(PaymentState.FAILED)
        order.fulfil(FulfilmentState.FAILED)
        await work.orders.save(order)
        late.fulfil(FulfilmentState.FAILED)
        late.pay(PaymentState.FAILED)
        await work.orders.save(late)


async def test_each_line_has_a_point_a_step_and_says_in_words_what_it_shows(world):
    for _ in range(3):
        world.clock.advance(hours=6)
        await buy(world)
    await world.work()
    await world.entered()  # a session has 12 hours
    text = await look(world)
    points = [point.split(",") for point in lines(text)["Orders"].split()]
    assert len(points) == 24
    assert sorted({int(y) for _, y in points}) == [3, 37]
    assert sum(y == "3" for _, y in points) == 3
    assert "Orders of the last 24 hours in steps of an hour: lowest 0, highest 1, at the end 1." in text
    assert "Revenue of the last 24 hours in steps of an hour: lowest 0, highest 0.01, at the end 0.01." in text


async def test_the_spans_are_links_and_the_chosen_one_is_marked(world):
    for span in Span:
        text = await look(world, span.value)
        listed = re.findall(r'href="/console\?range=(\w+)"( aria-current="true")?', text)
        assert [(one.value, ' aria-current="true"' if one is span else "") for one in Span] == listed
        assert f"after=0&amp;range={span}" in text
    assert re.search(r'range=24h" aria-current', await look(world))
    assert "it is one of 1h, 24h, 7d, 30d" in await look(world, "99d", 422)


async def test_money_keys_are_shown_with_what_they_hold_and_without_a_chain_as_not_known(world):
    text = " ".join(re.sub(r"<[^>]+>", "", await look(world)).split())
    assert "Delegate wallet 0 USDC, gas" in text
    assert "Refund float of paddock 1000 USDC" in text
    assert re.search(r"Settlement gas [\d.]+", text)
    world.chain.unavailable = True
    world.clock.advance(11)
    assert "Delegate wallet not known" in re.sub(r"<[^>]+>", "", await look(world))


async def test_the_set_up_list_names_what_is_to_do_and_is_gone_when_all_is_done(world):
    done, how = steps(await look(world))
    assert (len(done), how) == (2, ["paddock-agent buy &#39;market signal&#39;", "paddock webhook add https://…"])
    await buy(world)
    await world.work()
    assert len(steps(await look(world))[0]) == 3
    await listening(world)
    assert "Still to set up" not in await look(world)
    held = Custody(devnet=False, in_variables=("PADDOCK_RECEIPT_KEY",))
    world.app.state.paddock = replace(world.paddock, custody=held)
    _, how = steps(await look(world))
    assert how == [
        "PADDOCK_RECEIPT_KEYSTORE with PADDOCK_RECEIPT_PASSWORD_FILE, or PADDOCK_RECEIPT_SIGNER",
        "PADDOCK_ORIGINS=https://…",
    ]
    safe = replace(world.paddock, custody=Custody(devnet=False), origins=("https://paddock.example",))
    world.app.state.paddock = safe
    assert "Still to set up" not in await look(world)


async def test_a_dear_count_is_shown_again_for_a_while_and_a_cheap_one_is_made_anew(monkeypatch):
    clock = FakeClock()
    db, kept, counted = FakeDatabase(clock), trends.Trends(), []
    count, cost = trends._count, timedelta(seconds=1)

    async def slowly(*given):
        counted.append(clock.now())
        found = await count(*given)
        clock.advance(cost.total_seconds())
        return found

    monkeypatch.setattr(trends, "_count", slowly)
    first = await kept.read(db, clock, Span.MONTH)
    clock.advance(19)
    assert await kept.read(db, clock, Span.MONTH) is first
    await kept.read(db, clock, Span.DAY)
    clock.advance(1)
    assert await kept.read(db, clock, Span.MONTH) is not first
    assert len(counted) == 3
    cost = timedelta(minutes=10)
    clock.advance(3600)
    await kept.read(db, clock, Span.MONTH)
    clock.advance(61)
    cost = timedelta()
    newest = await kept.read(db, clock, Span.MONTH)
    assert await kept.read(db, clock, Span.MONTH) is not newest


@pytest.mark.parametrize(
    ("held", "gas", "amiss"),
    [(100, 50, False), (101, 50, True), (100, 49, True), (None, 50, False), (101, None, True), (None, None, False)],
)
def test_a_key_is_amiss_above_its_cap_and_below_its_floor_and_not_while_it_is_unknown(held, gas, amiss):
    key = MoneyKey("delegate wallet", samples.NETWORK, samples.TOKEN, DOLLAR, cap=100, gas_floor=50)
    assert Holding(key, held, gas).amiss is amiss


def test_without_limits_only_a_key_without_gas_is_amiss():
    key = MoneyKey("settlement", samples.NETWORK, samples.TOKEN)
    assert [Holding(key, 5, gas).amiss for gas in (0, 1)] == [True, False]


@pytest.mark.parametrize(
    ("amount", "decimals", "shown"),
    [(1_239_999, 6, "1.2399"), (99, 6, "0"), (5, 0, "5"), (123, 2, "1.23"), (10**18 - 1, 18, "0.9999")],
)
def test_a_balance_is_never_shown_higher_than_it_is(amount, decimals, shown):
    assert units(amount, decimals) == shown


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (0, 0, "as in"), (5, 5, "as in"), (5, 0, "none in"), (3, 2, "+50 % on"), (1, 2, "-50 % on"),
        (1_000_001, 1_000_000, "slightly more than in"), (999_999, 1_000_000, "slightly less than in"),
        (30, 1, "+2,900 % on"), (-1, 1, "-200 % on"),
    ],
)  # fmt: skip
def test_changes_are_said_in_percent_where_those_say_something(now, before, said):
    assert changed(now, before) == said
