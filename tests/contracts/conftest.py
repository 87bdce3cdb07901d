"""What forge says of its suites, and a devnet for each module of tests of deployed contracts, as a user deploys."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scripts.callback_lab.bench import Bench
from scripts.callback_lab.node import Node, open_node
from scripts.callback_lab.opening import Given, open_bench, set_stage
from scripts.callback_lab.subject import find_subject
from scripts.solc import ROOT, CompilerMissing
from scripts.solc.foundry import ToolMissing, forge
from tests.conftest import missing
from tests.contracts.devnet import Devnet, read, run_deploy
from tests.stack.anvil import run_anvil

Open = Callable[[str], Bench]


@pytest.fixture(scope="module")
def lab_node() -> Iterator[Node]:
    """A fresh devnet that takes transactions from everybody."""
    try:
        with open_node(None) as node:
            yield node
    except ToolMissing as error:
        missing(str(error))


@pytest.fixture
def open_callback(lab_node: Node) -> Iterator[Open]:
    """Opens the callback in a file (`contracts/callbacks/My.sol`) as the lab does; undone after the test."""

    def opened(path: str) -> Bench:
        try:
            subject = find_subject(str(ROOT / path))
        except CompilerMissing as error:
            missing(str(error))
            raise
        return open_bench(set_stage(lab_node, subject.props), subject, Given({}, ()))

    with lab_node.undone():
        yield opened


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """An anvil of ours (it is checked that it holds its port) that mines at once, with everything deployed."""
    folder = tmp_path_factory.mktemp("contracts")
    try:
        with run_anvil(folder, "contracts-anvil", options=("--gas-limit", "60000000")) as anvil:
            result = run_deploy(anvil.url, folder)
            assert result.returncode == 0, result.stdout + result.stderr
            yield Devnet(anvil, read(folder, 31337))
    except ToolMissing as error:
        missing(str(error))


@pytest.fixture(scope="session")
def results() -> dict[str, Any]:
    """What forge says of every suite."""
    try:
        run = forge("test", "--offline", "--json")
    except (ToolMissing, CompilerMissing) as error:
        missing(str(error))
    start = run.stdout.find("{")
    assert start >= 0, f"forge could not run:\n{run.stdout}\n{run.stderr}"
    answer: dict[str, Any] = json.JSONDecoder().raw_decode(run.stdout[start:])[0]
    return answer
