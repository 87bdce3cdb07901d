"""S31: members of a merchant's console: who makes them, what is written of it, and what each sees and may."""

import asyncio

import pytest

from server.application.cases import open_case
from server.domain.cases import CaseKind, Outcome
from server.domain.members import MOST_MEMBERS
from server.domain.roles import Role
from server.web.live import Closing
from tests.simulation.staff import (
    MEMBERS,
    OPERATOR,
    OTHER_PAID,
    OWNER,
    PAID,
    READER,
    STRANGER,
    asking,
    by_wallet,
    sign_in,
    staff,
)
from tests.simulation.webhook_world import listening
from tests.simulation.world import open_world

PAGE, API = "/console/members", "/api/merchants/paddock/members"


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield await staff(opened)


@pytest.fixture
async def sold(world):
    """The id of an order of the world's merchant."""
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    return quoted.id


@pytest.fixture
async def case(world, sold):
    async with world.db.begin("test") as work:
        return await open_case(work, CaseKind.DISPUTED, sold, "why", by="payer:0xab")


async def roles(world):
    async with world.db.read() as view:
        return {one.wallet: one.role for one in await view.members.of("paddock")}


async def audit(world):
    async with world.db.read() as view:
        return [(one.wallet, one.old, one.new, one.by) for one in await view.members.changes("paddock", 2)]


async def look(world, path, who, status=200):
    answer = await world.client.get(path, headers=await asking(world, who))
    assert answer.status_code == status, answer.text
    return answer.text


async def test_an_owner_lets_somebody_in_changes_its_role_and_lets_it_in_no_more(world):
    owner = await by_wallet(world, OWNER)
    for role in ("read-only", "operator"):
        put = await world.client.put(f"{API}/{STRANGER.address.lower()}", json={"role": role}, headers=owner)
        assert put.status_code == 200, put.text
    assert (await roles(world))[STRANGER.address] is Role.OPERATOR
    token = await by_wallet(world, STRANGER)
    assert (await world.client.get("/console", headers=token)).status_code == 200
    gone = await world.client.delete(f"{API}/{STRANGER.address}", headers=owner)
    assert gone.status_code == 204
    assert (await world.client.get("/console", headers=token)).status_code == 401, "what it had open has ended"
    assert "no merchant's here" in (await sign_in(world, STRANGER, 401))["detail"]
    assert await audit(world) == [
        (STRANGER.address, "operator", "", OWNER.address),
        (STRANGER.address, "read-only", "operator", OWNER.address),
    ]


async def test_a_role_counts_from_the_next_request_on(world, case):
    token = await by_wallet(world, OPERATOR)
    async with world.db.begin("test") as work:
        await work.members.put("paddock", OPERATOR.address, Role.READER, "test")
    decided = {"outcome": "rejection", "reason": "because"}
    answer = await world.client.post(f"/console/cases/{case.id}", data=decided, headers=token)
    assert answer.status_code == 403
    assert "Your role does not allow that" in answer.text


async def test_the_page_does_the_same_and_says_what_is_wrong(world):
    owner = await by_wallet(world, OWNER)

    async def press(status, **data):
        answer = await world.client.post(PAGE, data=data, headers=owner)
        assert answer.status_code == status, answer.text
        return answer.text

    await press(303, wallet=f" {STRANGER.address} ", role="operator")
    assert (await roles(world))[STRANGER.address] is Role.OPERATOR
    assert STRANGER.address in await look(world, PAGE, "reader")
    await press(303, remove=STRANGER.address)
    assert await roles(world) == MEMBERS
    for says, given in {
        "0x": {"wallet": "0x12", "role": "owner"},
        "role: one of": {"wallet": STRANGER.address, "role": "king"},
        "owner already": {"wallet": PAID.address, "role": "read-only"},
        "until it is paid elsewhere": {"remove": PAID.address},
        "no member": {"remove": STRANGER.address},
    }.items():
        assert says in await press(422, **given)
    assert await roles(world) == MEMBERS


async def test_an_owners_form_about_another_merchant_is_about_its_own(world):
    owner = await by_wallet(world, OWNER)
    data = {"merchant": "other", "wallet": STRANGER.address, "role": "owner"}
    assert (await world.client.post(PAGE, data=data, headers=owner)).status_code == 303
    async with world.db.read() as view:
        assert await view.members.of("other") == []
    assert (await roles(world))[STRANGER.address] is Role.OWNER


async def test_the_operator_of_the_marketplace_makes_members_of_any_merchant(world):
    boss = await asking(world, "marketplace")
    data = {"merchant": "other", "wallet": STRANGER.address, "role": "owner"}
    answer = await world.client.post(PAGE, data=data, headers=boss)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?merchant=other")
    assert (await sign_in(world, STRANGER))["merchant"] == "other"
    assert (await world.client.get(PAGE, params={"merchant": "nobody"}, headers=boss)).status_code == 404


