"""Hostile contracts by name, for tests of the server against them; that each commits its crime is for forge to say."""

from typing import Any

import pytest

from scripts.accounts import account
from scripts.compile import HOSTILE
from scripts.solc import ROOT
from tests.contracts.devnet import Devnet, make

NAMES = sorted(path.stem for pattern in HOSTILE for path in ROOT.glob(pattern))
CALLBACK_LISTS = (account("deployer").address, [], [], [])
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "MisbehavingCallback": (CALLBACK_LISTS, [], 300_000),
    "TwoFacedWallet": (60_000,),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_contract_is_deployed_by_its_name(devnet: Devnet, name: str) -> None:
    made = make(devnet.anvil, name, *ARGUMENTS.get(name, ()))
    assert len(devnet.web3.eth.get_code(made.address)) > 100


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("Token")])
def test_a_hostile_token_passes_for_a_dollar(devnet: Devnet, name: str) -> None:
    token = make(devnet.anvil, name).functions
    assert (token.name().call(), token.version().call(), token.decimals().call()) == ("USDC", "2", 6)
    devnet.send(token.mint(account("buyer").address, 5), "stranger")
    assert token.balanceOf(account("buyer").address).call() == 5
