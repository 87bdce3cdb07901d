"""Who gets at the buyer console: nobody but the person's own browser, by its own name, with its own forms."""

import asyncio
import os
import re
import stat
from argparse import Namespace
from io import StringIO
from pathlib import Path
from unittest import mock

import httpx
import pytest
from litestar.routes import HTTPRoute
from rich.console import Console
from sqlalchemy import select

from agent import Settings
from agent.commands import Shell
from agent.console import commands
from agent.console.entering import COOKIE, OPEN
from agent.console.guard import PAGE_POLICY
from agent.console.link import NAME, Link
from agent.console.live import changes
from agent.errors import ApprovalError, SettingsError
from agent.models import purchases
from tests.fakes.seller import ORIGIN, World, account, policy
from tests.stack.console_visit import HERE, HOST, Visit, field

URL = f"{ORIGIN}/v1/echo?text=dear"
APPROVER = account("approver")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def bought(world: World) -> dict[str, str]:
    """Every page's path, with a purchase in each state that a page can show."""
    delivered = world.buyer.buy(f"{ORIGIN}/v1/echo").purchase_id
    world.seller.amount = 600_000
    waiting = world.buyer.buy(URL).purchase_id
    pages = ("/", "/approvals", "/decisions", "/receipts", f"/purchases/{delivered}", f"/purchases/{waiting}")
    return {"delivered": delivered or "", "waiting": waiting or ""} | {path: path for path in pages}


def paths(visit: Visit, method: str) -> list[str]:
    """Every path of the application that takes the method and is not open to strangers."""
    found = []
    for route in visit.app.app.routes:  # type: ignore[attr-defined]
        assert isinstance(route, HTTPRoute)
        handlers = [one for one in route.route_handlers if method in one.http_methods and not one.opt.get(OPEN)]
        found += [re.sub(r"{[^}]*}", "pur_1", route.path) for _ in handlers]
    return found


async def test_the_link_lets_one_browser_in_and_then_is_dead(world: World) -> None:
    visit = await Visit(world).enter()
    assert visit.withdrawn == 1
    stranger = httpx.AsyncClient(transport=visit.client._transport, base_url=HERE)
    assert (await stranger.get("/enter", params={"token": visit.links[0]})).status_code == 401
    assert (await stranger.get("/enter")).status_code == 401
    assert (await stranger.get("/enter", params={"token": "ü"})).status_code == 401
    assert visit.links == visit.links[:1], "while somebody is in, no link is open"


async def test_a_wrong_token_leaves_the_link_as_it_is(world: World) -> None:
    visit = Visit(world)
    assert (await visit.client.get("/enter", params={"token": visit.links[0] + "x"})).status_code == 401
    assert len(visit.links) == 1
    await visit.enter()


async def test_the_cookie_is_for_this_console_alone(world: World) -> None:
    visit = Visit(world)
    answer = await visit.client.get("/enter", params={"token": visit.links[0]})
    given = answer.headers["set-cookie"].lower()
    assert given.startswith(COOKIE)
    assert "httponly" in given
    assert "samesite=strict" in given
    assert visit.links[0] not in given


async def test_a_stranger_gets_no_page_no_event_and_no_download(world: World) -> None:
    visit = Visit(world)
    asked = paths(visit, "GET")
    assert len(asked) == 8
    for path in asked:
        answer = await visit.client.get(path)
        assert answer.status_code == 401, path
        assert world.signer.address not in answer.text


async def test_every_form_needs_its_token(world: World) -> None:
    visit = await Visit(world, APPROVER).enter()
    asked = paths(visit, "POST")
    assert len(asked) >= 5
    for path in asked:
        for csrf in ("", "x" * 43):
            assert (await visit.send(path, csrf=csrf)).status_code == 403, path
    assert await visit.read("/"), "none of them ended the session"


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.test", "http://127.0.0.1:9000", "https://127.0.0.1:8498"]
)
async def test_every_form_must_come_from_the_consoles_own_page(world: World, origin: str | None) -> None:
    visit = await Visit(world, APPROVER).enter()
    for path in paths(visit, "POST"):
        assert (await visit.send(path, origin)).status_code == 403, path


async def test_a_form_that_the_browser_calls_foreign_is_refused(world: World) -> None:
    visit = await Visit(world).enter()
    csrf = field(await visit.read("/"), "csrf")
    for site, status in (("same-site", 403), ("cross-site", 403), ("none", 403), ("same-origin", 303)):
        headers = {"Origin": HERE, "Sec-Fetch-Site": site}
        answer = await visit.client.post("/stop", data={"csrf": csrf}, headers=headers)
        assert answer.status_code == status, site


@pytest.mark.parametrize("host", ["evil.test:8498", "127.0.0.1:9000", "127.0.0.1", "", "127.0.0.1:8498.evil.test"])
async def test_a17_a_name_that_was_made_to_lead_here_is_not_answered(world: World, host: str) -> None:
    visit = await Visit(world).enter()
    for path in ("/", "/approvals", "/static/agent.css", "/static/tokens.css", "/nowhere"):
        answer = await visit.client.get(path, headers={"Host": host})
        assert (answer.status_code, world.signer.address in answer.text) == (421, False), path


