"""Screening: whom this marketplace does business with."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Party(StrEnum):
    PAYER = "payer"
    PAYEE = "payee"


class Purpose(StrEnum):
    PURCHASE = "purchase"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`listed` names the list that decided, for the operator's eyes; never what is on it."""

    allowed: bool
    listed: str = ""


class Screening(Protocol):
    """Says whether an address may be a party to a payment. Raises ScreeningUnavailable when it cannot tell."""

    async def check(self, address: str, party: Party, purpose: Purpose) -> Verdict:
        """The verdict of this moment on a checksummed address. Changes nothing, and may be asked again."""


class OpenScreening:
    """The marketplace that screens nobody: the default."""

    async def check(self, address: str, party: Party, purpose: Purpose) -> Verdict:
        return Verdict(allowed=True)
