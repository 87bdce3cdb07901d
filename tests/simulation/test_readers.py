"""S31: who may read what of an order, and what a payer's signed request is good for."""

import base64
import hashlib
import json
import re

import pytest
from eth_account import Account

from server.domain.market import Merchant
from server.web.credentials import COOKIE, digest
from tests.simulation.world import MERCHANT_KEY, ORIGIN, TOKEN, open_world
from tests.stack.signed import header, signed_request

READS = ("proof", "case", "delivery")
OTHER_KEY = "another-merchants-key"
NOBODY = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"


@pytest.fixture
async def world():
    async with open_world() as opened:
        merchants = dict(opened.paddock.merchants)
        merchants["other"] = Merchant("other", "Other", "0x" + "12" * 20, digest(OTHER_KEY))
        object.__setattr__(opened.paddock, "merchants", merchants)
        opened.session = (await opened.entered()).cookies[COOKIE]
        opened.client.cookies.clear()
        yield opened


@pytest.fixture
async def sold(world):
    """The id of a final order, with its proof stored."""
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    await world.work(30)
    return quoted.id


def by_token(token):
    return {"Authorization": f"Bearer {token}"}


def by_payer(world, action, order_id, account=None, **more):
    now = world.clock.now().timestamp() + more.pop("late", 0)
    return signed_request(account or world.buyer.account, action, order_id, now, **more)


def asker(world, role, action, order_id):
    return {
        "operator": by_token(TOKEN),
        "merchant": by_token(MERCHANT_KEY),
        "payer": by_payer(world, action, order_id),
        "nobody": {},
        "wrong token": by_token("guess"),
        "other merchant": by_token(OTHER_KEY),
        "other payer": by_payer(world, action, order_id, Account.create()),
        "operator's cookie": {"Cookie": f"{COOKIE}={world.session}"},
    }[role]


ROLES = {
    "operator": 200,
    "merchant": 200,
    "payer": 200,
    "nobody": 404,
    "wrong token": 404,
    "other merchant": 404,
    "other payer": 404,
    "operator's cookie": 404,
}


@pytest.mark.parametrize("action", READS)
@pytest.mark.parametrize("role", ROLES)
async def test_s31_the_richer_views_are_for_payer_merchant_and_operator_and_unknown_to_everybody_else(
    world, sold, role, action
):
    answer = await world.client.get(f"/api/orders/{sold}/{action}", headers=asker(world, role, action, sold))
    assert answer.status_code == ROLES[role]
    assert answer.headers["cache-control"] == "no-store"
    unknown = await world.client.get(f"/api/orders/{NOBODY}/{action}", headers=asker(world, role, action, NOBODY))
    assert unknown.status_code == 404
    if answer.status_code == 404:
        assert answer.content == unknown.content


@pytest.mark.parametrize("role", ROLES)
async def test_s31_a_dispute_is_the_payers_alone_and_cancelling_the_operators_and_the_merchants(world, sold, role):
    path = f"/api/orders/{sold}"
    disputed = await world.client.post(f"{path}/dispute", headers=asker(world, role, "dispute", sold))
    assert disputed.status_code == (422 if role == "payer" else 404), "without a reason the payer is told to give one"
    cancelled = await world.client.post(f"{path}/cancel", headers=asker(world, role, "cancel", sold))
    assert cancelled.status_code == (409 if role in ("operator", "merchant") else 404)


async def test_s31_the_public_view_names_no_payer_and_no_answer(world):
    quoted = await world.buyer.ask(world.url("echo", "?text=canary"))
    await world.buyer.present(quoted, world.buyer.pay(quoted))
    shown = (await world.client.get(f"/api/orders/{quoted.id}")).text.lower()
    assert world.buyer.account.address.lower()[2:] not in shown
    assert "canary" not in shown


async def test_s31_what_the_views_show(world, sold):
    proof = (await world.client.get(f"/api/orders/{sold}/proof", headers=by_payer(world, "proof", sold))).json()
    assert proof["order"]["id"] == sold
    delivery = await world.client.get(f"/api/orders/{sold}/delivery", headers=by_payer(world, "delivery", sold))
    assert delivery.json() == {"text": "hello", "run": 1}
    assert delivery.headers["content-disposition"] == "attachment"
    assert "sandbox" in delivery.headers["content-security-policy"]
    evidence = (await world.client.get(f"/api/orders/{sold}/case", headers=by_payer(world, "case", sold))).json()
    assert evidence["cases"] == []
    pack = evidence["evidence"]
    order = await world.order(sold)
    assert pack["quote"]["id"] == sold
    assert pack["payment"]["id"] == "0x" + order.authorization.digest.hex()
    settlement = pack["settlement"]
    assert (settlement["transaction"], settlement["block"]) == (order.settlement_tx, order.settlement_block)
    assert settlement["logIndex"] == pack["ledger"][0]["logIndex"]
    assert pack["resource"] == {
        "sha256": hashlib.sha256(delivery.content).hexdigest(),
        "size": len(delivery.content),
        "type": "application/json",
    }
    assert [line["new"] for line in pack["timeline"]][:2] == ["authorized", "running"]
    assert pack["receipt"]["receipt"]["orderId"] == sold
    assert all("note" not in line for line in pack["timeline"])
    staff = (await world.client.get(f"/api/orders/{sold}/case", headers=by_token(TOKEN))).json()["evidence"]
    assert any(line["note"] for line in staff["timeline"])