async def test_no_answer_is_kept_and_no_page_runs_what_is_not_the_consoles(world: World) -> None:
    visit = await Visit(world).enter()
    shown = [await visit.client.get(path) for path in bought(world).values()]
    shown += [
        await visit.client.get(path) for path in ("/nowhere", "/static/agent.js", "/static/../app.py", "/receipts.csv")
    ]
    shown += [await visit.client.get("/", headers={"Host": "evil.test"}), await visit.send("/stop", None)]
    for answer in shown:
        assert answer.headers["content-security-policy"] == PAGE_POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in PAGE_POLICY


async def test_no_page_has_a_script_or_style_of_its_own(world: World) -> None:
    visit = await Visit(world).enter()
    for path in (*bought(world), "/enter", "/nowhere"):
        shown = (await visit.client.get(path)).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]* src=\"/static/)", shown), path
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", shown), path


async def test_a15_nothing_of_a_stranger_is_markup(world: World) -> None:
    evil = "<img src=x onerror=alert(1)>"
    world.seller.amount = 600_000
    waiting = world.buyer.buy(f"{ORIGIN}/v1/echo", task=evil).purchase_id
    with world.buyer.store.begin() as connection:
        connection.exec_driver_sql("UPDATE purchases SET url = ?, rule = ?, detail = ?, action = ?", (evil,) * 4)
        connection.exec_driver_sql("UPDATE approvals SET reason = ?", (f"{evil}\u202e",))
    visit = await Visit(world).enter()
    for path in ("/", "/approvals", "/decisions", f"/purchases/{waiting}"):
        shown = await visit.read(path)
        assert "<img" not in shown, path
        assert "\u202e" not in shown, path


async def test_no_page_shows_a_signed_payment_or_a_key(world: World) -> None:
    visit = await Visit(world, APPROVER).enter()
    pages = bought(world)
    with world.buyer.store.begin() as connection:
        (payment,) = connection.execute(select(purchases.c.payment).where(purchases.c.payment.is_not(None))).scalars()
    signature = world.seller.payments[0]
    for path in (*pages, "/receipts.json", "/receipts.csv"):
        shown = (await visit.client.get(path)).text
        for secret in (payment, signature, APPROVER.key.hex(), account("buyer").key.hex()):
            assert secret not in shown, path


async def test_events_tell_of_a_change_by_anybody_and_end_with_the_session(world: World) -> None:
    visit = await Visit(world).enter()
    told = changes(visit.desk, visit.client.cookies[COOKIE])
    assert (await anext(told)).comment == "this agent's home"
    soon = asyncio.ensure_future(anext(told))
    await asyncio.to_thread(world.restarted().stop, "from elsewhere")
    assert (await asyncio.wait_for(soon, 1)).event == "changed"
    world.seller.clock.sleep(30 * 60)
    assert (await asyncio.wait_for(anext(told), 1)).event == "over"


async def test_being_watched_keeps_no_session(world: World) -> None:
    visit = await Visit(world).enter()
    told = changes(visit.desk, visit.client.cookies[COOKIE])
    await anext(told)
    world.seller.clock.sleep(20 * 60)
    world.restarted().stop("from elsewhere")
    assert (await asyncio.wait_for(anext(told), 1)).event == "changed"
    world.seller.clock.sleep(10 * 60)
    assert (await asyncio.wait_for(anext(told), 1)).event == "over"


def test_the_link_is_in_a_file_for_its_owner_alone_and_gone_when_it_is_dead(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / NAME).write_text("an old one")
    (tmp_path / NAME).chmod(0o644)
    link = Link(HERE, tmp_path, told.append)
    link.publish("token")
    path = tmp_path / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() == told[0] == f"http://{HOST}/enter?token=token"
    link.withdraw()
    assert not path.exists()


def started(home: Path, approver: str, key: str | None, host: str = "127.0.0.1", **rules: str) -> None:
    """Start the console as a person would, as far as it gets without listening."""
    text = policy(approver=account(approver).address, **rules)
    settings = Settings(home=home, policy_text=text, key=account("buyer").key.hex())
    environ = {} if key is None else {"PADDOCK_APPROVER_KEY": account(key).key.hex()}
    out = Console(file=StringIO())
    with (
        mock.patch.dict(os.environ, environ, clear=True),
        mock.patch.object(commands, "_listening", side_effect=StopAsyncIteration),
    ):
        commands.console(Shell(settings, out, out), Namespace(host=host, port=0, key_file=None))


@pytest.mark.parametrize(("approver", "key"), [("buyer", "buyer"), ("approver", "buyer"), ("approver", "stranger")])
def test_a7_the_console_does_not_start_with_a_key_that_may_not_approve(tmp_path: Path, approver: str, key: str) -> None:
    with pytest.raises(ApprovalError, match="own wallet" if key == "buyer" else "the policy's approver is"):
        started(tmp_path, approver, key)


@pytest.mark.parametrize("key", [None, "approver"])
def test_the_console_starts_without_a_key_and_with_the_approvers(tmp_path: Path, key: str | None) -> None:
    with pytest.raises(StopAsyncIteration):
        started(tmp_path, "approver", key)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_the_console_does_not_listen_at_every_address(host: str) -> None:
    with pytest.raises(SettingsError, match="every address"):
        commands._named(host)
