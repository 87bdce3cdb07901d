"""The browser that services draw by: what hostile documents reach, what they may cost, and what is left of it."""

import asyncio
import base64
import os
import signal
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from server.domain.errors import BadArguments, RunAgain
from server.services import browser as browsers
from server.services import devtools
from server.services.browser import Browser
from tests.stack import chromium, png
from tests.stack.processes import ROOT
from tests.stack.waiting import eventually, until

OPEN = "default-src * data: file: 'unsafe-inline' 'unsafe-eval'"
"""A policy that forbids nothing."""
NO_WALL_OF_ITS_OWN = "--disable-features=LocalNetworkAccessChecks"
"""Newer Chromium keeps pages from loopback by itself, not each time: with it, the walls here are not what one sees."""
NO_NAMESPACES = "this machine allows no user namespaces, and nothing that could be installed changes that"
RED, WHITE = (255, 0, 0), (255, 255, 255)
SCRIPTS = """
<body><script>document.body.style.background = 'red'</script>
<img src="data:," onerror="document.body.style.background='red'">
<svg onload="document.body.style.background='red'"></svg>
"""


@pytest.fixture
def browser():
    """Chromium as services run it, with its sandbox where the machine allows one."""
    return chromium.for_services()


@pytest.fixture(params=[True, False], ids=["apart", "not apart"])
def either(request, browser):
    """The same with and without namespaces of its own: both are in use."""
    if request.param and not browser.apart:
        pytest.skip(NO_NAMESPACES)
    return replace(browser, apart=request.param)


@pytest.fixture
def room(monkeypatch):
    """Where this test's profiles are, and by it the processes."""
    with tempfile.TemporaryDirectory(prefix="browser-test-") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def running(room):
    """The process groups of all that was given a profile there."""
    groups = set()
    for process in psutil.process_iter(["cmdline"]):
        if any(str(room) in part for part in process.info["cmdline"] or ()):
            groups.add(os.getpgid(process.pid))
    return groups