async def test_s31_an_answer_that_was_not_released_is_nobodys(world):
    def die(name, when):
        if (name, when) == ("settlement admitted", "begin"):
            raise RuntimeError("the process is gone")

    quoted = await world.buyer.ask(world.url("echo"))
    world.db.hooks.append(die)
    await world.buyer.present(quoted, world.buyer.pay(quoted))
    world.db.hooks.clear()
    async with world.db.read() as view:
        assert await view.deliveries.get(quoted.id) is not None
    for role in ("payer", "merchant", "operator"):
        asked = asker(world, role, "delivery", quoted.id)
        answer = await world.client.get(f"/api/orders/{quoted.id}/delivery", headers=asked)
        assert answer.status_code == 404
        assert answer.json()["detail"] == "nothing was released for this order"


async def test_s31_the_answer_is_kept_for_a_day(world, sold):
    world.clock.advance(hours=25)
    path = f"/api/orders/{sold}/delivery"
    answer = await world.client.get(path, headers=by_payer(world, "delivery", sold))
    assert answer.status_code == 409
    assert answer.json()["receipt"]["receipt"]["orderId"] == sold


@pytest.mark.parametrize(
    ("signed", "altered", "status", "words"),
    [
        ({"late": -301}, {}, 400, "issuedAt"),
        ({"late": 60}, {}, 400, "issuedAt"),
        ({"action": "case"}, {}, 400, "another action"),
        ({"order_id": NOBODY}, {}, 400, "another order"),
        ({"chain": 1}, {}, 404, "no such order"),
        ({}, {"reason": "put in after signing"}, 404, "no such order"),
        ({"action": "case"}, {"action": "proof"}, 404, "no such order"),
        ({}, {"nonce": "0x" + "11" * 31}, 400, "nonce"),
    ],
)
async def test_s31_a_request_that_is_old_or_forged_or_for_something_else_opens_nothing(
    world, sold, signed, altered, status, words
):
    given = {"action": "proof", "order_id": sold} | signed
    asked = by_payer(world, given.pop("action"), given.pop("order_id"), **given)
    answer = await world.client.get(f"/api/orders/{sold}/proof", headers=changed(asked, **altered))
    assert answer.status_code == status
    assert re.search(words, answer.text)
    assert answer.json()["action"]


def changed(good, **members):
    """A signed request with members replaced after it was signed."""
    given = json.loads(base64.b64decode(good["Authorization"].partition(" ")[2]))
    return header(given["request"] | members, given["signature"])


class TestDispute:
    """POST /api/orders/{id}/dispute."""

    async def dispute(self, world, order_id, reason="the answer is empty", **more):
        asked = more.pop("asked", None) or by_payer(world, "dispute", order_id, reason=reason, **more)
        return asked, await world.client.post(f"{ORIGIN}/api/orders/{order_id}/dispute", headers=asked)

    async def resolve(self, world, case_id):
        body = {"outcome": "rejection", "reason": "the answer is what the service promises"}
        path = f"/api/cases/{case_id}/resolve"
        return await world.client.post(path, json=body, headers=by_token(TOKEN))

    async def test_s31_a_dispute_stands_at_the_order_with_its_decision(self, world, sold):
        _, answer = await self.dispute(world, sold)
        assert answer.status_code == 201
        public = (await world.client.get(f"/api/orders/{sold}")).json()["case"]
        assert public == {"kind": "disputed", "state": "open", "outcome": None, "reason": None}
        assert (await self.resolve(world, answer.json()["id"])).status_code == 200
        public = (await world.client.get(f"/api/orders/{sold}")).json()["case"]
        assert (public["state"], public["outcome"]) == ("resolved", "rejection")
        assert "promises" in public["reason"]

    async def test_s31_the_same_request_again_finds_its_dispute_and_after_the_decision_opens_none(self, world, sold):
        asked, first = await self.dispute(world, sold)
        again = (await self.dispute(world, sold, asked=asked))[1]
        assert again.json() == first.json()
        await self.resolve(world, first.json()["id"])
        replayed = (await self.dispute(world, sold, asked=asked))[1]
        assert replayed.status_code == 409
        assert len(world.db.tables.cases) == 1
        fresh = (await self.dispute(world, sold))[1]
        assert fresh.status_code == 201

    async def test_s31_a_nonce_in_other_letters_or_under_another_reason_is_the_same_nonce(self, world, sold):
        nonce = "0x" + "ab" * 32
        _, first = await self.dispute(world, sold, nonce=nonce)
        await self.resolve(world, first.json()["id"])
        for changes in ({"nonce": "0x" + "AB" * 32}, {"nonce": nonce, "reason": "another"}):
            assert (await self.dispute(world, sold, **changes))[1].status_code == 409

    async def test_one_dispute_of_an_order_is_open_at_a_time(self, world, sold):
        _, first = await self.dispute(world, sold)
        _, second = await self.dispute(world, sold, reason="and another thing")
        assert (first.status_code, second.status_code) == (201, 409)
        assert len(world.db.tables.cases) == 1

    async def test_a_reason_is_needed_and_has_a_most_length(self, world, sold):
        assert (await self.dispute(world, sold, reason=" "))[1].status_code == 422
        assert (await self.dispute(world, sold, reason="r" * 501))[1].status_code == 400
        assert world.db.tables.cases == {}


