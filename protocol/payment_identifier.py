"""The x402 extension payment-identifier: a client's own name for a purchase, so that it is made once."""

import re
from typing import Any

import msgspec

from protocol.errors import ProtocolError

EXTENSION = "payment-identifier"
SHORTEST, LONGEST = 16, 128

_IDENTIFIER = re.compile(f"[A-Za-z0-9_-]{{{SHORTEST},{LONGEST}}}", re.ASCII)


class _Info(msgspec.Struct):
    required: bool = False
    id: str | msgspec.UnsetType = msgspec.UNSET


class _Extension(msgspec.Struct):
    info: _Info


def declaration(*, required: bool) -> dict[str, Any]:
    """The extension as it stands in a 402."""
    return {
        "info": {"required": required},
        "schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "required": {"type": "boolean"},
                "id": {
                    "type": "string",
                    "minLength": SHORTEST,
                    "maxLength": LONGEST,
                    "pattern": "^[a-zA-Z0-9_-]+$",
                },
            },
            "required": ["required"],
        },
    }


def read(extensions: dict[str, Any] | None) -> str | None:
    """The identifier in a payment's extensions; None where the client gave none and only echoed the declaration.

    Raises ProtocolError(`invalid_payload`) for another type or another spelling.
    """
    if not extensions or EXTENSION not in extensions:
        return None
    try:
        found = msgspec.convert(extensions[EXTENSION], _Extension).info.id
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_payload", f"extension {EXTENSION}: {error}") from error
    if isinstance(found, msgspec.UnsetType):
        return None
    if not _IDENTIFIER.fullmatch(found):
        raise ProtocolError(
            "invalid_payload", f"extension {EXTENSION}: id must be {SHORTEST} to {LONGEST} of A–Z a–z 0–9 _ -"
        )
    return found
