"""The devnet's assets: what each is called, and what is done after its deployment so that the paying roles can pay."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.accounts import account
from scripts.etch import PERMIT2

FUNDED_ROLES = ("buyer", "foreign_buyer")
UNITS = 1_000_000
"""Whole units of each asset that a paying role begins with."""
NO_LIMIT = 2**256 - 1


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction of a role's to a contract's method."""

    role: str
    method: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Asset:
    """A token by its contract; `name` and `version` are its EIP-712 domain's, `method` how x402 moves it."""

    contract: str
    name: str
    version: str
    decimals: int
    symbol: str
    method: str

    def terms(self, addresses: Mapping[str, str]) -> dict[str, Any]:
        """The asset as x402 terms name it."""
        return {
            "address": addresses[self.contract],
            "name": self.name,
            "version": self.version,
            "decimals": self.decimals,
            "symbol": self.symbol,
        }

    def calls(self) -> list[Call]:
        """What makes it ready: initialisation, then money for the paying roles, and their leave for Permit2."""
        funded = (*FUNDED_ROLES, "float")
        mints = [Call("deployer", "mint", (account(role).address, UNITS * 10**self.decimals)) for role in funded]
        approvals = [Call(role, "approve", (PERMIT2, NO_LIMIT)) for role in FUNDED_ROLES]
        return [*(_initialisation(self) if self.contract == "FiatTokenV2_2" else ()), *mints, *approvals]


# The first is the one that everything is sold for.
ASSETS = (
    Asset("TestUSD", "USDC", "2", 6, "USDC", "eip3009"),
    Asset("FiatTokenV2_2", "USD Coin", "2", 6, "FUSDC", "eip3009"),
    Asset("TestDAI", "Dai Stablecoin", "1", 18, "DAI", "permit2"),
)


def _initialisation(asset: Asset) -> list[Call]:
    """USDC's way through its versions; the deployer plays all of its offices, and may mint without limit."""
    deployer = account("deployer").address
    offices = (deployer,) * 4
    return [
        Call("deployer", "initialize", (asset.name, asset.symbol, "USD", asset.decimals, *offices)),
        Call("deployer", "initializeV2", (asset.name,)),
        Call("deployer", "initializeV2_1", (deployer,)),
        Call("deployer", "initializeV2_2", ([], asset.symbol)),
        Call("deployer", "configureMinter", (deployer, NO_LIMIT)),
    ]
