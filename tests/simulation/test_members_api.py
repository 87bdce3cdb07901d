"""S31: a merchant's people ask about its orders and cases over HTTP, by the token that their wallet signed in for."""

import pytest

from server.application.cases import open_case
from server.domain.cases import CaseKind
from tests.simulation.staff import OPERATOR, asking, staff
from tests.simulation.world import open_world

SEES = {"marketplace", "key", "paid", "owner", "operator", "reader"}
DECIDES = SEES - {"reader"}
MAY = {
    "GET /api/orders/{order}/receipt": SEES, "GET /api/orders/{order}/proof": SEES,
    "GET /api/orders/{order}/case": SEES, "GET /api/orders/{order}/delivery": SEES,
    "POST /api/orders/{order}/cancel": DECIDES,
    "GET /api/orders/{order}/refund": DECIDES, "POST /api/orders/{order}/refund": DECIDES,
    "GET /api/cases/{case}": SEES, "POST /api/cases/{case}/resolve": DECIDES,
}  # fmt: skip
WHO = (*sorted(SEES), "foreign", "nobody")


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield await staff(opened)


@pytest.fixture
async def given(world):
    """A delivered order with an open case."""
    quoted = await world.buyer.ask(world.url("echo"))
    async with world.workers():
        assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    async with world.db.begin("test") as work:
        case = await open_case(work, CaseKind.DISPUTED, quoted.id, "why", by="payer:0xab")
    return {"order": quoted.id, "case": case.id}


async def ask(world, name, who, given, **body):
    method, path = name.format(**given).split(" ")
    headers = await asking(world, who)
    return await world.client.request(method, path, headers=headers, json=body or None)


@pytest.mark.parametrize("name", MAY)
async def test_s31_each_may_what_its_role_says_and_to_others_nothing_is_there(world, given, name):
    for who in WHO:
        answer = await ask(world, name, who, given)
        told = answer.text[:300]
        if who in ("foreign", "nobody"):
            nothing = await ask(world, name, who, {"order": "no-such-order", "case": "no-such-case"})
            assert (answer.status_code, answer.json()["type"]) == (404, nothing.json()["type"]), (who, told)
        else:
            assert (answer.status_code == 403) is (who not in MAY[name]), (who, answer.status_code, told)


async def test_s31_who_was_a_member_once_finds_nothing_any_more(world, given):
    headers = await asking(world, "reader")
    path = "/api/orders/{order}/case".format(**given)
    assert (await world.client.get(path, headers=headers)).status_code == 200
    async with world.db.begin("test") as work:
        for member in await work.members.of("paddock"):
            await work.members.remove("paddock", member.wallet, "test")
    assert (await world.client.get(path, headers=headers)).status_code == 404
    assert (await world.client.get("/api/cases", headers=headers)).status_code == 401


async def test_a_member_sees_its_own_merchants_cases_in_the_list_and_decides_under_its_own_name(world, given):
    for who, count in (("reader", 1), ("foreign", 0), ("marketplace", 1)):
        listed = await ask(world, "GET /api/cases", who, given)
        assert (listed.status_code, len(listed.json())) == (200, count), who
    decided = await ask(
        world, "POST /api/cases/{case}/resolve", "operator", given, outcome="rejection", reason="it was delivered"
    )
    assert decided.status_code == 200, decided.text
    told = (await ask(world, "GET /api/cases/{case}", "reader", given)).text
    assert f"member:{OPERATOR.address}" in told


async def test_a_cookie_opens_no_interface(world, given):
    token = (await asking(world, "owner"))["Authorization"].partition(" ")[2]
    world.client.cookies.set("paddock_console", token)
    assert (await ask(world, "GET /api/orders/{order}/case", "nobody", given)).status_code == 404
    assert (await ask(world, "GET /api/cases", "nobody", given)).status_code == 401