def left(groups):
    """Processes of those groups that still run."""
    found = []
    for process in psutil.process_iter(["status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE:
            try:
                found += [process.pid] if os.getpgid(process.pid) in groups else []
            except ProcessLookupError:
                continue
    return found


def seen(room, look):
    """What `look` says of each process there, without those that end meanwhile."""
    found = []
    for pid in left(running(room)):
        with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            found.append(look(pid))
    assert len(found) > 3
    return found


async def gone(room, groups):
    async def look():
        return not running(room) and not left(groups) and not list(room.iterdir())

    await eventually(look, 10, "no process and no profile is left")


async def picture(browser, html, side=64):
    async with browser.shown(html, side, side) as page:
        return png.read(base64.b64decode((await page.call("Page.captureScreenshot"))["data"]))


# ------------------------------------------------------------------------------------------------ what it reaches


@asynccontextmanager
async def counting():
    """A server on loopback: its port, and a list with a line for each connection, complete after the block.

    Whoever connects has to be gone by then.
    """
    met, meetings = [], set()

    async def meet(reader, writer):
        meetings.add(asyncio.current_task())
        line = b""
        with suppress(ConnectionError):
            line = await reader.readline()
        met.append(line)
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], met
    await asyncio.wait_for(asyncio.gather(*meetings), 10)


def prying(port):
    """A document that asks for something by all the ways that need no click."""
    here = f"http://127.0.0.1:{port}"
    return f"""<!doctype html>
<head><link rel=stylesheet href="{here}/style"><link rel=icon href="{here}/icon"><link rel=preconnect href="{here}">
<link rel=dns-prefetch href="//localhost:{port}"><link rel=prefetch href="{here}/prefetch"><base href="{here}/">
<link rel=preload as=image href="{here}/preload"><link rel=prerender href="{here}/prerender">
<link rel=modulepreload href="{here}/module"><link rel=manifest href="{here}/manifest">
<style>@import "{here}/import"; @font-face {{ font-family: far; src: url({here}/font) }}
body {{ background: url({here}/background); font-family: far }} li {{ list-style-image: url({here}/list) }}</style>
<body>text<li>item<img src="{here}/image" srcset="{here}/set 2x"><img src=relative>
<video src="{here}/video" poster="{here}/poster"></video>
<audio src="{here}/audio" autoplay></audio><iframe src="{here}/frame"></iframe><object data="{here}/object"></object>
<embed src="{here}/embed"><script src="{here}/script"></script><script>fetch("{here}/fetch")</script>
<iframe srcdoc="<img src={here}/inner>"></iframe><iframe src="data:text/html,<img src={here}/data>"></iframe>
<svg><image href="{here}/svg"/><use href="{here}/use#a"/></svg><input type=image src="{here}/input">
"""


async def connections(browser, monkeypatch, policy=OPEN, *, refusing=False, resolving=True):
    """What reached the server, by so few of the walls."""
    monkeypatch.setattr(devtools, "POLICY", policy)
    kept = [flag for flag in browsers.FLAGS if not (resolving and flag.startswith("--host-resolver-rules"))]
    monkeypatch.setattr(browsers, "FLAGS", (*kept, NO_WALL_OF_ITS_OWN))
    if not refusing:
        answer = devtools.Pipe._answer

        def let_through(pipe, paused):
            if pipe.answered:
                pipe._send("Fetch.continueRequest", {"requestId": paused["requestId"]})
            else:
                answer(pipe, paused)

        monkeypatch.setattr(devtools.Pipe, "_answer", let_through)
    async with counting() as (port, met), browser.shown(prying(port), 300, 300) as page:
        await page.call("Page.captureScreenshot")
    return met


async def test_nothing_that_a_document_asks_for_is_reached(either):
    async with counting() as (port, met):
        async with either.shown(prying(port), 300, 300) as page:
            await page.call("Page.captureScreenshot")
        assert met == []
        async with httpx.AsyncClient() as client:
            await client.get(f"http://127.0.0.1:{port}")
        assert len(met) == 1, "the server counts"


async def test_without_any_wall_the_same_document_reaches_the_server_in_many_ways(browser, monkeypatch):
    assert len(await connections(replace(browser, apart=False), monkeypatch)) > 10


async def test_a_network_namespace_alone_stops_it(browser, monkeypatch):
    if not browser.apart:
        pytest.skip(NO_NAMESPACES)
    assert await connections(browser, monkeypatch) == []


async def test_a_resolver_that_knows_no_name_and_no_address_stops_it_alone(browser, monkeypatch):
    assert await connections(replace(browser, apart=False), monkeypatch, resolving=False) == []


async def test_refusing_requests_leaves_only_connections_without_a_request(browser, monkeypatch):
    assert set(await connections(replace(browser, apart=False), monkeypatch, refusing=True)) <= {b""}


async def test_the_documents_policy_leaves_only_connections_without_a_request(browser, monkeypatch):
    assert set(await connections(replace(browser, apart=False), monkeypatch, devtools.POLICY)) <= {b""}


async def test_no_file_is_read_and_no_other_page_is_gone_to(either, room):
    async with either.shown("<body style='background: red'>", 64, 64) as page:
        shot = base64.b64decode((await page.call("Page.captureScreenshot"))["data"])
    file = room / "red.png"
    file.write_bytes(shot)
    file.chmod(0o644)
    shown = f"<body style='margin: 0'><img src='data:image/png;base64,{base64.b64encode(shot).decode()}'>"
    assert (await picture(either, shown)).colours() == {RED}, "a picture that it carries is drawn"
    for there in (f"<img src='{file.as_uri()}'>", f"<iframe src='{file.as_uri()}'></iframe>"):
        assert RED not in (await picture(either, there)).colours()
    async with either.shown(f"<meta http-equiv=refresh content='0;url={file.as_uri()}'>", 64, 64) as page:
        shot = png.read(base64.b64decode((await page.call("Page.captureScreenshot"))["data"]))
        tree = await page.call("Page.getFrameTree")
    assert shot.colours() == {WHITE}
    assert tree["frameTree"]["frame"]["url"] == devtools.ORIGIN


async def scripts_ran(browser, monkeypatch, policy, *, disabled):
    monkeypatch.setattr(devtools, "POLICY", policy)
    if not disabled:
        call = devtools.Pipe.call

        async def spared(pipe, method, **params):
            if method != "Emulation.setScriptExecutionDisabled":
                return await call(pipe, method, **params)
            return {}

        monkeypatch.setattr(devtools.Pipe, "call", spared)
    return RED in (await picture(browser, SCRIPTS)).colours()


@pytest.mark.parametrize(
    ("policy", "disabled", "ran"),
    [(devtools.POLICY, True, False), (devtools.POLICY, False, False), (OPEN, True, False), (OPEN, False, True)],
    ids=["both", "policy alone", "switch alone", "neither"],
)
async def test_no_script_runs_by_either_of_two_walls(browser, monkeypatch, policy, disabled, ran):
    assert await scripts_ran(browser, monkeypatch, policy, disabled=disabled) is ran


async def test_the_browser_is_told_no_secret_and_is_never_root(browser, room, monkeypatch):
    monkeypatch.setenv("PADDOCK_QUOTE_KEYS", "1:" + "5e" * 32)
    async with browser.shown("<p>hello", 64, 64):
        processes = seen(room, lambda pid: (psutil.Process(pid).environ(), psutil.Process(pid).uids().real))
    for environment, user in processes:
        assert "5e5e" not in str(environment)
        assert user != 0


# ------------------------------------------------------------------------------------------------- what it may cost


def limits(pid):
    """A process's hard limits, by name; the kernel lets everybody read them."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return {line[:26].strip(): line[47:68].strip() for line in lines}


async def test_each_process_has_bounded_memory_time_and_files(browser, room):
    async with browser.shown("<p>hello", 64, 64):
        for limit in seen(room, limits):
            assert int(limit["Max data size"]) <= 2 * 2**30
            assert limit["Max file size"] == str(256 * 2**20)
            assert limit["Max cpu time"] == "60"
            assert limit["Max core file size"] == "0"


async def test_a_document_without_end_is_given_up_and_its_browser_killed(either, room):
    bomb = "<svg><g id=a0><rect width=9 height=9 /></g>"
    bomb += "".join(f"<g id=a{n + 1}>{f'<use href=#a{n} />' * 9}</g>" for n in range(9))
    with pytest.raises(BadArguments, match=r"longer than 1\.5 s"):
        async with replace(either, seconds=1.5).shown(bomb, 300, 300) as page:
            await page.call("Page.captureScreenshot")
    await gone(room, set())


async def test_a_document_that_takes_the_tab_with_it_is_told(browser, room):
    with pytest.raises(BadArguments, match="gave up"):
        async with browser.shown("<p>hello", 64, 64) as page:
            await page.call("Page.crash")
    await gone(room, set())


async def test_what_is_too_large_to_hold_is_not_held(browser, room, monkeypatch):
    monkeypatch.setattr(browsers, "MOST_MESSAGE", 20_000)
    async with browser.shown("<p>hello", 64, 64) as page:
        await page.call("Page.captureScreenshot")
    stripes = "<body style='background: repeating-conic-gradient(red 0 1deg, lime 2deg 5deg, blue 7deg)'>"
    with pytest.raises(BadArguments, match="too large"):
        async with browser.shown(stripes, 900, 900) as page:
            await page.call("Page.captureScreenshot")
    await gone(room, set())


async def test_so_many_run_at_once_and_the_next_is_told_to_come_again(browser, room):
    impatient = replace(browser, wait=0.1)
    async with impatient.shown("<p>1", 64, 64), impatient.shown("<p>2", 64, 64):
        assert len(list(room.iterdir())) == 2
        with pytest.raises(RunAgain, match="busy"):
            await picture(impatient, "<p>3")
        assert len(list(room.iterdir())) == 2
    assert (await picture(impatient, "<p>4")).width == 64


# --------------------------------------------------------------------------------------------------- what is left


async def test_nothing_is_left_of_it(either, room):
    async with either.shown("<p>hello", 64, 64):
        groups = running(room)
        assert len(left(groups)) > 3
        assert len(list(room.iterdir())) == 1
    await gone(room, groups)


async def test_nothing_is_left_of_one_whose_caller_is_cancelled(either, room):
    shown = asyncio.Event()

    async def look():
        async with either.shown("<p>hello", 64, 64):
            shown.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(look())
    await asyncio.wait_for(shown.wait(), 20)
    groups = running(room)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert either.places._value == browsers.AT_ONCE
    await gone(room, groups)


HOLD = """
import asyncio, sys
from server.services.browser import Browser

async def hold():
    async with Browser(sys.argv[1], apart=sys.argv[2] == "True").shown("<p>hello", 64, 64):
        print("shown", flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


async def test_no_process_outlives_a_server_that_is_killed(either, room):
    command = [sys.executable, "-c", HOLD, either.path, str(either.apart)]
    environ = {**os.environ, "TMPDIR": str(room)}
    server = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environ, stdout=asyncio.subprocess.PIPE)
    assert await asyncio.wait_for(server.stdout.readline(), 20) == b"shown\n"
    groups = running(room)
    assert len(left(groups)) > 3
    server.send_signal(signal.SIGKILL)
    await server.wait()
    until(lambda: not running(room) and not left(groups), 10, "no process is left")


async def test_a_program_that_is_no_browser_is_our_fault_and_not_the_buyers():
    with pytest.raises(devtools.BrowserFailed):
        await picture(Browser("/bin/true", apart=False), "<p>hello")
