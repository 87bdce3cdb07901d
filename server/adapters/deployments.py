"""The deployments file that `scripts.deploy` writes: the asset, and every contract's address and ABI."""

from pathlib import Path
from typing import Any

import msgspec

from server.domain.errors import ConfigurationError
from server.domain.market import Asset, Contract, Market


def read_market(path: Path, delegate: str) -> Market:
    """The market on one chain. Raises ConfigurationError when the file is missing or not of that shape."""
    try:
        content: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        contracts = {name: Contract(item["address"], tuple(item["abi"])) for name, item in content["contracts"].items()}
        return Market(content["chain_id"], Asset(**content["asset"]), delegate, contracts)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} does not exist; run `make up`, or deploy with `python -m scripts.deploy`"
        ) from error
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is not a deployments file ({error}); write it again with scripts.deploy"
        ) from error
