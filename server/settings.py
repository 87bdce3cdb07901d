"""Settings from environment variables with the prefix PADDOCK_; `.env.example` explains each of them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from server.domain.errors import ConfigurationError

TOP = Path(__file__).resolve().parents[1]
EMBEDDED = "embedded"
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", re.ASCII)
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

# Keys of anvil's public mnemonic: worth nothing, known to everyone, and refused on every other network.
DEVNET_SECRETS = {
    "PADDOCK_QUOTE_KEYS": "1:" + "70" * 32,
    "PADDOCK_SETTLEMENT_KEY": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "PADDOCK_DELEGATE_KEY": "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "PADDOCK_RECEIPT_KEY": "0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "PADDOCK_OPERATOR_TOKEN": "devnet-operator",
    "PADDOCK_MERCHANT_KEY": "devnet-merchant",
}


NEEDS = {
    "server": ("PADDOCK_QUOTE_KEYS", "PADDOCK_RECEIPT_KEY", "PADDOCK_OPERATOR_TOKEN", "PADDOCK_DELEGATE_ADDRESS"),
    "worker": ("PADDOCK_DELEGATE_KEY", "PADDOCK_RECEIPT_KEY", "PADDOCK_DELEGATE_ADDRESS"),
    "facilitator": ("PADDOCK_SETTLEMENT_KEY",),
    "migrate": ("PADDOCK_MERCHANT_KEY", "PADDOCK_MERCHANT_PAY_TO"),
    "reconcile": ("PADDOCK_DELEGATE_ADDRESS",),
    "switch": (),
}
"""What each role must be given off the devnet; no process is asked for a secret that it does not use."""


@dataclass(frozen=True)
class Settings:
    """One process's settings; a field is the variable's name in lower case, without the prefix."""

    devnet: bool
    database_url: str
    broker_url: str
    rpc_url: str
    deployments: Path
    facilitator_url: str
    origins: tuple[str, ...]
    host: str
    port: int
    finality: int
    payer_orders: int
    route_runs: int
    cool_off_failures: int
    cool_off_seconds: int
    ready_file: Path | None
    delegate_address: str
    merchant_id: str
    merchant_name: str
    merchant_pay_to: str
    quote_keys: str = field(repr=False)
    settlement_key: str = field(repr=False)
    delegate_key: str = field(repr=False)
    receipt_key: str = field(repr=False)
    operator_token: str = field(repr=False)
    merchant_key: str = field(repr=False)

    @property
    def embedded_facilitator(self) -> bool:
        """Whether the facilitator runs inside the server process."""
        return self.facilitator_url == EMBEDDED

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything in here that no log may show, each key also without its 0x or its id."""
        given = [getattr(self, one.name) for one in fields(self) if not one.repr]
        parts = [part.rpartition(":")[2].removeprefix("0x") for value in given for part in value.split(",")]
        return tuple(dict.fromkeys((*given, *parts)))


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
        rpc_url=environ.get("PADDOCK_RPC_URL", "http://127.0.0.1:8545"),
        deployments=Path(environ.get("PADDOCK_DEPLOYMENTS", TOP / "deployments" / "31337.json")),
        facilitator_url=environ.get("PADDOCK_FACILITATOR_URL", EMBEDDED),
        origins=_origins(environ.get("PADDOCK_ORIGINS", f"http://127.0.0.1:{port}")),
        host=environ.get("PADDOCK_HOST", "127.0.0.1"),
        port=port,
        finality=_integer(environ, "PADDOCK_FINALITY", 2 if devnet else 12),
        payer_orders=_positive(environ, "PADDOCK_PAYER_ORDERS", 32),
        route_runs=_positive(environ, "PADDOCK_ROUTE_RUNS", 64),
        cool_off_failures=_positive(environ, "PADDOCK_COOL_OFF_FAILURES", 3),
        cool_off_seconds=_positive(environ, "PADDOCK_COOL_OFF_SECONDS", 600),
        ready_file=Path(environ["PADDOCK_READY_FILE"]) if environ.get("PADDOCK_READY_FILE") else None,
        delegate_address=environ.get("PADDOCK_DELEGATE_ADDRESS", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
        merchant_id=environ.get("PADDOCK_MERCHANT_ID", "paddock"),
        merchant_name=environ.get("PADDOCK_MERCHANT_NAME", "Paddock Devnet Services"),
        merchant_pay_to=environ.get("PADDOCK_MERCHANT_PAY_TO", "0x90F79bf6EB2c4f870365E785982E1f101E93b906"),
        quote_keys=secrets["PADDOCK_QUOTE_KEYS"],
        settlement_key=secrets["PADDOCK_SETTLEMENT_KEY"],
        delegate_key=secrets["PADDOCK_DELEGATE_KEY"],
        receipt_key=secrets["PADDOCK_RECEIPT_KEY"],
        operator_token=secrets["PADDOCK_OPERATOR_TOKEN"],
        merchant_key=secrets["PADDOCK_MERCHANT_KEY"],
    )
    _check_places(settings, role)
    return settings


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
        if not environ.get(name):
            raise ConfigurationError(f"{name} is not set; see .env.example (PADDOCK_DEVNET=1 fills it in on a devnet)")


def _check_places(settings: Settings, role: str) -> None:
    """A devnet is near; off it the facilitator stands alone."""
    if settings.devnet:
        host = urlsplit(settings.rpc_url).hostname or ""
        if host not in _LOOPBACK and "." in host:
            raise ConfigurationError("PADDOCK_DEVNET=1 needs an anvil on loopback or on the Compose network")
    elif settings.embedded_facilitator and role == "server":
        raise ConfigurationError("PADDOCK_FACILITATOR_URL: the embedded facilitator is for the devnet; give its URL")


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "0").lower()
    if value not in ("0", "1", "true", "false"):
        raise ConfigurationError(f"{name} is {value!r}; set it to 1 or 0")
    return value in ("1", "true")


def _integer(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name, str(default))
    if not value.isdecimal():
        raise ConfigurationError(f"{name} is {value!r}; set it to a whole number")
    return int(value)


def _positive(environ: Mapping[str, str], name: str, default: int) -> int:
    value = _integer(environ, name, default)
    if value == 0:
        raise ConfigurationError(f"{name} is 0, which lets nobody in; to stop all settlement use `paddock pause`")
    return value


def _origins(text: str) -> tuple[str, ...]:
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
