"""A wallet written down as words (BIP-39): read from a private file, turned into one account, never repeated."""

import os
import stat
from pathlib import Path

from eth_account import Account
from eth_account.hdaccount import ETHEREUM_DEFAULT_PATH, key_from_seed, seed_from_mnemonic
from eth_account.signers.local import LocalAccount

from agent.errors import WalletError

DEFAULT_PATH = ETHEREUM_DEFAULT_PATH
_LARGEST = 4096
"""Bytes of a file of words; 24 of the longest take less than 300."""


def account_of_words(path: Path, derivation: str) -> LocalAccount:
    """The account that the words in a file give by a derivation path. Raises WalletError, with no word of them."""
    try:
        account: LocalAccount = Account.from_key(key_from_seed(seed_from_mnemonic(_words(path), ""), derivation))
    except WalletError:
        raise
    except Exception:  # the library's errors quote the words: none may be chained
        hint = f"give 12 to 24 BIP-39 words on one line, and a path like {DEFAULT_PATH}"
        raise WalletError(f"{path} and the derivation path give no account", hint) from None
    return account


def _words(path: Path) -> str:
    """The words of a file that nobody else may read."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise WalletError(f"others may read {path}, which is a whole wallet", f"chmod 600 {path}")
            return " ".join(file.read(_LARGEST).decode().split())
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__
        raise WalletError(f"the words in {path} cannot be read ({kind})", "check its path") from None
