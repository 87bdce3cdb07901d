"""Permit2 and the x402 proxies at the addresses that clients know: put there on anvil, and on nothing else."""

from pathlib import Path
from typing import Any

import pytest

from scripts import etch
from scripts.compile import Artifact, compile_contracts
from scripts.etch import EXACT_PROXY, PERMIT2, UPTO_PROXY
from tests.contracts.devnet import Devnet
from tests.stack.anvil import run_anvil

FOREIGN = "0x60016000"


@pytest.fixture(scope="module")
def artifacts() -> dict[str, Artifact]:
    return compile_contracts()


def code_at(anvil: Any, address: str) -> str:
    return str(anvil.rpc("eth_getCode", address, "latest"))


def test_the_proxies_are_where_clients_expect_them(devnet: Devnet, artifacts: dict[str, Artifact]) -> None:
    assert code_at(devnet.anvil, EXACT_PROXY) == artifacts["ExactPermit2Proxy"].runtime
    assert code_at(devnet.anvil, UPTO_PROXY) == artifacts["UptoPermit2Proxy"].runtime
    for name, address in (("ExactPermit2Proxy", EXACT_PROXY), ("UptoPermit2Proxy", UPTO_PROXY)):
        proxy = devnet.web3.eth.contract(address=devnet.web3.to_checksum_address(address), abi=artifacts[name].abi)
        assert proxy.functions.PERMIT2().call() == PERMIT2


def test_etching_again_brings_edited_code_and_a_fork_keeps_its_own(
    tmp_path: Path, artifacts: dict[str, Artifact]
) -> None:
    with run_anvil(tmp_path, "first", options=()) as first:
        first.rpc("anvil_setCode", EXACT_PROXY, FOREIGN)
        first.mine()
        with run_anvil(tmp_path, "fork", options=("--fork-url", first.url)) as fork:
            etch.etch(fork.url, artifacts)
            assert code_at(fork, EXACT_PROXY) == FOREIGN
            assert code_at(fork, UPTO_PROXY) == artifacts["UptoPermit2Proxy"].runtime
        etch.etch(first.url, artifacts)
        assert code_at(first, EXACT_PROXY) == artifacts["ExactPermit2Proxy"].runtime


def test_a_node_that_is_not_anvil_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, artifacts: dict[str, Artifact]
) -> None:
    asked = []

    def call(rpc: str, method: str, *parameters: Any) -> str:
        asked.append(method)
        return "Geth/v1.17.0"

    monkeypatch.setattr(etch, "call", call)
    etch.etch("http://node", artifacts)
    assert asked == ["web3_clientVersion"]
