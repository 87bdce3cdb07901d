"""Reading single settings: flags, numbers, paths, nodes, hosts and keys; what is wrong is named with its variable."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from protocol.errors import ProtocolError
from protocol.signatures import parse_address
from server.domain.errors import ConfigurationError
from server.key_sources import LOOPBACK


@dataclass(frozen=True, slots=True)
class CorePlace:
    """A GOAT-compatible Core, and who this marketplace is there."""

    url: str
    merchant: str
    key: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BackEnds:
    """Whether merchants come by themselves (`joining`); what their back ends pay for an order, in millionths of a
    dollar; and the Core at which we are one."""

    joining: bool
    order_fee: int
    core: CorePlace | None


_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", re.ASCII)
_SHORT_NAME = re.compile(r"[a-z][\w-]*", re.ASCII)
_PLAIN_URL = re.compile(r"(?P<scheme>https?)://(?P<host>[\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?(/[\w./~%-]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of one network; without a name it is the network of the first deployments file.

    A URL may hold a secret, so none is shown.
    """

    network: str | None
    urls: tuple[str, ...] = field(repr=False)

    def quorum(self, wanted: int) -> int:
        """How many must agree: more than half, or two answers could both count. Raises ConfigurationError."""
        quorum = wanted or len(self.urls) // 2 + 1
        if not len(self.urls) < 2 * quorum <= 2 * len(self.urls):
            raise ConfigurationError(
                f"PADDOCK_RPC_QUORUM is {quorum}; with {len(self.urls)} nodes of one network set it to "
                f"{len(self.urls) // 2 + 1} to {len(self.urls)}"
            )
        return quorum


@dataclass(frozen=True, slots=True)
class WalletLimits:
    """What money keys should hold: atomic units of the asset at most and at least, and wei at least; zero for none."""

    delegate_cap: int
    float_floor: int
    delegate_gas_floor: int
    settlement_gas_floor: int


def read_wallet_limits(environ: Mapping[str, str]) -> WalletLimits:
    """Raises ConfigurationError for what is no number."""
    return WalletLimits(
        delegate_cap=integer(environ, "PADDOCK_DELEGATE_CAP", 0),
        float_floor=integer(environ, "PADDOCK_FLOAT_FLOOR", 0),
        delegate_gas_floor=integer(environ, "PADDOCK_DELEGATE_GAS_FLOOR", 0),
        settlement_gas_floor=integer(environ, "PADDOCK_SETTLEMENT_GAS_FLOOR", 0),
    )


def read_nodes(text: str) -> tuple[Nodes, ...]:
    """`[eip155:N=]URL[,URL…]`, one for each network, separated by white space; the first is home.

    Several URLs are several nodes of one network. Without a name it is the network of the first deployments file.
    """
    found: list[Nodes] = []
    for part in text.split():
        network, equals, urls = part.partition("=") if part.startswith("eip155:") else ("", "=", part)
        nodes = tuple(url for url in urls.split(",") if url)
        bad = any(urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname for url in nodes)
        if not equals or not nodes or bad or len(set(nodes)) < len(nodes):
            raise ConfigurationError(
                f"PADDOCK_RPC_URL: network number {len(found) + 1} must read like https://node.example or "
                "eip155:8453=https://node.example,https://another.example, no node twice, white space between networks"
            )
        found.append(Nodes(network or None, nodes))
    if not found:
        raise ConfigurationError("PADDOCK_RPC_URL is empty; name at least one node")
    return tuple(found)


def read_back_ends(environ: Mapping[str, str]) -> BackEnds:
    """By the names that GOAT's clients use. Raises ConfigurationError where part of a Core is missing."""
    names = ("GOATX402_API_URL", "GOATX402_MERCHANT_ID", "GOATX402_API_KEY", "GOATX402_API_SECRET")
    url, merchant, key, secret = (environ.get(name, "") for name in names)
    joining, fee = flag(environ, "PADDOCK_OPEN_REGISTRATION"), integer(environ, "PADDOCK_ORDER_FEE", 0)
    if not url:
        return BackEnds(joining, fee, None)
    if not (merchant and key and secret):
        raise ConfigurationError("GOATX402_API_URL also needs GOATX402_MERCHANT_ID, _API_KEY and _API_SECRET")
    host, secure = plain_url("GOATX402_API_URL", url)
    if not secure and host not in LOOPBACK:
        raise ConfigurationError(f"GOATX402_API_URL: orders go to {host} over https only")
    return BackEnds(joining, fee, CorePlace(url, merchant, key, secret))


