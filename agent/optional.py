"""Modules that need the packages of an extra, loaded when they are first needed."""

from importlib import import_module
from types import ModuleType

from agent.errors import SettingsError


def load(module: str, extra: str, *packages: str) -> ModuleType:
    """The module. Raises SettingsError, naming the extra, where one of its packages is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in packages:
            raise
        raise SettingsError(
            f"this needs the Python package {missing}", f"install it with: pip install 'paddock[{extra}]'"
        ) from error
