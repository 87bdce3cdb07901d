"""Money on the wire: decimal strings of atomic units, read strictly and written for people."""

import re

from protocol.errors import ProtocolError

UINT256_MAX = 2**256 - 1
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,77})", re.ASCII)


def parse_uint(text: object, field: str) -> int:
    """An unsigned 256-bit integer from its canonical decimal string.

    Refuses everything that has a second spelling: signs, leading zeros, exponents, hexadecimal,
    white space, digits outside ASCII, and numbers that are not strings.
    """
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise ProtocolError("invalid_payload", f'{field} must be a decimal string of atomic units, like "10000"')
    value = int(text)
    if value > UINT256_MAX:
        raise ProtocolError("invalid_payload", f"{field} does not fit into 256 bits")
    return value


def parse_amount(text: object, field: str = "amount") -> int:
    """A price in atomic units: as `parse_uint`, and above zero."""
    value = parse_uint(text, field)
    if value == 0:
        raise ProtocolError("invalid_payload", f"{field} must be above zero")
    return value


def display(amount: int, decimals: int) -> str:
    """Atomic units as a plain decimal number for people: 1250000 with 6 decimals is "1.25"."""
    if amount < 0:
        return "-" + display(-amount, decimals)
    whole, fraction = divmod(amount, 10**decimals)
    digits = str(fraction).rjust(decimals, "0").rstrip("0") if fraction else ""
    return f"{whole}.{digits}" if digits else str(whole)


def atomic(text: str, decimals: int) -> int:
    """The inverse of `display`, for people's input such as "2.50"; refuses more decimals than the asset has."""
    match = re.fullmatch(r"([0-9]+)(?:\.([0-9]+))?", text, re.ASCII)
    if not match or len(match[2] or "") > decimals:
        raise ProtocolError("invalid_amount", f"{text!r} is not an amount with at most {decimals} decimals")
    return int(match[1]) * int(10**decimals) + int((match[2] or "").ljust(decimals, "0") or "0")
