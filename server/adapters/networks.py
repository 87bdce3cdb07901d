"""What is traded where: `networks.toml` for networks that everybody has, a deployments file for our own contracts."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from protocol.payment import Method
from protocol.signatures import parse_address
from server.domain.errors import ConfigurationError
from server.domain.market import Asset, Contract, Market


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


def read_networks(path: Path) -> dict[str, tuple[tuple[Asset, ...], Depths]]:
    """The assets and depths of `networks.toml`, by network. Raises ConfigurationError."""
    try:
        content = tomllib.loads(path.read_text())["networks"]
        return {
            name: (_assets(one["assets"]), Depths(one["confirmations"], one["finality"]))
            for name, one in content.items()
        }
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path} is not a networks.toml: {error}") from error


def market_of(
    network: str, chain_id: int, deployed: dict[str, Market], known: Sequence[Asset], delegate: str
) -> Market:
    """The market of a network: what was deployed there, and the assets known of it. Raises ConfigurationError."""
    own = deployed.get(network)
    assets = own.assets if own else tuple(known)
    if not assets:
        raise ConfigurationError(
            f"nothing is known of {network}: deploy there with `python -m scripts.deploy` and name the file in "
            "PADDOCK_DEPLOYMENTS, or add its assets to networks.toml"
        )
    return Market(chain_id, assets, delegate, own.contracts if own else {})


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
