"""Ethereum keystores (JSON, version 3): read by their schema first, so that what is none is told in words."""

from typing import Annotated, Any, Literal

import msgspec
from eth_account import Account
from msgspec import Meta, Struct

from protocol.errors import ProtocolError

_INVALID = "invalid_keystore"
Hex = Annotated[str, Meta(pattern="^(?:0x)?(?:[0-9a-fA-F]{2})+$")]
Count = Annotated[int, Meta(ge=1)]
Length = Annotated[int, Meta(ge=32)]


class _Cipher(Struct):
    iv: Hex


class _ScryptWork(Struct):
    salt: Hex
    n: Count
    r: Count
    p: Count
    dklen: Length


class _Pbkdf2Work(Struct):
    salt: Hex
    c: Count
    prf: Literal["hmac-sha256"]
    dklen: Length


class _Scrypt(Struct, tag_field="kdf", tag="scrypt"):
    cipher: Literal["aes-128-ctr"]
    cipherparams: _Cipher
    ciphertext: Hex
    mac: Hex
    kdfparams: _ScryptWork


class _Pbkdf2(Struct, tag_field="kdf", tag="pbkdf2"):
    cipher: Literal["aes-128-ctr"]
    cipherparams: _Cipher
    ciphertext: Hex
    mac: Hex
    kdfparams: _Pbkdf2Work


class _Keystore(Struct):
    version: Literal[3]
    crypto: _Scrypt | _Pbkdf2


def open_keystore(text: str, password: str) -> bytes:
    """The 32-byte key in a keystore. Raises ProtocolError(`invalid_keystore`), which repeats nothing of either."""
    try:
        written = _lowered(msgspec.json.decode(text))
        msgspec.convert(written, _Keystore)
    except (msgspec.DecodeError, RecursionError):
        raise ProtocolError(_INVALID, "it is no Ethereum keystore of version 3") from None
    try:
        return bytes(Account.from_key(Account.decrypt(written, password)).key)
    except ValueError:
        raise ProtocolError(_INVALID, "the password does not open it") from None


def _lowered(value: Any) -> Any:
    """With the names of members in lower case: some wallets write `Crypto`."""
    if isinstance(value, dict):
        return {str(name).lower(): _lowered(member) for name, member in value.items()}
    return value
