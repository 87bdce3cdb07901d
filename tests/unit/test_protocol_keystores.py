"""Keystores: opened with their password, and anything else is one error that repeats nothing."""

import json
import sys

import pytest
from eth_account import Account

from protocol.errors import ProtocolError
from protocol.keystores import open_keystore

KEY, PASSWORD = bytes(range(1, 33)), "a pass word"
SCRYPT = Account.encrypt(KEY, PASSWORD, kdf="scrypt", iterations=2)
PBKDF2 = Account.encrypt(KEY, PASSWORD, kdf="pbkdf2", iterations=2)


def changed(keystore, value, *path):
    """The text of a keystore with one member in another way; None takes it out."""
    made = json.loads(json.dumps(keystore))
    place = made
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(made)


@pytest.mark.parametrize("keystore", [SCRYPT, PBKDF2], ids=["scrypt", "pbkdf2"])
def test_both_kinds_are_opened(keystore):
    assert open_keystore(json.dumps(keystore), PASSWORD) == KEY


def test_names_in_capitals_are_the_same_names():
    old = {"Version": 3, "Crypto": {name.upper(): value for name, value in SCRYPT["crypto"].items()}}
    assert open_keystore(json.dumps(old), PASSWORD) == KEY


@pytest.mark.parametrize("keystore", [SCRYPT, PBKDF2], ids=["scrypt", "pbkdf2"])
def test_another_password_is_told_and_not_repeated(keystore):
    with pytest.raises(ProtocolError, match="the password does not open it") as raised:
        open_keystore(json.dumps(keystore), "wrong-word")
    assert "wrong-word" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '"0x' + "11" * 32 + '"',
        changed(SCRYPT, 4, "version"),
        changed(SCRYPT, "1", "version"),
        changed(SCRYPT, None, "crypto"),
        changed(SCRYPT, [], "crypto"),
        changed(SCRYPT, "argon2", "crypto", "kdf"),
        changed(SCRYPT, "pbkdf2", "crypto", "kdf"),
        changed(SCRYPT, "aes-256-gcm", "crypto", "cipher"),
        changed(SCRYPT, 7, "crypto", "mac"),
        changed(SCRYPT, "0x1", "crypto", "ciphertext"),
        changed(SCRYPT, "zz", "crypto", "cipherparams", "iv"),
        changed(SCRYPT, "many", "crypto", "kdfparams", "n"),
        changed(SCRYPT, 0, "crypto", "kdfparams", "dklen"),
        changed(PBKDF2, "md5", "crypto", "kdfparams", "prf"),
        changed(PBKDF2, "hmac-md5", "crypto", "kdfparams", "prf"),
        changed(PBKDF2, None, "crypto", "kdfparams", "c"),
    ],
)
def test_what_is_no_keystore_is_told_so(text):
    with pytest.raises(ProtocolError, match="no Ethereum keystore of version 3"):
        open_keystore(text, PASSWORD)


def test_what_is_nested_without_end_is_told_so():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)  # as our processes have it (test_process_depth.py); py-evm raises it in this one
    try:
        with pytest.raises(ProtocolError, match="no Ethereum keystore of version 3"):
            open_keystore("[" * 100_000, PASSWORD)
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize(
    "text", [changed(SCRYPT, 3, "crypto", "kdfparams", "n"), changed(SCRYPT, "ff" * 99, "crypto", "cipherparams", "iv")]
)
def test_what_cannot_be_reckoned_with_does_not_open(text):
    with pytest.raises(ProtocolError, match="does not open it"):
        open_keystore(text, PASSWORD)
