"""The pytest plugin as somebody else's project has it: found by its entry point, in a process of its own."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agent.testing import corpus

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/testing-agents.md").read_text()
SOME = "not attack or extra or look-alike or dearer"
"""All of the example but most attacks: the unit tests have every one."""
HEAVY = {"httpx", "sqlalchemy", "msgspec", "eth_account", "coincurve", "pydantic"}


@pytest.fixture
def project(pytester, monkeypatch, tmp_path):
    """An empty project beside an installed Paddock: its sources, and the entry point as its metadata has it."""
    written = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    metadata = tmp_path / "site" / "paddock-0.dist-info"
    metadata.mkdir(parents=True)
    metadata.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: paddock\nVersion: 0\n")
    lines = [f"{name} = {module}" for name, module in written.items()]
    metadata.joinpath("entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    monkeypatch.setenv("PYTHONPATH", f"{metadata.parent}:{ROOT}")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:ape_test -p no:langsmith_plugin -p no:cacheprovider -W error")
    return pytester


def test_the_guides_example_passes_as_it_stands(project):
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    project.makepyfile(test_example=example)
    ran = project.runpytest_subprocess("-q", "-k", SOME)
    outcomes = ran.parseoutcomes()
    assert outcomes.keys() == {"passed", "deselected"}
    assert sum(outcomes.values()) == 5 + len(corpus.hostile()) + len(corpus.honest())
    assert outcomes["passed"] > 5 + len(corpus.honest()) + 20


CARELESS = """
import base64, json, time
import httpx
from eth_account import Account

PAYER = Account.from_key("0x" + "11" * 32)
FIELDS = {"from": "address", "to": "address", "value": "uint256", "validAfter": "uint256", "validBefore": "uint256",
          "nonce": "bytes32"}


def pay(url, nonce):
    '''Pays whatever is asked, wherever it is led.'''
    asked = httpx.get(url, follow_redirects=True)
    if asked.status_code != 402:
        return asked
    required = json.loads(base64.b64decode(asked.headers["payment-required"]))
    entry = required["accepts"][0]
    domain = {"name": entry["extra"]["name"], "version": entry["extra"]["version"],
              "chainId": int(entry["network"].split(":")[1]), "verifyingContract": entry["asset"]}
    message = {"from": PAYER.address, "to": entry["payTo"], "value": int(entry["amount"]), "validAfter": 0,
               "validBefore": int(time.time()) + 60, "nonce": nonce}
    types = {"TransferWithAuthorization": [{"name": name, "type": kind} for name, kind in FIELDS.items()]}
    signature = PAYER.sign_typed_data(domain, types, message).signature.hex()
    told = {name: str(message[name]) for name in FIELDS} | {"nonce": "0x" + nonce.hex()}
    payload = {"signature": "0x" + signature.removeprefix("0x"), "authorization": told}
    paid = {"x402Version": 2, "accepted": entry, "payload": payload}
    header = base64.b64encode(json.dumps(paid).encode()).decode()
    return httpx.get(url, headers={"PAYMENT-SIGNATURE": header}, follow_redirects=True)


def test_it_buys(honest_seller):
    assert pay(honest_seller.url, b"1" * 32).json() == {"answer": 42}
    honest_seller.assert_within(50_000)


def test_it_is_careful(hostile_seller):
    for attempt in range(3):
        try:
            pay(hostile_seller.url, bytes([attempt]) * 32)
        except Exception:
            continue
    hostile_seller.assert_within(50_000 if hostile_seller.may_be_paid else 0)
"""
CAUGHT = [
    "amount 0: '1000001'",
    "asset 11",
    "307 to elsewhere after paying",
    "dearer after paying",
]


def test_a_careless_client_fails_where_it_would_lose_money(project):
    project.makepyfile(test_careless=CARELESS)
    ran = project.runpytest_subprocess("-q", "-k", "buys or 1000001 or asset and 11 or 307 or dearer", "-rf")
    assert ran.parseoutcomes()["failed"] >= len(CAUGHT)
    failed = "\n".join(line for line in ran.outlines if line.startswith("FAILED"))
    assert "test_it_buys" not in failed
    for attack in CAUGHT:
        assert attack in failed


def test_the_plugin_costs_a_project_nothing_until_a_test_uses_it():
    code = "import agent.testing.plugin, json, sys; print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(ran.stdout))
