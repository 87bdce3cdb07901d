"""Where a marketplace trades: the network, its asset and contracts, and the merchants."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from protocol.networks import caip2
from protocol.payment import Method
from protocol.typed_data import TokenDomain

EXECUTOR = "DelegateExecutor"
"""The name of the contract of scheme delegate among the deployments."""
EXECUTION_GAS = 1_500_000
"""What a callback may use where nothing else is set: a mint with all that is around it takes a fifth of it."""
PRICE_DECIMALS = 6
"""Services name their prices in millionths of a dollar, whatever the decimals of the asset they are paid in."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A dollar token that payments are made in; `name` and `version` are its EIP-712 domain.

    `method` is how payers authorize: by the token's own EIP-3009, or by Permit2 where it has none.
    """

    address: str
    name: str
    version: str
    decimals: int
    symbol: str
    method: Method = Method.EIP3009

    def __post_init__(self) -> None:
        if self.method is Method.TRANSFER:
            raise ValueError("an asset's method is eip3009 or permit2")

    def amount(self, price: int) -> int:
        """A price in millionths of a dollar as atomic units; rounded up where the asset is coarser."""
        if self.decimals >= PRICE_DECIMALS:
            return price * int(10 ** (self.decimals - PRICE_DECIMALS))
        return -(-price // int(10 ** (PRICE_DECIMALS - self.decimals)))

    def charge(self, price: int) -> int:
        """What a metered call cost, in millionths of a dollar, as atomic units; rounded down, in the buyer's favour."""
        return price * int(10**self.decimals) // int(10**PRICE_DECIMALS)

    def price(self, amount: int) -> int:
        """Atomic units as millionths of a dollar, for sums over several assets; rounded down."""
        return amount * int(10**PRICE_DECIMALS) // int(10**self.decimals)


@dataclass(frozen=True, slots=True)
class Contract:
    """A deployed contract and its ABI (JSON)."""

    address: str
    abi: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Market:
    """One network to trade on. `delegate` is the delegate wallet's address; `contracts` the deployments by name.

    The first of `assets` is the one that DELEGATE contracts are made for. `factories` (checksummed) may make wallets of
    payers at the facilitator's expense. `execution_gas` is the most that running one callback may use. `test`: its
    money is worth nothing.
    """

    chain_id: int
    assets: tuple[Asset, ...]
    delegate: str
    contracts: Mapping[str, Contract]
    factories: frozenset[str] = frozenset()
    execution_gas: int = EXECUTION_GAS
    test: bool = False

    @property
    def network(self) -> str:
        """The CAIP-2 name."""
        return caip2(self.chain_id)

    @property
    def executor(self) -> str | None:
        """The address of the executor of scheme delegate, where there is one."""
        found = self.contracts.get(EXECUTOR)
        return found.address if found else None

    @property
    def asset(self) -> Asset:
        """The first asset."""
        return self.assets[0]

    def asset_at(self, address: str) -> Asset | None:
        """The asset with that address (checksummed), if this market takes it."""
        return next((asset for asset in self.assets if asset.address == address), None)

    def domain(self, asset: Asset) -> TokenDomain:
        """An asset's EIP-712 domain on this network."""
        return TokenDomain(asset.name, asset.version, self.chain_id, asset.address)


@dataclass(frozen=True, slots=True)
class Merchant:
    """A provider: `pay_to` receives DIRECT payments; `key_digest` is SHA-256 of its API key.

    `former_digest` is that of the key before it, which counts until `former_until`. `api_secret` and `former_secret`
    are names of secrets (`WebhookKeys.api_secret`); without one its back end makes no orders. `callback` names the
    deployed contract that its orders' money is handed to; none where it comes straight to `pay_to`.
    """

    id: str
    name: str
    pay_to: str
    key_digest: bytes
    former_digest: bytes | None = None
    former_until: datetime | None = None
    api_secret: str | None = None
    former_secret: str | None = None
    former_secret_until: datetime | None = None
    callback: str | None = None
    logo: str = ""

    def digests(self, now: datetime) -> tuple[bytes, ...]:
        """Of every key that is good now."""
        if self.former_digest is None or self.former_until is None or now >= self.former_until:
            return (self.key_digest,)
        return self.key_digest, self.former_digest

    def secret_names(self, now: datetime) -> tuple[str, ...]:
        """Of every secret that is good now."""
        former = self.former_secret if self.former_secret_until and now < self.former_secret_until else None
        return tuple(name for name in (self.api_secret, former) if name)


def key_digest(key: str) -> bytes:
    """What is kept of an API key: SHA-256, for keys are long and random."""
    return hashlib.sha256(key.encode()).digest()
