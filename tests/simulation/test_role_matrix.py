"""S31: every route of console and merchants' interface against every role, from the application's own list of routes.

What each may is written here a second time, by route: a new route fails until somebody says here who may.
"""

import msgspec
import pytest
from litestar.routes import HTTPRoute

from server.application.cases import open_case
from server.application.pause import turn
from server.application.sell_upstream import Described, draft
from server.domain.cases import CaseKind
from server.domain.roles import Role
from server.web.access import is_guarded, needed
from server.web.live import Closing
from tests.fakes.upstream import DESCRIBED
from tests.simulation.staff import STRANGER, asking, staff
from tests.simulation.webhook_world import listening
from tests.simulation.world import open_world

ALL = ("marketplace", "key", "paid", "owner", "operator", "reader", "foreign", "nobody")
SEES = {"marketplace", "paid", "owner", "operator", "reader"}
WORKS = SEES - {"reader"}
OWNS = {"marketplace", "paid", "owner"}
BOSS = {"marketplace"}
KEY, FOREIGN = {"key"}, {"foreign"}
"""An API key opens no page. Another merchant's owner sees pages, of its own merchant."""
ANYBODY = set(ALL)

PAGES = {
    "GET /console/enter": ANYBODY, "POST /console/enter": ANYBODY, "POST /console/challenge": ANYBODY,
    "POST /console/sign-in": ANYBODY,
    "POST /console/leave": SEES | FOREIGN, "POST /console/merchant": SEES | FOREIGN,
    "POST /console/pause": BOSS, "POST /console/resume": BOSS,
    "GET /console": SEES | FOREIGN, "GET /console/events": SEES,
    "GET /console/orders": SEES | FOREIGN, "GET /console/orders.csv": SEES | FOREIGN,
    "GET /console/orders/{order_id:str}": SEES, "POST /console/orders/{order_id:str}/case": WORKS,
    "GET /console/orders/{order_id:str}/refund": WORKS, "POST /console/orders/{order_id:str}/refund": WORKS,
    "GET /console/cases": SEES | FOREIGN, "GET /console/cases/{case_id:str}": SEES,
    "POST /console/cases/{case_id:str}": WORKS,
    "GET /console/callbacks": BOSS, "POST /console/callbacks": BOSS, "GET /console/keys": BOSS,
    "GET /console/services": SEES | FOREIGN, "POST /console/services": WORKS,
    "GET /console/services/new": OWNS | FOREIGN, "POST /console/services/new": OWNS | FOREIGN,
    "POST /console/services/import": OWNS | FOREIGN,
    "GET /console/services/{slug:str}": SEES, "POST /console/services/{slug:str}": OWNS,
    "GET /console/webhooks": SEES | FOREIGN, "GET /console/webhooks/{endpoint_id:str}": SEES,
    "POST /console/webhooks/{endpoint_id:str}": WORKS,
    "GET /console/anchors": SEES | FOREIGN, "GET /console/anchors/{merchant:str}": SEES,
    "GET /console/statement": SEES,
    "GET /console/members": SEES | FOREIGN, "POST /console/members": OWNS | FOREIGN,
}  # fmt: skip
HOOKS, SERVICES = "/api/merchants/{merchant:str}/webhooks", "/api/merchants/{merchant:str}/services"
API = {
    "POST /api/merchants": ANYBODY, "GET /api/merchants/{merchant:str}/receipts": ANYBODY,
    "GET /api/merchants/{merchant:str}/reputation": ANYBODY,
    "GET /api/merchants/{merchant:str}": SEES | KEY, "GET /api/merchants/{merchant:str}/statement": SEES | KEY,
    "PUT /api/merchants/{merchant:str}/pay-to": OWNS | KEY,
    "GET /api/merchants/{merchant:str}/members": SEES | KEY,
    "PUT /api/merchants/{merchant:str}/members/{wallet:str}": OWNS,
    "DELETE /api/merchants/{merchant:str}/members/{wallet:str}": OWNS,
    f"GET {HOOKS}": SEES | KEY, f"POST {HOOKS}": OWNS | KEY,
    f"PATCH {HOOKS}/{{endpoint_id:str}}": OWNS | KEY, f"DELETE {HOOKS}/{{endpoint_id:str}}": OWNS | KEY,
    f"POST {HOOKS}/{{endpoint_id:str}}/rotate": OWNS | KEY, f"POST {HOOKS}/{{endpoint_id:str}}/test": WORKS | KEY,
    f"GET {HOOKS}/{{endpoint_id:str}}/deliveries": SEES | KEY,
    f"POST {HOOKS}/{{endpoint_id:str}}/deliveries/{{delivery_id:str}}/resend": WORKS | KEY,
    f"GET {SERVICES}": SEES | KEY, f"POST {SERVICES}": OWNS | KEY, f"POST {SERVICES}/import": OWNS | KEY,
    f"GET {SERVICES}/{{name:str}}": SEES | KEY, f"PUT {SERVICES}/{{name:str}}": OWNS | KEY,
    f"POST {SERVICES}/{{name:str}}/probe": WORKS | KEY, f"POST {SERVICES}/{{name:str}}/list": WORKS | KEY,
    f"POST {SERVICES}/{{name:str}}/pause": WORKS | KEY, f"POST {SERVICES}/{{name:str}}/delist": WORKS | KEY,
    f"POST {SERVICES}/{{name:str}}/rotate": OWNS | KEY,
}  # fmt: skip
MAY = PAGES | API


