"""The console's pages about cases: for the operator alone, and what strangers write is shown as text."""

import re

import pytest

from server.application.cases import open_case
from server.domain.cases import CaseKind, CaseState, Opening
from server.domain.states import MoneyBackState
from tests.simulation.world import MERCHANT_KEY, open_world

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
PAGES = ("/console/cases", "/console/cases?show=all")


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


@pytest.fixture
async def console(world):
    """A client with the console's cookie."""
    return await world.entered()


@pytest.fixture
async def case(world):
    """A dispute about a contract call that was made: its money cannot come back."""
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
    async with world.workers():
        await world.buyer.present(quoted, world.buyer.pay(quoted))
    async with world.db.begin("test") as work:
        return await open_case(work, CaseKind.DISPUTED, quoted.id, HOSTILE, by="payer:0xab")


async def decide(client, case, **form):
    return await client.post(f"/console/cases/{case.id}", data={"outcome": "rejection", "reason": "because"} | form)


async def test_s31_the_pages_and_the_form_are_the_operators(world, case):
    for headers in ({}, {"Authorization": f"Bearer {MERCHANT_KEY}"}, {"Cookie": "paddock_console=guess"}):
        for path in (*PAGES, f"/console/cases/{case.id}", "/console/cases/case-nobody"):
            assert (await world.client.get(path, headers=headers)).status_code == 401
        refused = await world.client.post(f"/console/cases/{case.id}", data={"outcome": "rejection"}, headers=headers)
        assert refused.status_code == 401
    assert world.db.tables.cases[case.id].state is CaseState.OPEN


async def test_s31_a_form_of_a_neighbour_on_this_host_decides_nothing(console, world, case):
    """To a cookie, another port of a host is the same site; the browser says that the form is not ours."""
    for site in ("same-site", "cross-site", "none"):
        for path, given in (
            (f"/console/cases/{case.id}", {"outcome": "rejection", "reason": "no"}),
            ("/console/leave", {}),
        ):
            refused = await console.post(path, data=given, headers={"sec-fetch-site": site})
            assert refused.status_code == 401
    assert world.db.tables.cases[case.id].state is CaseState.OPEN
    assert (await console.get("/console/cases")).status_code == 200


async def test_what_a_payer_wrote_is_text(console, case):
    for path in (*PAGES, f"/console/cases/{case.id}"):
        page = await console.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "alert(1)" in page.text


async def test_a_case_is_found_from_the_orders_decided_and_gone_from_the_open_ones(console, world, case):
    orders = (await console.get("/console/")).text
    assert re.search(r'href="/console/cases">Cases</a> <span class="soft"><span class="mono">1</span> open', orders)
    assert f"/console/cases/{case.id}" in (await console.get("/console/cases")).text
    page = (await console.get(f"/console/cases/{case.id}")).text
    assert f"/console/orders/{case.order_id}" in page
    assert "A refund is not possible now" in page
    decided = await decide(console, case, note="by hand")
    assert (decided.status_code, decided.headers["location"]) == (303, f"/console/cases/{case.id}")
    after = (await console.get(f"/console/cases/{case.id}")).text
    assert "resolved by rejection" in after
    assert "by hand" in after
    assert "<form" not in after
    assert case.id not in (await console.get("/console/cases")).text
    assert case.id in (await console.get("/console/cases?show=all")).text


async def sell(world):
    """The id of a delivered, final order."""
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    await world.work(20)
    return quoted.id


async def test_an_operator_raises_a_case_on_an_orders_page_and_refunds_it_there(console, world):
    """The money goes back once, from the merchant's float, however often the forms are sent."""
    order_id = await sell(world)
    page = (await console.get(f"/console/orders/{order_id}")).text
    assert "Nobody had to look at it" in page
    path = re.search(r'action="(/console/orders/[^"]+/case)"', page)[1]
    raised = await console.post(path, data={"why": HOSTILE})
    assert raised.status_code == 303
    where = raised.headers["location"]
    assert (await console.post(path, data={"why": "once more"})).headers["location"] == where
    shown = (await console.get(where)).text
    assert "<script>alert" not in shown
    for words in ("Raised", "by operator: once more"):
        assert words in shown
    for _ in range(2):
        await console.post(where, data={"outcome": "refund", "reason": "Here is your money again."})
        await world.work(60)
    assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED
    payer, own = world.buyer.account.address, world.paddock.floats["paddock"].address
    moves = await world.chain.transfers(world.paddock.market.asset.address, own)
    assert [(move.sender, move.recipient) for move in moves if payer in (move.sender, move.recipient)] == [(own, payer)]
    assert (
        f'<a href="{where}">raised</a> <span class="soft">refund</span>'
        in (await console.get(f"/console/orders/{order_id}")).text
    )
    public = (await world.client.get(f"/api/orders/{order_id}")).json()
    assert public["case"]["reason"] == "Here is your money again."


@pytest.mark.parametrize(("why", "status"), [("", 422), ("  ", 422), ("x" * 501, 422)])
async def test_a_case_is_not_raised_without_a_word_or_with_too_many(console, world, why, status):
    order_id = await sell(world)
    answer = await console.post(f"/console/orders/{order_id}/case", data={"why": why})
    assert (answer.status_code, "say why" in answer.text) == (status, True)
    assert not world.db.tables.cases


async def test_s31_no_case_is_raised_by_strangers_or_about_nothing(console, world):
    order_id = await sell(world)
    path = f"/console/orders/{order_id}/case"
    refused = await console.post(path, data={"why": "no"}, headers={"sec-fetch-site": "same-site"})
    assert refused.status_code == 401
    missing = await console.post("/console/orders/nobody/case", data={"why": "no"})
    assert (missing.status_code, "nothing to decide" in missing.text) == (404, True)
    console.cookies.clear()
    assert (await console.post(path, data={"why": "no"})).status_code == 401
    assert not world.db.tables.cases


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"outcome": ""}, 422, "choose one"),
        ({"outcome": "nonsense"}, 422, "choose one"),
        ({"reason": " "}, 422, "needs a reason"),
        ({"outcome": "refund"}, 409, "cannot be refunded"),
    ],
)
async def test_a_decision_that_cannot_be_made_says_why_and_keeps_what_was_written(console, case, form, status, words):
    answer = await decide(console, case, note="my note", **form)
    assert answer.status_code == status
    assert words in answer.text
    assert "my note" in answer.text
    assert 'name="reason"' in answer.text


async def test_a_case_without_an_order_and_one_that_is_not_there_have_their_pages(console, world):
    async with world.db.begin("test") as work:
        case = await work.cases.open(Opening(CaseKind.UNTRACKED_TRANSFER, "0x" + "ab" * 32 + ":3", "777 moved"))
    page = await console.get(f"/console/cases/{case.id}")
    assert page.status_code == 200
    assert "belongs to no order" in page.text
    missing = await console.get("/console/cases/case-nobody")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
