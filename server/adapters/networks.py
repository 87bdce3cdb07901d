"""What is traded where: `networks.toml` for networks that everybody has, a deployments file for our own contracts."""

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from protocol.payment import Method
from protocol.signatures import parse_address
from server.domain.errors import ConfigurationError
from server.domain.market import Asset, Contract, Market
from server.domain.reputation import IDENTITY_REGISTRY, REPUTATION_REGISTRY


@dataclass(frozen=True, slots=True)
class Depths:
    """How deep a block must be: for an answer to leave, and to count as final. None: as the settings say."""

    confirmations: int | None = None
    finality: int | None = None


def read_deployments(paths: Iterable[Path], delegate: str) -> dict[str, Market]:
    """The markets of deployments files (written by `scripts.deploy`), by network, in the order of the files.

    Raises ConfigurationError when a file is missing or not of that shape.
    """
    markets = [_read_deployment(path, delegate) for path in paths]
    return {market.network: market for market in markets}


@dataclass(frozen=True, slots=True)
class Known:
    """What `networks.toml` says of a network; `contracts` are those that others deployed, by our names.

    `test`: its money is worth nothing.
    """

    assets: tuple[Asset, ...] = ()
    depths: Depths = Depths()
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    test: bool = False


def read_networks(path: Path) -> dict[str, Known]:
    """The networks of `networks.toml`, by name. Raises ConfigurationError."""
    try:
        content = tomllib.loads(path.read_text())["networks"]
        return {
            name: Known(
                _assets(one["assets"]),
                Depths(one["confirmations"], one["finality"]),
                _registries(one),
                one.get("test", False) is True,
            )
            for name, one in content.items()
        }
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path} is not a networks.toml: {error}") from error


def market_of(network: str, chain_id: int, deployed: dict[str, Market], known: Known, delegate: str) -> Market:
    """The market of a network: what was deployed there, and what is known of it. Raises ConfigurationError."""
    own = deployed.get(network)
    assets = own.assets if own else known.assets
    if not assets:
        raise ConfigurationError(
            f"nothing is known of {network}: deploy there with `python -m scripts.deploy` and name the file in "
            "PADDOCK_DEPLOYMENTS, or add its assets to networks.toml"
        )
    return Market(chain_id, assets, delegate, {**known.contracts, **(own.contracts if own else {})}, test=known.test)


def require_apart(markets: Collection[Market]) -> None:
    """Raises ConfigurationError for test networks beside others: what is sold would be had for money worth nothing."""
    tests = [market.network for market in markets if market.test]
    if 0 < len(tests) < len(markets):
        raise ConfigurationError(
            f"PADDOCK_RPC_URL names test networks ({', '.join(tests)}) beside others, and each service would be sold "
            "for money that is worth nothing; run a marketplace of its own on them, with a database of its own"
        )


def _read_deployment(path: Path, delegate: str) -> Market:
    try:
        content: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        contracts = {name: Contract(item["address"], tuple(item["abi"])) for name, item in content["contracts"].items()}
        return Market(content["chain_id"], _assets(content["assets"]), delegate, contracts)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} does not exist; run `make up`, or deploy with `python -m scripts.deploy`"
        ) from error
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is not a deployments file ({error}); write it again with scripts.deploy"
        ) from error


def _assets(rows: Sequence[dict[str, Any]]) -> tuple[Asset, ...]:
    return tuple(
        Asset(**row | {"address": parse_address(row["address"], "address"), "method": Method(row["method"])})
        for row in rows
    )


def _registries(row: dict[str, Any]) -> dict[str, Contract]:
    """ERC-8004's, where the network has them."""
    given = row.get("registries", {})
    names = {"identity": IDENTITY_REGISTRY, "reputation": REPUTATION_REGISTRY}
    return {name: Contract(parse_address(given[key], key), ()) for key, name in names.items() if given}
