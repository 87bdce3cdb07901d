"""Where a marketplace trades: the network, its asset and contracts, and the merchants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocol.networks import caip2
from protocol.typed_data import TokenDomain


@dataclass(frozen=True, slots=True)
class Asset:
    """A token that payments are made in; `name` and `version` are its EIP-712 domain."""

    address: str
    name: str
    version: str
    decimals: int
    symbol: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A deployed contract and its ABI (JSON)."""

    address: str
    abi: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Market:
    """One network to trade on. `delegate` is the delegate wallet's address; `contracts` the deployments by name."""

    chain_id: int
    asset: Asset
    delegate: str
    contracts: Mapping[str, Contract]

    @property
    def network(self) -> str:
        """The CAIP-2 name."""
        return caip2(self.chain_id)

    @property
    def domain(self) -> TokenDomain:
        """The asset's EIP-712 domain."""
        return TokenDomain(self.asset.name, self.asset.version, self.chain_id, self.asset.address)


@dataclass(frozen=True, slots=True)
class Merchant:
    """A provider: `pay_to` receives DIRECT payments; `key_digest` is SHA-256 of its API key."""

    id: str
    name: str
    pay_to: str
    key_digest: bytes