def read_keys(text: str, variable: str) -> tuple[int, dict[int, bytes]]:
    """`id:hex[,id:hex…]`, the current key first, as (current id, keys by id)."""
    keys: dict[int, bytes] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition(":")
        try:
            key_id, key = int(name), bytes.fromhex(value)
        except ValueError as error:
            raise ConfigurationError(f"{variable} must read like 1:<64 hex digits>[,2:<…>]") from error
        if not 0 <= key_id <= 255 or len(key) < 32:
            raise ConfigurationError(f"{variable}: ids go from 0 to 255, keys have at least 32 bytes")
        keys[key_id] = key
    return next(iter(keys)), keys


def split(text: str) -> tuple[str, ...]:
    """What stands between commas: while a credential is rotated, the new one and the one before it."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def addresses(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Addresses between commas, checksummed."""
    try:
        return tuple(parse_address(part, name) for part in split(environ.get(name, "")))
    except ProtocolError as error:
        raise ConfigurationError(f"{name} must read like 0x<address>[,0x<address>]: {error.detail}") from None


def plain_url(name: str, url: str) -> tuple[str, bool]:
    """Host, and whether it is reached over TLS. No credential, query or fragment belongs into such a URL."""
    match = _PLAIN_URL.fullmatch(url.lower())
    if not match:
        raise ConfigurationError(f"{name} must read like https://facilitator.example/facilitator")
    return match["host"].strip("[]"), match["scheme"] == "https"


def near(host: str) -> bool:
    """Loopback, or a name without a dot, as services of Compose have."""
    return host in LOOPBACK or bool(_SHORT_NAME.fullmatch(host))


def address(environ: Mapping[str, str], name: str, default: str) -> str:
    """An account's address, with its checksum; empty where there is none."""
    value = environ.get(name, default)
    try:
        return parse_address(value, name) if value else ""
    except ProtocolError:
        raise ConfigurationError(f"{name} is {value!r}; set it to an address: 0x and 40 hexadecimal digits") from None


def flag(environ: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    value = environ.get(name, str(default)).lower()
    if value not in ("0", "1", "true", "false"):
        raise ConfigurationError(f"{name} is {value!r}; set it to 1 or 0")
    return value in ("1", "true")


def depth(environ: Mapping[str, str], name: str, default: int | None) -> int | None:
    """Blocks; None leaves it to `networks.toml`."""
    return integer(environ, name, 0) if environ.get(name) else default


def integer(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name) or str(default)
    if not value.isdecimal():
        raise ConfigurationError(f"{name} is {value!r}; set it to a whole number")
    return int(value)


def positive(environ: Mapping[str, str], name: str, default: int) -> int:
    value = integer(environ, name, default)
    if value == 0:
        raise ConfigurationError(f"{name} is 0, which lets nobody in; to stop all settlement use `paddock pause`")
    return value


def hosts(text: str) -> tuple[str, ...]:
    found = tuple(part.strip().lower().strip("[]") for part in text.split(",") if part.strip())
    for host in found:
        if not re.fullmatch(r"[\w.-]+|[\da-f:.]+", host, re.ASCII):
            raise ConfigurationError(
                f"PADDOCK_FACILITATOR_HOSTS: {host!r} is not a host like facilitator.example, without scheme and port"
            )
    return found


def path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


def origins(text: str) -> tuple[str, ...]:
    found = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    parts = [urlsplit(origin) for origin in found]
    for origin, part in zip(found, parts, strict=True):
        more = part.query or part.fragment or "@" in part.netloc or not _PREFIX.fullmatch(part.path)
        if part.scheme not in ("http", "https") or not part.netloc or more:
            raise ConfigurationError(f"PADDOCK_ORIGINS: {origin!r} is not like https://paddock.example[/prefix]")
    if not found:
        raise ConfigurationError("PADDOCK_ORIGINS is empty; name at least the origin that buyers use")
    if len({part.path for part in parts}) > 1:
        raise ConfigurationError("PADDOCK_ORIGINS: every origin must have the same path prefix")
    return found