def routes(app):
    """Every guarded "METHOD path" of an application, with its handler."""
    found = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute) and is_guarded(route.path):
            handlers = {method: handler for handler in route.route_handlers for method in handler.http_methods}
            found |= {f"{method} {route.path}": one for method, one in handlers.items() if method != "OPTIONS"}
    return found


@pytest.fixture
async def world():
    async with open_world() as opened:
        await staff(opened)
        opened.app.state.closing = Closing(is_set=True)  # streams end at once
        yield opened


@pytest.fixture
async def given(world):
    """What paths are filled in with: things of the world's merchant."""
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    endpoint = (await listening(world)).endpoint
    async with world.db.begin("test") as work:
        await work.members.put("paddock", STRANGER.address, Role.READER, "test")
        case = await open_case(work, CaseKind.DISPUTED, quoted.id, "why", by="payer:0xab")
    upstream, _ = await draft(world.paddock, "paddock", "weather", msgspec.convert(DESCRIBED, Described), "test")
    names = {
        "slug": upstream.slug,
        "order_id": quoted.id,
        "case_id": case.id,
        "endpoint_id": endpoint,
        "merchant": "paddock",
    }
    return names | {"delivery_id": "msg_none", "name": "none", "wallet": STRANGER.address}


async def test_s31_no_route_is_without_a_declared_permission(world):
    found = routes(world.app)
    assert [name for name, handler in found.items() if needed(handler) is None] == []
    assert set(found) == set(MAY)


async def ask(world, name, who, given):
    method, path = name.split(" ")
    for one, value in given.items():
        path = path.replace(f"{{{one}:str}}", value)
    query = {"order": given["order_id"]} if path.endswith("/events") else {}
    query |= {"merchant": "paddock"} if path.endswith(("/statement", "/console/members")) else {}
    query |= {"from": "2026-01-01", "to": "2026-01-02"} if path.endswith("/statement") else {}
    headers = await asking(world, who)
    return await world.client.request(method, path, params=query, headers=headers)


@pytest.mark.parametrize("name", MAY)
async def test_s31_each_role_may_what_the_table_says_and_nothing_else(world, given, name):
    for who in ALL:
        answer = await ask(world, name, who, given)
        refused = answer.status_code in (401, 403)
        if who == "foreign" and who not in MAY[name]:
            refused = refused or answer.status_code == 404
        if name.endswith(("/enter", "/sign-in")):
            refused = answer.status_code == 403 or "role-forbids" in answer.text
        assert refused is (who not in MAY[name]), (who, answer.status_code, answer.text[:300])
        assert answer.status_code < 500, answer.text
        await turn(world.db, world.clock, on=False, reason="", by="test")
        if who in ("foreign", "nobody") and MAY[name] != ANYBODY:
            assert given["order_id"] not in answer.text, "another merchant's order"
            assert given["endpoint_id"] not in answer.text, "another merchant's endpoint"
            assert DESCRIBED["title"] not in answer.text, "another merchant's draft"
