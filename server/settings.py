"""Settings from environment variables with the prefix PADDOCK_; `.env.example` explains each of them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from server.domain.errors import ConfigurationError
from server.key_sources import LOOPBACK, KeySource, forms, read_key_source, read_key_sources

TOP = Path(__file__).resolve().parents[1]
DEPLOYMENTS = TOP / "deployments" / "31337.json"
EMBEDDED = "embedded"
_SHORT_NAME = re.compile(r"[a-z][\w-]*", re.ASCII)
_PLAIN_URL = re.compile(r"(?P<scheme>https?)://(?P<host>[\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?(/[\w./~%-]*)?", re.ASCII)

# Keys of anvil's public mnemonic: worth nothing, known to everyone, and refused on every other network.
DEVNET_SECRETS = {
    "PADDOCK_QUOTE_KEYS": "1:" + "70" * 32,
    "PADDOCK_SETTLEMENT_KEY": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "PADDOCK_DELEGATE_KEY": "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "PADDOCK_FLOAT_KEY": "0xf214f2b2cd398c806f84e317254e0f0b801d0643303237d97a22a48e01628897",
    "PADDOCK_RECEIPT_KEY": "0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "PADDOCK_OPERATOR_TOKEN": "devnet-operator",
    "PADDOCK_MERCHANT_KEY": "devnet-merchant",
}


NEEDS = {
    "server": (
        "PADDOCK_QUOTE_KEYS",
        "PADDOCK_RECEIPT_KEY",
        "PADDOCK_OPERATOR_TOKEN",
        "PADDOCK_DELEGATE_ADDRESS",
        "PADDOCK_FACILITATOR_HOSTS",
    ),
    "worker": ("PADDOCK_DELEGATE_KEY", "PADDOCK_RECEIPT_KEY", "PADDOCK_DELEGATE_ADDRESS"),
    "facilitator": ("PADDOCK_SETTLEMENT_KEY",),
    "migrate": ("PADDOCK_MERCHANT_KEY", "PADDOCK_MERCHANT_PAY_TO"),
    "reconcile": ("PADDOCK_DELEGATE_ADDRESS",),
    "support": ("PADDOCK_DELEGATE_ADDRESS",),
}
"""What each role must be given off the devnet; no process is asked for a secret that it does not use."""
_SIGNING = ("PADDOCK_SETTLEMENT", "PADDOCK_DELEGATE", "PADDOCK_FLOAT", "PADDOCK_RECEIPT")
SIGNING_KEYS = {f"{name}_KEY": name for name in _SIGNING}
"""Those that may be given in another of `key_sources.FORMS` as well, by the variable of the first form."""


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


@dataclass(frozen=True)
class Settings:
    """One process's settings; a field is the variable's name in lower case, without the prefix."""

    devnet: bool
    database_url: str
    broker_url: str
    nodes: tuple[Nodes, ...]
    deployments: tuple[Path, ...]
    networks: Path
    rpc_quorum: int
    facilitator_url: str
    facilitator_hosts: tuple[str, ...]
    origins: tuple[str, ...]
    host: str
    port: int
    finality: int | None
    confirmations: int | None
    anchor_seconds: int
    ready_file: Path | None
    metrics_port: int
    delegate_cap: int
    delegate_gas_floor: int
    settlement_gas_floor: int
    screening_file: Path | None
    delegate_address: str
    merchant_id: str
    merchant_name: str
    merchant_pay_to: str
    settlement_keys: tuple[KeySource, ...]
    delegate_key: KeySource
    float_key: KeySource
    receipt_key: KeySource
    quote_keys: str = field(repr=False)
    operator_token: str = field(repr=False)
    merchant_key: str = field(repr=False)
    facilitator_token: str = field(repr=False)

    @property
    def embedded_facilitator(self) -> bool:
        """Whether the facilitator runs inside the server process."""
        return self.facilitator_url == EMBEDDED


def load(environ: Mapping[str, str] = os.environ, role: str = "server") -> Settings:
    """Read and check for a role of NEEDS. Raises ConfigurationError that names the variable and what to set."""
    devnet = _flag(environ, "PADDOCK_DEVNET")
    port = _integer(environ, "PADDOCK_PORT", 8402)
    secrets = {name: environ.get(name, default if devnet else "") for name, default in DEVNET_SECRETS.items()}
    if not devnet:
        _refuse_defaults(secrets)
        _require(environ, role)
    settings = Settings(
        devnet=devnet,
        database_url=environ.get("PADDOCK_DATABASE_URL", f"sqlite:///{TOP}/var/paddock.db"),
        broker_url=environ.get("PADDOCK_BROKER_URL", ""),
        nodes=read_nodes(environ.get("PADDOCK_RPC_URL", "http://127.0.0.1:8545")),
        deployments=tuple(map(Path, environ.get("PADDOCK_DEPLOYMENTS", str(DEPLOYMENTS)).split())),
        networks=Path(environ.get("PADDOCK_NETWORKS", TOP / "networks.toml")),
        rpc_quorum=_integer(environ, "PADDOCK_RPC_QUORUM", 0),
        facilitator_url=environ.get("PADDOCK_FACILITATOR_URL", EMBEDDED),
        facilitator_hosts=_hosts(environ.get("PADDOCK_FACILITATOR_HOSTS", "")),
        origins=_origins(environ.get("PADDOCK_ORIGINS", f"http://127.0.0.1:{port}")),
        host=environ.get("PADDOCK_HOST", "127.0.0.1"),
        port=port,
        finality=_depth(environ, "PADDOCK_FINALITY", 2 if devnet else None),
        confirmations=_depth(environ, "PADDOCK_CONFIRMATIONS", 1 if devnet else None),
        anchor_seconds=_integer(environ, "PADDOCK_ANCHOR_SECONDS", 5 if devnet else 60),
        ready_file=_path(environ, "PADDOCK_READY_FILE"),
        screening_file=_path(environ, "PADDOCK_SCREENING_FILE"),
        metrics_port=_integer(environ, "PADDOCK_METRICS_PORT", 0),
        delegate_cap=_integer(environ, "PADDOCK_DELEGATE_CAP", 0),
        delegate_gas_floor=_integer(environ, "PADDOCK_DELEGATE_GAS_FLOOR", 0),
        settlement_gas_floor=_integer(environ, "PADDOCK_SETTLEMENT_GAS_FLOOR", 0),
        delegate_address=environ.get("PADDOCK_DELEGATE_ADDRESS", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
        merchant_id=environ.get("PADDOCK_MERCHANT_ID", "paddock"),
        merchant_name=environ.get("PADDOCK_MERCHANT_NAME", "Paddock Devnet Services"),
        merchant_pay_to=environ.get("PADDOCK_MERCHANT_PAY_TO", "0x90F79bf6EB2c4f870365E785982E1f101E93b906"),
        quote_keys=secrets["PADDOCK_QUOTE_KEYS"],
        settlement_keys=read_key_sources(environ, "PADDOCK_SETTLEMENT", secrets["PADDOCK_SETTLEMENT_KEY"]),
        delegate_key=read_key_source(environ, "PADDOCK_DELEGATE", secrets["PADDOCK_DELEGATE_KEY"]),
        float_key=read_key_source(environ, "PADDOCK_FLOAT", secrets["PADDOCK_FLOAT_KEY"]),
        receipt_key=read_key_source(environ, "PADDOCK_RECEIPT", secrets["PADDOCK_RECEIPT_KEY"]),
        operator_token=secrets["PADDOCK_OPERATOR_TOKEN"],
        merchant_key=secrets["PADDOCK_MERCHANT_KEY"],
        facilitator_token=environ.get("PADDOCK_FACILITATOR_TOKEN", ""),
    )
    _check_places(settings, role)
    return settings


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


def read_quote_keys(text: str) -> tuple[int, dict[int, bytes]]:
    """`id:hex[,id:hex…]`, the current key first, as (current id, keys by id)."""
    keys: dict[int, bytes] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition(":")
        try:
            key_id, key = int(name), bytes.fromhex(value)
        except ValueError as error:
            raise ConfigurationError("PADDOCK_QUOTE_KEYS must read like 1:<64 hex digits>[,2:<…>]") from error
        if not 0 <= key_id <= 255 or len(key) < 32:
            raise ConfigurationError("PADDOCK_QUOTE_KEYS: ids go from 0 to 255, keys have at least 32 bytes")
        keys[key_id] = key
    return next(iter(keys)), keys


def _refuse_defaults(secrets: Mapping[str, str]) -> None:
    for name, default in DEVNET_SECRETS.items():
        if secrets[name] == default:
            raise ConfigurationError(f"{name} is the public devnet default; set your own, or PADDOCK_DEVNET=1 on anvil")


def _require(environ: Mapping[str, str], role: str) -> None:
    for name in NEEDS[role]:
        places = forms(SIGNING_KEYS[name]) if name in SIGNING_KEYS else (name,)
        if not any(environ.get(place) for place in places):
            name = " or ".join(places)
            raise ConfigurationError(f"{name} is not set; see .env.example (PADDOCK_DEVNET=1 fills it in on a devnet)")


def _check_places(settings: Settings, role: str) -> None:
    """A devnet is near; off it the facilitator stands alone, at a host that was named and behind TLS.

    Nodes are enough for their quorum.
    """
    if role == "server" and not settings.embedded_facilitator:
        _check_facilitator(settings)
    for nodes in settings.nodes:
        nodes.quorum(settings.rpc_quorum)
    if settings.devnet:
        hosts = [urlsplit(url).hostname or "" for nodes in settings.nodes for url in nodes.urls]
        if not all(map(_near, hosts)):
            raise ConfigurationError("PADDOCK_DEVNET=1 needs an anvil on loopback or on the Compose network")
    elif settings.embedded_facilitator and role == "server":
        raise ConfigurationError("PADDOCK_FACILITATOR_URL: the embedded facilitator is for the devnet; give its URL")


def _check_facilitator(settings: Settings) -> None:
    """Signed payments go to a plain URL of a host that was named; over TLS, unless they stay on this machine."""
    host, secure = _plain_url("PADDOCK_FACILITATOR_URL", settings.facilitator_url)
    if host not in settings.facilitator_hosts and not (settings.devnet and _near(host)):
        raise ConfigurationError(
            f"PADDOCK_FACILITATOR_URL is at {host}, which is not in PADDOCK_FACILITATOR_HOSTS; add it if you mean it"
        )
    if not settings.devnet and not secure and host not in LOOPBACK:
        raise ConfigurationError(f"PADDOCK_FACILITATOR_URL: payments go to {host} over https only")


def _plain_url(name: str, url: str) -> tuple[str, bool]:
    """Host, and whether it is reached over TLS. No credential, query or fragment belongs into such a URL."""
    match = _PLAIN_URL.fullmatch(url.lower())
    if not match:
        raise ConfigurationError(f"{name} must read like https://facilitator.example/facilitator")
    return match["host"].strip("[]"), match["scheme"] == "https"


def _near(host: str) -> bool:
    """Loopback, or a name without a dot, as services of Compose have."""
    return host in LOOPBACK or bool(_SHORT_NAME.fullmatch(host))


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "0").lower()
    if value not in ("0", "1", "true", "false"):
        raise ConfigurationError(f"{name} is {value!r}; set it to 1 or 0")
    return value in ("1", "true")


def _depth(environ: Mapping[str, str], name: str, default: int | None) -> int | None:
    """Blocks; None leaves it to `networks.toml`."""
    return _integer(environ, name, 0) if environ.get(name) else default


def _integer(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name) or str(default)
    if not value.isdecimal():
        raise ConfigurationError(f"{name} is {value!r}; set it to a whole number")
    return int(value)


def _hosts(text: str) -> tuple[str, ...]:
    found = tuple(part.strip().lower().strip("[]") for part in text.split(",") if part.strip())
    for host in found:
        if not re.fullmatch(r"[\w.-]+|[\da-f:.]+", host, re.ASCII):
            raise ConfigurationError(
                f"PADDOCK_FACILITATOR_HOSTS: {host!r} is not a host like facilitator.example, without scheme and port"
            )
    return found


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


def _origins(text: str) -> tuple[str, ...]:
    found = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path:
            raise ConfigurationError(f"PADDOCK_ORIGINS: {origin!r} is not an origin like https://paddock.example")
    if not found:
        raise ConfigurationError("PADDOCK_ORIGINS is empty; name at least the origin that buyers use")
    return found