class TestCases:
    """/api/cases for the operator and for merchants."""

    @pytest.fixture
    async def case(self, world, sold):
        return (await TestDispute().dispute(world, sold))[1].json()["id"]

    @pytest.mark.parametrize("role", ROLES)
    async def test_s31_a_case_is_read_and_decided_by_the_operator_and_its_merchant(self, world, sold, case, role):
        by = asker(world, role, "case", sold)
        staff = role in ("operator", "merchant")
        read = await world.client.get(f"/api/cases/{case}", headers=by)
        unknown = await world.client.get("/api/cases/case-nobody", headers=by)
        assert read.status_code == (200 if staff else 404)
        assert unknown.status_code == 404
        assert staff or read.content == unknown.content
        body = {"outcome": "rejection", "reason": "because"}
        decided = await world.client.post(f"/api/cases/{case}/resolve", json=body, headers=by)
        assert decided.status_code == (200 if staff else 404)
        assert (world.db.tables.cases[case].state == "resolved") is staff
        listed = await world.client.get("/api/cases", headers=by)
        assert listed.status_code == (200 if staff or role == "other merchant" else 401)
        assert staff is (listed.status_code == 200 and [one["id"] for one in listed.json()] == [case])

    async def test_a_case_shows_its_timeline_and_evidence_and_what_was_decided_by_whom(self, world, sold, case):
        body = {"outcome": "rejection", "reason": "because", "note": "for us"}
        await world.client.post(f"/api/cases/{case}/resolve", json=body, headers=by_token(MERCHANT_KEY))
        shown = (await world.client.get(f"/api/cases/{case}", headers=by_token(TOKEN))).json()
        assert [line["by"] for line in shown["timeline"]] == [
            f"payer:{world.buyer.account.address}", "merchant:paddock",
        ]  # fmt: skip
        assert "for us" in shown["timeline"][1]["note"]
        assert shown["evidence"]["order"]["id"] == sold
        told = await world.client.get(f"/api/orders/{sold}/case", headers=by_payer(world, "case", sold))
        assert told.json()["cases"][0]["reason"] == "because"
        assert "for us" not in told.text

    async def test_a_decision_is_made_once_and_must_be_one(self, world, case):
        path, by = f"/api/cases/{case}/resolve", by_token(TOKEN)
        for body in (b"", b"{}", b'{"outcome": "no", "reason": "x"}', b'{"outcome": "rejection", "reason": 1}'):
            assert (await world.client.post(path, content=body, headers=by)).status_code == 400
        for reason in ("", " ", "r" * 501):
            body = {"outcome": "rejection", "reason": reason}
            assert (await world.client.post(path, json=body, headers=by)).status_code == 422
        good = {"outcome": "rejection", "reason": "because"}
        assert (await world.client.post(path, json=good, headers=by)).status_code == 200
        assert (await world.client.post(path, json=good, headers=by)).status_code == 409

    async def test_cases_are_listed_by_state(self, world, case):
        for state, ids in (("open", [case]), ("resolved", []), ("", [case])):
            listed = await world.client.get(f"/api/cases?only={state}", headers=by_token(TOKEN))
            assert [one["id"] for one in listed.json()] == ids
        assert (await world.client.get("/api/cases?only=odd", headers=by_token(TOKEN))).status_code == 400
