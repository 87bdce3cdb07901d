"""Screening by lists in a file, read again whenever the file changes."""

import logging
import tomllib
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import ProtocolError
from protocol.signatures import parse_address
from server.domain.errors import ConfigurationError
from server.ports import Party, Purpose, Verdict

log = logging.getLogger(__name__)

NOT_ALLOWED = "no allow list"


@dataclass(frozen=True, slots=True)
class Lists:
    """Address → the name of its list."""

    allow: dict[str, str]
    deny: dict[str, str]


class ListScreening:
    """Implements ports.Screening on a TOML file of named lists of addresses.

    `[deny]`: neither pays, is paid, nor is refunded. `[allow]`: where there is any list, only its payers buy. Deny goes
    before allow. A file that turns unreadable leaves the lists as they were, and says so in the log.
    """

    def __init__(self, path: Path) -> None:
        """Raises ConfigurationError if the file cannot be read: nobody is sold to by no lists at all."""
        self._path = path
        self._stamp = self._look()
        try:
            self._lists = read_lists(path)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"PADDOCK_SCREENING_FILE: {path.name} cannot be used: {error}") from error

    async def check(self, address: str, party: Party, purpose: Purpose) -> Verdict:
        lists = self._newest()
        if address in lists.deny:
            return Verdict(False, lists.deny[address])
        if lists.allow and (party, purpose) == (Party.PAYER, Purpose.PURCHASE) and address not in lists.allow:
            return Verdict(False, NOT_ALLOWED)
        return Verdict(True)

    def _newest(self) -> Lists:
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._lists = read_lists(self._path)
                log.info("the screening lists were read again")
            except (OSError, ValueError) as error:
                log.error("the screening file cannot be used, the lists stay as they were: %s", error)
        return self._lists

    def _look(self) -> tuple[int, int, int] | None:
        """What changes with the file's content; None while there is none."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def read_lists(path: Path) -> Lists:
    """The lists in a file. Raises OSError, or ValueError that names the list and never an address on it."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = tables.keys() - {"allow", "deny"}
    if unknown:
        raise ValueError(f"there are tables [allow] and [deny], and no [{min(unknown)}]")
    return Lists(_by_address(tables.get("allow", {})), _by_address(tables.get("deny", {})))


def _by_address(table: object) -> dict[str, str]:
    if not isinstance(table, dict):
        raise ValueError("allow and deny are tables of lists")
    found: dict[str, str] = {}
    for name, addresses in table.items():
        if not isinstance(addresses, list):
            raise ValueError(f"{name} is not a list of addresses")
        for number, address in enumerate(addresses, 1):
            try:
                found.setdefault(parse_address(address, name), name)
            except ProtocolError as error:
                raise ValueError(f"entry {number} of {name} is not a 20-byte address in 0x-hex") from error
    return found
