"""Where a process finds a signing key: in the environment, in a keystore file, or with a remote signer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from protocol.errors import ProtocolError
from protocol.signatures import parse_address
from server.domain.errors import ConfigurationError

FORMS = ("KEY", "KEYSTORE", "SIGNER")
"""A key `PADDOCK_X` is given by one of `PADDOCK_X_KEY`, `PADDOCK_X_KEYSTORE` and `PADDOCK_X_SIGNER`."""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class KeySource:
    """One of the forms, or none; `name` begins the variables' names. `secret_file` is a password or a bearer token."""

    name: str
    key: str = field(default="", repr=False)
    keystore: Path | None = None
    signer_url: str = field(default="", repr=False)
    signer_address: str = ""
    secret_file: Path | None = None

    @property
    def given(self) -> bool:
        """Whether it is any of the forms."""
        return bool(self.key or self.keystore or self.signer_url)


def forms(name: str) -> tuple[str, ...]:
    """The variables of which one gives the key."""
    return tuple(f"{name}_{form}" for form in FORMS)


def read_key_source(environ: Mapping[str, str], name: str, default: str) -> KeySource:
    """The source of one key; `default` is its hex where nothing else is given. Raises ConfigurationError."""
    given = {variable: environ.get(variable, "") for variable in forms(name)}
    files = {suffix: environ.get(f"{name}_{suffix}", "") for suffix in ("PASSWORD_FILE", "SIGNER_TOKEN_FILE")}
    chosen = [variable for variable, value in given.items() if value]
    if len(chosen) > 1:
        raise ConfigurationError(f"{' and '.join(chosen)} are both set; a key has one place, so keep one of them")
    form = chosen[0].removeprefix(f"{name}_") if chosen else ""
    for suffix, owner in (("PASSWORD_FILE", "KEYSTORE"), ("SIGNER_TOKEN_FILE", "SIGNER")):
        if bool(files[suffix]) != (form == owner):
            raise ConfigurationError(f"{name}_{owner} and {name}_{suffix} go together; set both or neither")
    if form == "KEYSTORE":
        return KeySource(name, keystore=Path(given[chosen[0]]), secret_file=Path(files["PASSWORD_FILE"]))
    if form == "SIGNER":
        url, address = _remote(chosen[0], given[chosen[0]])
        return KeySource(name, signer_url=url, signer_address=address, secret_file=Path(files["SIGNER_TOKEN_FILE"]))
    return KeySource(name, key=environ.get(f"{name}_KEY", default))


def read_key_sources(environ: Mapping[str, str], name: str, default: str) -> tuple[KeySource, ...]:
    """The sources of several keys of one use: hex separated by commas, or one of the other forms."""
    source = read_key_source(environ, name, default)
    return tuple(replace(source, key=key.strip()) for key in source.key.split(",")) if source.key else (source,)


def _remote(variable: str, text: str) -> tuple[str, str]:
    """`https://host/path#0xaddress` as (URL, address); plain http stays on this machine, for it carries a token."""
    url, _, fragment = text.partition("#")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise ConfigurationError(f"{variable} must read like https://signer.example/path#0x<address>")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigurationError(f"{variable} needs https off this machine: its requests carry a bearer token")
    try:
        return url.rstrip("/"), parse_address(fragment, variable)
    except ProtocolError as error:
        raise ConfigurationError(f"{variable} must end with # and the address of its key: {error.detail}") from None