async def test_a_merchant_has_so_many_members_and_no_more_also_when_all_come_at_once(world):
    owner = await by_wallet(world, OWNER)
    wallets = [f"0x{number:040x}" for number in range(1, MOST_MEMBERS + 5)]
    asked = [world.client.put(f"{API}/{one}", json={"role": "read-only"}, headers=owner) for one in wallets]
    statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
    assert statuses.count(200) == MOST_MEMBERS - len(MEMBERS)
    assert len(await roles(world)) == MOST_MEMBERS
    again = await world.client.put(f"{API}/{READER.address}", json={"role": "operator"}, headers=owner)
    assert again.status_code == 200, "those that are there can be changed"


async def test_a_member_sees_its_merchants_orders_cases_and_endpoints_and_no_others(world, sold, case):
    endpoint = (await listening(world)).endpoint
    pages = {
        "/console": sold,
        "/console/orders": sold,
        "/console/orders.csv": sold,
        "/console/cases": case.id,
        "/console/webhooks": endpoint,
        "/console/anchors": "/console/anchors/paddock",
        "/console/members": OPERATOR.address,
        "/console/services": "/services/echo",
    }
    for path, thing in pages.items():
        assert thing in await look(world, path, "reader"), path
        assert thing not in await look(world, path, "foreign"), path
    for path in (f"/console/orders/{sold}", f"/console/cases/{case.id}", f"/console/webhooks/{endpoint}"):
        await look(world, path, "reader")
        await look(world, path, "foreign", 404)
        nobodys = await look(world, path[:-4] + "none", "foreign", 404)
        assert nobodys == await look(world, path, "foreign", 404), "what is another's is what is not there"
    for who, status in (("reader", 303), ("foreign", 200)):
        headers = await asking(world, who)
        assert (await world.client.get("/console", params={"find": sold}, headers=headers)).status_code == status


async def test_pages_show_each_role_the_buttons_that_it_may_press(world, sold, case):
    endpoint = (await listening(world)).endpoint
    buttons = {
        f"/console/cases/{case.id}": ">Resolve<",
        f"/console/orders/{sold}": ">Raise<",
        f"/console/webhooks/{endpoint}": ">Send a test<",
    }
    for path, button in buttons.items():
        for who, may in {"paid": True, "owner": True, "operator": True, "reader": False}.items():
            assert (button in await look(world, path, who)) is may, (path, who)
    for who, may in {"paid": True, "owner": True, "operator": False, "reader": False}.items():
        text = await look(world, PAGE, who)
        assert (">Save<" in text, ">Remove<" in text) == (may, may), who


async def test_an_operator_decides_a_case_and_the_timeline_has_its_wallet(world, case):
    headers = await by_wallet(world, OPERATOR)
    form = {"outcome": "rejection", "reason": "because"}
    answer = await world.client.post(f"/console/cases/{case.id}", data=form, headers=headers)
    assert answer.status_code == 303
    async with world.db.read() as view:
        assert (await view.cases.get(case.id)).outcome is Outcome.REJECTION
        assert (await view.cases.timeline(case.id))[-1].by == f"member:{OPERATOR.address}"


async def test_money_that_is_owed_is_not_for_a_member_to_talk_away(world, sold):
    async with world.db.begin("test") as work:
        blocked = await open_case(work, CaseKind.REFUND_BLOCKED, sold, "the token refuses")
    form = {"outcome": "rejection", "reason": "because"}
    answer = await world.client.post(f"/console/cases/{blocked.id}", data=form, headers=await by_wallet(world, OWNER))
    assert answer.status_code == 403
    assert "Only the operator decides that" in answer.text


async def test_an_owner_may_not_run_the_marketplace(world):
    headers = await by_wallet(world, OWNER)
    for path in ("/console/pause", "/console/resume", "/console/callbacks"):
        assert (await world.client.post(path, data={"reason": "x"}, headers=headers)).status_code == 403
    assert world.db.tables.switches == {}


async def test_a_stream_is_of_one_order_of_ones_own_and_ends_with_the_membership(world, sold):
    world.app.state.closing = Closing(is_set=True)
    events, headers = "/console/events", await by_wallet(world, READER)
    assert (await world.client.get(events, headers=headers)).status_code == 404
    foreign = await by_wallet(world, OTHER_PAID)
    assert (await world.client.get(events, params={"order": sold}, headers=foreign)).status_code == 404

    closing = world.app.state.closing = Closing()

    async def follow(headers):
        """Everything that is told until the stream ends, for the transport reads it whole."""
        return (await world.client.get(events, params={"order": sold, "after": 0}, headers=headers)).text

    followers = [asyncio.create_task(follow(one)) for one in (headers, await by_wallet(world, OPERATOR))]
    await world.clock.sleep(2)
    async with world.db.begin("test") as work:
        await work.members.remove("paddock", READER.address, "test")
    await world.work(30)
    closing.is_set = True
    told = ["event: proof" in await one for one in followers]
    assert told == [False, True], "who was removed is told nothing more"
