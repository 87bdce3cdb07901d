"""The official SDK's extensions, each by itself: importing all at once wants packages that no test needs."""

import importlib
import sys
import types
from pathlib import Path
from typing import Any

import x402
from eth_account.signers.local import LocalAccount
from x402.mechanisms.evm.exact import ExactEvmScheme
from x402.mechanisms.evm.signers import EthAccountSigner

from server.domain.market import Asset, Market
from tests.stack.siwe import text

_PACKAGE = "x402.extensions"


def extension(name: str) -> Any:
    """The module `x402.extensions.<name>`."""
    if _PACKAGE not in sys.modules:
        package = types.ModuleType(_PACKAGE)
        package.__path__ = [str(Path(x402.__file__).parent / "extensions")]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")


def payments(payer: LocalAccount, market: Market, *extensions: Any, asset: Asset | None = None) -> x402.x402Client:
    """The client as its documentation shows it, with one of the devnet's assets allowed, by default the first."""
    asset = asset or market.asset
    client = x402.x402Client()
    for extension in extensions:
        client.register_extension(extension)
    allowed = {"network": market.network, "asset": asset.address, "max_amount_per_payment": str(5 * 10**asset.decimals)}
    client.set_spend_controls({"allowed_assets": [allowed]})
    client.register("eip155:*", ExactEvmScheme(signer=EthAccountSigner(payer)))
    return client


class SiweMessage:
    """What the official client calls to write its text, over the tests' own writer."""

    def __init__(self, **members: Any) -> None:
        self._members = members

    def prepare_message(self) -> str:
        return text(**self._members)


def lend_siwe(monkeypatch: Any) -> None:
    """Put the tests' own writer of EIP-4361 texts where the official client looks for one."""
    module = types.ModuleType("siwe")
    module.SiweMessage = SiweMessage  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "siwe", module)
