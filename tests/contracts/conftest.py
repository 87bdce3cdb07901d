"""A devnet for each module of tests of deployed contracts, deployed as a user deploys."""

from collections.abc import Iterator

import pytest

from scripts.solc.foundry import ToolMissing
from tests.conftest import missing
from tests.contracts.devnet import Devnet, read, run_deploy
from tests.stack.anvil import run_anvil


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
