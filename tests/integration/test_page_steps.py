"""Actions and sessions by real Chromium: what a click and a text change is read again, and nothing leaves."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from server.domain.errors import BadArguments
from server.services import page_actions, page_session, page_steps
from server.services.page_actions import ActionsAnswer
from server.services.page_session import SessionAnswer
from server.services.service import ServiceError
from tests.stack import chromium, png
from tests.unit.services_oracle_context import context

FORM = """
<title>Order</title>
<form action="https://elsewhere.example/" method=post>
  <input id=name value=old maxlength=6><textarea id=note></textarea><input id=day type=date><input id=off disabled>
  <select id=size><option value=s>Small<option value=l>Large<option value=x disabled>Huge</select>
  <button id=send>Send</button>
</form>
<label id=agree><input id=box type=checkbox>Agree <b>yes</b></label><style>:not(:checked) + b { display: none }</style>
<a id=out href="/elsewhere">out</a><a id=down href="#end">down</a><input id=file type=file>
<div style="position: relative"><u id=under>under</u><div style="position: absolute; inset: 0"></div></div>
<i id=hidden hidden>hidden</i><p style="height: 3000px"></p><p id=end>end</p>
"""


def step(do, selector=None, **given):
    return {"do": do, **({"selector": selector} if selector else {}), **given}


async def call(service, given, browser=None):
    found = context(browser=browser or chromium.for_services())
    answer = await service.run(msgspec.convert(given, service.arguments), found)
    return msgspec.json.decode(answer.body, type=service.answers)


async def session(*steps, html=FORM, **given) -> SessionAnswer:
    return await call(page_session.SERVICE, {"html": html, "steps": list(steps), **given})


async def bundle(*actions, html=FORM, **given) -> ActionsAnswer:
    return await call(page_actions.SERVICE, {"html": html, "actions": list(actions), **given})


async def test_what_is_typed_chosen_and_pressed_is_what_the_document_then_holds():
    done = await bundle(
        step("read", "#name, #note, #size, b"),
        step("fill", "#name", text="Ada Lovelace"),
        step("fill", "#note", text='two\n"lines" \U0001f600'),
        step("select", "#size", option="Large"),
        step("click", "#agree"),
        step("read", "#name, #note, #size, b"),
        step("click", "#box"),
        step("read", "b"),
    )
    texts = [one.texts for one in done.actions]
    assert texts[0] == ["old", "", "s"]
    assert texts[1:5] == [["Ada Lo"], ['two\n"lines" \U0001f600'], ["l"], []], "a field keeps what it may hold"
    assert texts[5] == ["Ada Lo", 'two\n"lines" \U0001f600', "l", "yes"]
    assert texts[7] == []
    assert [one.step for one in done.actions] == list(range(1, 9))
    assert {one.problem for one in done.actions} == {None}


async def test_a_session_goes_on_after_what_cannot_be_done_and_says_why():
    wrong = {
        "#none": "finds nothing that can be seen",
        "#hidden": "finds nothing that can be seen",
        "#out": "finds a link that leaves the document",
        "#under": "finds something that is covered",
        "#file": "finds a field for files, of which there are none",
        "#off": "finds something that is disabled",
        "a[": "is no CSS selector",
    }
    steps = [*(step("click", one) for one in wrong), step("fill", "#day", text="1"), step("fill", "#out", text="1")]
    steps += [step("select", "#name", option="1"), step("select", "#size", option="Huge"), step("read", "#end")]
    told = await session(*steps)
    assert [one.problem for one in told.steps[: len(wrong)]] == [f"{name!r} {why}" for name, why in wrong.items()]
    for one in told.steps[len(wrong) : len(wrong) + 2]:
        assert one.problem.endswith("finds nothing that text can be written into")
    assert told.steps[-3].problem == "'#name' finds no list to select from"
    assert told.steps[-2].problem == "'#size' finds a list without that option"
    assert (told.steps[-1].texts, told.steps[-1].problem, told.done, told.title) == (["end"], None, 1, "Order")


async def test_a_bundle_is_refused_by_the_first_action_that_cannot_be_done():
    with pytest.raises(ServiceError, match=r"number 2 \(click\): '#none' finds nothing that can be seen; nothing is"):
        await bundle(step("read", "#name"), step("click", "#none"), step("click", "#out"))


async def test_a_link_within_the_document_is_followed_and_a_form_is_sent_nowhere():
    told = await session(step("click", "#send"), step("click", "#down"), step("read", "#end"), step("read", "#name"))
    assert [one.problem for one in told.steps] == [None] * 4
    assert [one.texts for one in told.steps[2:]] == [["end"], ["old"]], "the same document is still open"
    assert 0 < told.scrolled < 4_000


async def test_a_base_that_points_elsewhere_makes_every_link_one_that_leaves():
    html = '<base href="https://elsewhere.example/"><a href="#end">x</a><p id=end>'
    told = await session(step("click", "a"), html=html)
    assert told.steps[0].problem.endswith("finds a link that leaves the document")


async def test_a_picture_shows_what_was_done_before_it():
    html = "<style>body { background: red } body:has(:checked) { background: lime }</style><input type=checkbox>"
    done = await bundle(step("screenshot"), step("click", "input"), step("screenshot"), html=html, width=64, height=48)
    before, after = (png.read(one.picture) for one in (done.actions[0], done.actions[2]))
    assert [(one.width, one.height, one.at(60, 40)) for one in (before, after)] == [
        (64, 48, (255, 0, 0)),
        (64, 48, (0, 255, 0)),
    ]
    assert done.actions[1].picture is None


async def test_a_documents_own_names_stand_in_nobodys_way_and_its_scripts_do_not_run():
    html = (
        "<form name=querySelectorAll><input name=elementFromPoint><input name=disabled id=a value=1></form>"
        "<form name=createElement></form><button onclick=\"document.querySelector('#a').value = 2\">go</button>"
    )
    done = await bundle(step("click", "button"), step("fill", "#a", text="3"), step("read", "#a"), html=html)
    assert [one.texts for one in done.actions] == [[], ["3"], ["3"]]
    assert (await bundle(step("click", "button"), step("read", "#a"), html=html)).actions[1].texts == ["1"]


async def test_what_is_read_is_bounded():
    texts = (await bundle(step("read", "p"), html="<p>" + "x" * 3_000 + "<p>y" * 60)).actions[0].texts
    assert (len(texts), len(texts[0])) == (50, 2_000)


async def test_pictures_are_bounded_in_all(monkeypatch):
    html = "<body style='background: lime'>"
    size = len((await bundle(step("screenshot"), html=html)).actions[0].picture)
    monkeypatch.setattr(page_steps, "MOST_BYTES", 2 * size)
    await session(*[step("screenshot")] * 2, html=html)
    with pytest.raises(ServiceError, match=r"step 3: the pictures have more than .* take fewer, or smaller ones"):
        await session(*[step("screenshot")] * 3, html=html)


async def test_a_session_ends_when_its_time_is_over():
    slow = replace(chromium.for_services(), seconds=0.5)
    heavy = "<style>" + "".join(f"div:has(p:nth-child({n})) b {{ top: 0 }}" for n in range(400)) + "</style>"
    heavy += "<div>" * 60 + "<b><p>x</b>" * 4_000
    with pytest.raises(BadArguments, match=r"longer than 0.5 s"):
        async with asyncio.timeout(30):
            await call(
                page_session.SERVICE,
                {"html": heavy, "steps": [step("screenshot")] * 5 + [step("read", "p")] * 55},
                slow,
            )
