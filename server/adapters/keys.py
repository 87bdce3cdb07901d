"""Opens a signing key wherever its settings say that it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.adapters.remote_signer import RemoteSigner
from server.adapters.signers import LocalSigner
from server.domain.errors import ConfigurationError
from server.key_sources import KeySource
from server.ports import TransactionSigner


@asynccontextmanager
async def open_signer(source: KeySource, refused: frozenset[str] = frozenset()) -> AsyncIterator[TransactionSigner]:
    """The key, until the block's end. Raises ConfigurationError that names its variable and quotes no secret.

    `refused` are addresses of keys that everybody knows.
    """
    if source.signer_url:
        remote = RemoteSigner(source.signer_url, source.signer_address, _token(source))
        try:
            yield _unless_public(remote, source, refused)
        finally:
            await remote.close()
    else:
        yield _unless_public(_local(source), source, refused)


def address_of_key(key: str) -> str:
    """The address of a private key in hex."""
    return LocalSigner(key).address


def _local(source: KeySource) -> LocalSigner:
    if source.keystore and source.secret_file:
        return LocalSigner.from_keystore(source.name, source.keystore, source.secret_file)
    try:
        return LocalSigner(source.key)
    except Exception:  # eth-account raises several kinds, and may quote the key
        raise ConfigurationError(f"{source.name}_KEY is not a private key: 32 bytes in 0x-hex") from None


def _token(source: KeySource) -> str:
    assert source.secret_file is not None
    try:
        token = source.secret_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{source.name}_SIGNER_TOKEN_FILE cannot be read: {error}") from None
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigurationError(f"{source.name}_SIGNER_TOKEN_FILE must hold one line of visible ASCII, the token")
    return token


def _unless_public(signer: TransactionSigner, source: KeySource, refused: frozenset[str]) -> TransactionSigner:
    if signer.address in refused:
        raise ConfigurationError(
            f"{source.name}: {signer.address} is a public devnet key; make your own, or set PADDOCK_DEVNET=1 on anvil"
        )
    return signer
