"""`paddock-agent keys`: a wallet's keys at a real marketplace, made, listed and revoked from a command line."""

import asyncio
from pathlib import Path

import httpx
import pytest

from agent.cli import main
from agent.commands import Shell
from tests.fakes.evm import CHAIN_ID, TOKEN
from tests.simulation.world import ORIGIN, World, open_world

LIMIT = f"eip155:{CHAIN_ID}:{TOKEN}=30000"


class Bridge(httpx.BaseTransport):
    """The marketplace, which lives in an event loop, for a command in a thread of its own."""

    def __init__(self, world: World) -> None:
        self._world, self._loop = world, asyncio.get_running_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._asked(request), self._loop).result(30)

    async def _asked(self, request: httpx.Request) -> httpx.Response:
        sent = {"content": request.content, "headers": request.headers}
        answer = await self._world.client.request(request.method, request.url, **sent)
        return httpx.Response(answer.status_code, content=answer.content)


@pytest.fixture
async def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """The world, and what a command prints on stdout and on stderr, with its exit status."""
    async with open_world() as world:
        bridge = Bridge(world)
        monkeypatch.setattr(Shell, "client", lambda _: httpx.Client(transport=bridge))
        monkeypatch.setattr("agent.keys.SystemClock", lambda: world.clock)
        for name, value in (("HOME", tmp_path), ("SELLER", ORIGIN), ("STACK", tmp_path / "none")):
            monkeypatch.setenv(f"PADDOCK_AGENT_{name}", str(value))
        monkeypatch.setenv("PADDOCK_AGENT_KEY", world.buyer.account.key.hex())

        async def command(*arguments: str) -> tuple[int, str, str]:
            capfd.readouterr()
            status = await asyncio.to_thread(main, ["keys", *arguments])
            return status, *capfd.readouterr()

        yield world, command


async def ask(world: World, key: str) -> int:
    return (await world.client.get(world.url("echo"), headers={"X-Buyer-Key": key})).status_code


async def test_a_key_is_made_listed_and_revoked_and_printed_once(run) -> None:
    world, command = run
    status, out, err = await command("add", "research", "--per-minute", "5", "--days", "2", "--limit", LIMIT)
    key = out.strip()
    [kept] = world.db.tables.buyer_keys.values()
    assert (status, kept.name, kept.per_minute, kept.caps[0].per_day) == (0, "research", 5, 30_000)
    assert (await ask(world, key), key in err) == (402, False)
    _, listed, _ = await command("list")
    assert listed.startswith(f"{kept.id} 'research': live until ")
    assert f"30000 a day of eip155:{CHAIN_ID}:{TOKEN}" in listed
    assert key not in listed
    assert (await command("revoke", kept.id))[:2] == (0, f"{kept.id} is revoked\n")
    assert (await ask(world, key), "over; it had until" in (await command("list"))[1]) == (401, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("revoke", "0000"), "this wallet has no key"),
        (("add", "x", "--limit", "0x12"), "is no limit"),
        (("add", "x", "--limit", "0x12=5"), "asset must be a 20-byte address"),
        (("add", "x", "--days", "900"), "days: from 1 to 366"),
    ],
)
async def test_what_cannot_be_is_said_in_the_marketplaces_words(run, arguments, says) -> None:
    world, command = run
    status, out, err = await command(*arguments)
    assert (status, out, says in " ".join(err.split()), world.db.tables.buyer_keys) == (1, "", True, {})
