"""The official SDK's extensions, each by itself: importing all at once wants packages that no test needs."""

import importlib
import sys
import types
from pathlib import Path
from typing import Any

import x402

from tests.stack.siwe import text

_PACKAGE = "x402.extensions"


def extension(name: str) -> Any:
    """The module `x402.extensions.<name>`."""
    if _PACKAGE not in sys.modules:
        package = types.ModuleType(_PACKAGE)
        package.__path__ = [str(Path(x402.__file__).parent / "extensions")]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")


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
