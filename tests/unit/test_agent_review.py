"""`paddock-agent review`: what is said, where, by whose leave, and what it costs at most."""

import json
from argparse import Namespace
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_abi.abi import decode
from rich.console import Console

from agent.commands import Shell
from agent.errors import AgentError, SellerUnavailable, WalletError
from agent.policy_file import parse
from agent.reviewing import Subject, allowed_registry, review
from agent.settings import Settings
from agent.store import purchase
from protocol import requests
from protocol.feedback import ACTION, file_hash, in_uri, read_file
from tests.fakes.buyer_chain import NUMBERS, RPC
from tests.fakes.seller import NETWORK, ORIGIN, FakeSeller, World, account, policy

REGISTRY = account("stranger").address
OTHER = account("deployer").address
KINDS = ("uint256", "int128", "uint8", "string", "string", "string", "string", "bytes32")


class Reviewed(FakeSeller):
    """A seller that takes feedback; `handed_in` are the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.handed_in: list[httpx.Request] = []
        self.subject: Any = {
            "agentRegistry": f"{NETWORK}:{OTHER}",
            "agentId": 7,
            "reputationRegistry": f"{NETWORK}:{REGISTRY}",
            "service": "echo",
        }
        self.refusal: httpx.Response | None = None

    def handle(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/feedback"):
            return super().handle(request)
        if request.method == "GET":
            return httpx.Response(200, json=self.subject)
        self.handed_in.append(request)
        return self.refusal or httpx.Response(201, json={})


class FakeShell(Shell):
    """A shell whose client reaches one fake seller and its chain."""

    seller: Reviewed

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.seller.handle))


Review = Callable[..., str]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("tests.fakes.seller.FakeSeller", Reviewed)
    return World(tmp_path)


@pytest.fixture
def seller(world: World) -> Reviewed:
    assert isinstance(world.seller, Reviewed)
    return world.seller


@pytest.fixture
def give(world: World, seller: Reviewed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Review:
    """Runs the command on a purchase just made; what it printed."""
    monkeypatch.setattr("agent.reviewing.SystemClock", lambda: seller.clock)
    FakeShell.seller = seller

    def run(score: int = 90, signed: bool = False, listed: str = REGISTRY, ends: str = "delivered") -> str:
        bought = world.buyer.buy(f"{ORIGIN}/v1/echo")
        assert bought.status == ends
        text = policy() + f'[standing]\nregistries = ["{NETWORK}:{listed.lower()}"]\n'
        key = account("buyer").key.hex()
        settings = Settings(home=tmp_path, rpc=RPC, policy_text=text, key=key)
        out = Console(file=StringIO(), width=300)
        args = Namespace(id=bought.purchase_id, score=score, signed=signed)
        assert review(FakeShell(settings, out, out), args) == 0
        assert isinstance(out.file, StringIO)
        return out.file.getvalue()

    return run


def signed_in(request: httpx.Request, seller: Reviewed) -> requests.SignedRequest:
    order = request.url.path.split("/")[-2]
    return requests.read(request.headers["authorization"], ACTION, order, int(seller.clock.now().timestamp()))


def test_feedback_goes_to_the_listed_registry_with_the_whole_file_in_it(give: Review, seller: Reviewed) -> None:
    assert "in the registry, by 0x" in give(87)
    (sent,) = seller.chain.sent
    assert (sent.to, sent.sender) == (REGISTRY, account("buyer").address)
    agent, value, decimals, tag1, tag2, endpoint, uri, stated = decode(KINDS, sent.data[4:])
    assert (agent, value, decimals, tag1, tag2, endpoint) == (7, 87, 0, "paid", "", "")
    content = in_uri(uri)
    assert content is not None
    assert file_hash(content) == "0x" + stated.hex()
    file = read_file(content)
    proof = file.proof_of_payment
    assert (file.score, file.agent_id, file.agent_registry) == (87, 7, f"{NETWORK}:{OTHER}")
    assert (proof.network, proof.from_address, proof.to_address) == (
        NETWORK,
        account("buyer").address,
        account("merchant").address,
    )
    assert proof.tx_hash in seller.chain.mined
    assert seller.handed_in == []


@pytest.mark.parametrize("why", ["signed", "unlisted", "no identity", "no gas", "another network"])
async def test_else_the_files_hash_is_signed_for_the_marketplace(give: Review, seller: Reviewed, why: str) -> None:
    if why == "no identity":
        seller.subject = {}
    if why == "no gas":
        seller.chain.coins = 0
    if why == "another network":
        seller.subject["reputationRegistry"] = f"eip155:1:{REGISTRY}"
    told = give(signed=why == "signed", listed=OTHER if why == "unlisted" else REGISTRY)
    assert "signed for the marketplace" in told
    assert seller.chain.sent == []
    (request,) = seller.handed_in
    signed = signed_in(request, seller)
    assert signed.request.reason == file_hash(request.content)
    assert await requests.is_signed_by(signed, account("buyer").address, seller.chain.chain_id)
    assert json.loads(request.content)["value"] == 90


def test_only_a_registry_of_the_networks_own_is_called(world: World, seller: Reviewed) -> None:
    bought = world.buyer.buy(f"{ORIGIN}/v1/echo")
    with world.buyer.store.begin() as connection:
        row = purchase(connection, bought.purchase_id)
    registries = ", ".join(f'"{network}:{REGISTRY}"' for network in (NETWORK, "eip155:1"))
    rules = parse(policy() + f"[standing]\nregistries = [{registries}]\n")
    for network, expected in ((NETWORK, REGISTRY), ("eip155:1", None), ("eip155:2", None), ("", None)):
        subject = Subject(agent_id=0, reputation_registry=f"{network}:{REGISTRY}")
        assert allowed_registry(rules, row, subject) == expected
    assert allowed_registry(rules, row, Subject(reputation_registry=f"{NETWORK}:{REGISTRY}")) is None
    assert allowed_registry(rules, row, Subject(agent_id=0, reputation_registry=f"{NETWORK}:0x12")) is None


def test_no_registry_gets_more_gas_than_a_review_may_cost(
    give: Review, seller: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NUMBERS, "eth_estimateGas", 900_000)
    with pytest.raises(WalletError, match="1125000 gas"):
        give()
    assert seller.chain.sent == []


@pytest.mark.parametrize("score", [-1, 101])
def test_a_score_out_of_bounds_leaves_no_trace(give: Review, seller: Reviewed, score: int) -> None:
    with pytest.raises(AgentError, match="from 0 to 100"):
        give(score)
    assert seller.chain.sent == seller.handed_in == []


def test_what_the_marketplace_refuses_is_told_with_its_words(give: Review, seller: Reviewed) -> None:
    seller.refusal = httpx.Response(409, json={"detail": "not final yet", "action": "send it again in a minute"})
    with pytest.raises(SellerUnavailable, match="409: not final yet") as refused:
        give(signed=True)
    assert refused.value.mend == "send it again in a minute"


def test_a_purchase_whose_settlement_nobody_named_is_not_reviewed(give: Review, seller: Reviewed) -> None:
    seller.paid.extend(["500"] * 20)
    with pytest.raises(AgentError, match="was not paid for on chain"):
        give(ends="in_doubt")
    assert seller.handed_in == []
