"""`make up`, `make down` and `make demo` as their commands run, in a folder of their own."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from scripts.tour import MODELS, TOOL, TOOL_MODEL
from server.services import on_sale
from tests.stack.buyer import read_header
from tests.stack.goat_client import goat_sign
from tests.stack.processes import ROOT, free_port

KEYS = {"server", "facilitator", "rpc", "chain_id", "asset", "contracts", "accounts", "merchant", "services", "console"}
SOLD = on_sale(samples=True)
TARIFFS = {service.slug: service.tariff for service in SOLD}


def run(*arguments, timeout=170, **environ):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "PADDOCK_PORT": str(free_port()), **environ},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def back_end(server, merchant):
    """The status by which a back end is answered that asks for an order of its own."""
    named = {"api_key": merchant["api_key"], "timestamp": str(int(time.time())), "nonce": secrets.token_hex(16)}
    signed = {"X-API-Key": named["api_key"], "X-Timestamp": named["timestamp"], "X-Nonce": named["nonce"]}
    signed["X-Sign"] = goat_sign(merchant["api_secret"], named)
    return httpx.get(f"{server}/api/v1/orders/none", headers=signed).status_code


def test_up_comes_back_healthy_with_a_complete_stack_file_and_down_leaves_no_process(tmp_path):
    up = run("scripts.stack", "up", "--var", str(tmp_path))
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        stack = json.loads((tmp_path / "stack.json").read_text())
        assert set(stack) == KEYS
        assert httpx.get(f"{stack['server']}/health/ready").status_code == 200
        assert httpx.get(f"{stack['facilitator']}/supported").json()["kinds"][0]["scheme"] == "exact"
        for service in stack["services"]:
            answer = httpx.request(service["method"], service["url"], json=service["body"])
            assert answer.status_code == 402, service["slug"]
            [terms, *_] = read_header(answer.headers["payment-required"])["accepts"]
            asked = int(terms["amount"])
            assert 0 < asked <= int(service["amount"])
            assert TARIFFS[service["slug"]] or asked == int(service["amount"])
            old = [entry["maxAmountRequired"] for entry in answer.json()["accepts"][:1]]
            assert old == ([str(asked)] if terms["scheme"] == "exact" else []), "v1 knows exact only"
        assert back_end(stack["server"], stack["merchant"]) == 404, "signed well, and there is no such order"
        assert back_end(stack["server"], stack["merchant"] | {"api_secret": "another"}) == 401
        again = run("scripts.stack", "up", "--var", str(tmp_path))
        assert again.returncode != 0
        assert "up already" in again.stderr
    finally:
        pids = [child["pid"] for child in json.loads((tmp_path / "run" / "stack.json").read_text())]
        down = run("scripts.stack", "down", "--var", str(tmp_path))
    assert down.returncode == 0
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    assert not (tmp_path / "stack.json").exists()


def test_a_taken_port_is_told_with_what_to_do(tmp_path, anvil):
    up = run("scripts.stack", "up", "--var", str(tmp_path), PADDOCK_PORT=str(anvil.port))
    assert up.returncode == 1
    assert f"port {anvil.port} is taken" in up.stderr
    assert "PADDOCK_PORT=" in up.stderr


def test_the_demo_does_all_that_it_tells_and_the_checker_agrees(tmp_path):
    demo = run("scripts.demo", "--var", str(tmp_path), DEMO_EXIT="1")
    assert demo.returncode == 0, demo.stdout[-4000:] + demo.stderr[-4000:]
    told = json.loads((tmp_path / "demo.json").read_text())
    assert told["ok"] is True
    delivered = [step["mode"] for step in told["steps"] if step["outcome"] == "delivered"]
    assert delivered.count("DIRECT") >= 3
    assert delivered.count("DELEGATE") >= 2
    refused = [step for step in told["steps"] if step["outcome"] == "refused"]
    refunded = [step for step in told["steps"] if step["outcome"] == "refunded"]
    assert [step["signatures"] for step in refused] == [0]
    assert [step["mode"] for step in refunded] == ["DELEGATE"]
    assert any(step["approved_by_person"] for step in told["steps"])
    assert all(step["verified"] for step in told["steps"] if step["outcome"] != "refused")
    assert all(step["anchor"] for step in told["steps"] if step["outcome"] == "delivered")
    assert "is in the Merkle root of batch" in demo.stdout


@pytest.mark.timeout(600)
def test_the_tour_buys_one_of_everything_and_accounts_for_it(tmp_path):
    tour = run("scripts.tour", "--var", str(tmp_path), timeout=580)
    assert tour.returncode == 0, tour.stdout[-4000:] + tour.stderr[-4000:]
    assert "nothing else left the wallet" in tour.stdout
    assert "not on sale" not in tour.stdout
    for model in (*MODELS.values(), TOOL_MODEL):
        assert f" {model} " in tour.stdout
    kept = json.loads((tmp_path / "tour.json").read_text())
    receipts = [one["payment_response"]["extensions"]["paddock-receipt"]["info"]["receipt"] for one in kept]
    paths = Counter(urlsplit(receipt["resourceUrl"]).path for receipt in receipts)
    assert paths == {f"/v1/{one.slug}": 1 for one in SOLD} | {f"/{TOOL}": 1}
    assert {record["status"] for record in kept} == {"delivered"}


@pytest.mark.parametrize("package", ["ape", "solcx", "dramatiq"])
def test_the_demo_fails_without_the_tools_that_it_shows(tmp_path, package):
    blocking = str(Path(__file__).parents[1] / "stack" / "blocking")
    demo = run(
        "scripts.demo", "--var", str(tmp_path), DEMO_EXIT="1", BLOCKED_PACKAGES=package, PYTHONPATH=blocking
    )  # fmt: skip
    assert demo.returncode != 0
    assert not (tmp_path / "demo.json").exists()
