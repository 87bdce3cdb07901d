"""What the guide for providers of endpoints prints, run as its reader would run it: described, probed, listed, sold."""

import asyncio
import json
import re
import subprocess
import sys

import httpx
import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from scripts.accounts import account
from tests.fakes.evm import CHAIN_ID
from tests.stack.buyer import Buyer
from tests.stack.commands import paddock
from tests.stack.funds import fund
from tests.stack.invariants import assert_invariants
from tests.stack.marketplace import Marketplace
from tests.stack.processes import ROOT, free_port, start_python
from tests.stack.waiting import eventually

GUIDE = ROOT / "docs" / "guides" / "upstream.md"
WALLET, BUYER = Account.from_key(keccak(b"acme")), account("buyer")


def printed(language, beginning=""):
    found = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    (one,) = [text for text in found if text.startswith(beginning)]
    return one


@pytest.fixture
def place(own_anvil, market, deployments, sqlite_url, tmp_path):
    allowed = {"PADDOCK_WEBHOOK_ALLOW_PRIVATE": "1", "PADDOCK_OPEN_REGISTRATION": "1"}
    place = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments, more=allowed)
    fund(own_anvil, market, BUYER.address, 100_000_000)
    try:
        place.start_server()
        place.start_worker()
        yield place
    finally:
        place.stop()


def command(place, *words):
    status, said = paddock(place, "service", *words)
    assert status == 0, said
    return said


async def test_the_guides_endpoint_is_described_probed_listed_and_sold(place, tmp_path):
    (tmp_path / "join.py").write_text(printed("python", '"""Joins'))
    environment = {"KEY": WALLET.key.hex(), "MARKETPLACE": place.url, "CHAIN": str(CHAIN_ID), "PATH": "/usr/bin:/bin"}
    joined = await asyncio.to_thread(
        subprocess.run, [sys.executable, "join.py", "acme", "Acme Weather"], cwd=tmp_path, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert joined.returncode == 0, joined.stderr
    key = {"Authorization": f"Bearer {joined.stdout.strip()}"}
    port, described = free_port(), tmp_path / "weather.json"
    described.write_text(printed("json").replace("9100", str(port)))
    (tmp_path / "weather.py").write_text(printed("python", '"""Weather'))
    secret = command(place, "add", "acme", "weather", str(described)).split()[0]
    assert "FAILED  reached: no connection" in command(place, "probe", "acme", "weather")
    environment = {"SECRETS": secret, "PORT": str(port)}
    child = start_python("weather", [str(tmp_path / "weather.py")], tmp_path, environment)
    try:
        child.wait_to_listen(port)
        assert "FAILED" not in command(place, "probe", "acme", "weather")
        said = command(place, "list", "acme", "weather")
        assert "ok      signature: it refuses a false signature" in said
        assert f"acme.weather  listed  GET http://127.0.0.1:{port}/weather" in said
        async with httpx.AsyncClient(timeout=30) as client:
            assert (await client.get(f"http://127.0.0.1:{port}/weather?city=Graz")).status_code == 401
            await sell(place, client)
            own = (await client.get(f"{place.url}/api/merchants/acme/services", headers=key)).json()
            assert [one["slug"] for one in own["services"]] == ["acme.weather"]
        child.require_running()
    finally:
        child.stop()
    async with httpx.AsyncClient(timeout=30) as client:
        buyer = Buyer(client, BUYER)
        quoted = await buyer.ask(f"{place.url}/v1/acme.weather?city=Wien")
        away = await buyer.present(quoted, buyer.pay(quoted))
        assert (away.status_code, away.json()["type"].rpartition("/")[2]) == (502, "service-failed")
    async with place.parts() as parts:
        await assert_invariants(parts, foreign=set())


async def sell(place, client):
    """On sale within a second or so, and sold for the price and to the merchant that the description names."""

    async def on_sale():
        return (await client.get(f"{place.url}/v1/acme.weather?city=Graz")).status_code == 402

    await eventually(on_sale, 10, "every server sells it", every=0.1)
    buyer = Buyer(client, BUYER)
    quoted = await buyer.ask(f"{place.url}/v1/acme.weather?city=Graz")
    assert (quoted.entry["amount"], quoted.entry["payTo"]) == ("20000", WALLET.address)
    answer = await buyer.present(quoted, buyer.pay(quoted))
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.content) == {"city": "Graz", "celsius": 21.5}
    nowhere = await buyer.ask(f"{place.url}/v1/acme.weather?city=Atlantis")
    refused = await buyer.present(nowhere, buyer.pay(nowhere))
    assert refused.status_code == 422
    assert "no weather for Atlantis" in refused.json()["detail"]
