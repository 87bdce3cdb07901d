"""Settings from environment variables with the prefix PADDOCK_; `.env.example` explains each of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from server.domain.errors import ConfigurationError
from server.domain.market import EXECUTION_GAS
from server.key_sources import LOOPBACK, KeySource, forms, read_key_source, read_key_sources
from server.setting_values import (
    BackEnds,
    Nodes,
    WalletLimits,
    address,
    addresses,
    depth,
    flag,
    hosts,
    integer,
    near,
    origins,
    path,
    plain_url,
    positive,
    read_back_ends,
    read_nodes,
    read_wallet_limits,
    split,
)

TOP = Path(__file__).resolve().parents[1]
DEPLOYMENTS = TOP / "deployments" / "31337.json"
EMBEDDED = "embedded"


# Keys of anvil's public mnemonic: worth nothing, known to everyone, and refused on every other network.
DEVNET_SECRETS = {
    "PADDOCK_QUOTE_KEYS": "1:" + "70" * 32,
    "PADDOCK_SETTLEMENT_KEY": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "PADDOCK_DELEGATE_KEY": "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "PADDOCK_FLOAT_KEY": "0xf214f2b2cd398c806f84e317254e0f0b801d0643303237d97a22a48e01628897",
    "PADDOCK_RECEIPT_KEY": "0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "PADDOCK_OPERATOR_TOKEN": "devnet-operator",
    "PADDOCK_MERCHANT_KEY": "devnet-merchant",
    "PADDOCK_WEBHOOK_KEYS": "1:" + "77" * 32,
}
DEVNET_FLOAT = "0xBcd4042DE499D14e55001CcbB24a551F3b954096"
"""The address of that float key."""
NEEDS = {
    "server": (
        "PADDOCK_QUOTE_KEYS",
        "PADDOCK_RECEIPT_KEY",
        "PADDOCK_OPERATOR_TOKEN",
        "PADDOCK_DELEGATE_ADDRESS",
        "PADDOCK_FACILITATOR_HOSTS",
        "PADDOCK_WEBHOOK_KEYS",
    ),
    "worker": ("PADDOCK_DELEGATE_KEY", "PADDOCK_RECEIPT_KEY", "PADDOCK_DELEGATE_ADDRESS", "PADDOCK_WEBHOOK_KEYS"),
    "webhook": ("PADDOCK_WEBHOOK_KEYS",),
    "facilitator": ("PADDOCK_SETTLEMENT_KEY",),
    "migrate": ("PADDOCK_MERCHANT_KEY", "PADDOCK_MERCHANT_PAY_TO"),
    "reconcile": ("PADDOCK_DELEGATE_ADDRESS",),
    "support": ("PADDOCK_DELEGATE_ADDRESS",),
    "switch": (),
}
"""What each role must be given off the devnet; no process is asked for a secret that it does not use."""
_SIGNING = ("PADDOCK_SETTLEMENT", "PADDOCK_DELEGATE", "PADDOCK_FLOAT", "PADDOCK_RECEIPT")
SIGNING_KEYS = {f"{name}_KEY": name for name in _SIGNING}
"""Those that may be given in another of `key_sources.FORMS` as well, by the variable of the first form."""


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
    payer_orders: int
    back_ends: BackEnds
    route_runs: int
    cool_off_failures: int
    cool_off_seconds: int
    wallet_factories: tuple[str, ...]
    execution_gas: int
    ready_file: Path | None
    metrics_port: int
    traces: bool
    wallet_limits: WalletLimits
    screening_file: Path | None
    chromium: Path | None
    samples: bool
    delegate_address: str
    float_address: str
    merchant_id: str
    merchant_name: str
    merchant_pay_to: str
    settlement_keys: tuple[KeySource, ...]
    delegate_key: KeySource
    float_key: KeySource
    receipt_key: KeySource
    receipt_signers: tuple[str, ...]
    webhook_allow_private: bool
    quote_keys: str = field(repr=False)
    operator_token: str = field(repr=False)
    merchant_key: str = field(repr=False)
    facilitator_token: str = field(repr=False)
    webhook_keys: str = field(repr=False)

    @property
    def embedded_facilitator(self) -> bool:
        """Whether the facilitator runs inside the server process."""
        return self.facilitator_url == EMBEDDED

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything in here that no log may show, each key also without its 0x or its id."""
        given = [getattr(self, one.name) for one in fields(self) if not one.repr]
        sources = (*self.settlement_keys, self.delegate_key, self.float_key, self.receipt_key)
        given += [self.back_ends.core.key, self.back_ends.core.secret] if self.back_ends.core else []
        given += [source.key for source in sources if source.key]
        parts = [part.rpartition(":")[2].removeprefix("0x") for value in given for part in split(value)]
        return tuple(dict.fromkeys((*given, *parts)))


def load(environ: Mapping[str, str] = os.environ, role: str = "server") -> Settings:
    """Read and check for a role of NEEDS. Raises ConfigurationError that names the variable and what to set."""
    return _checked(_read(environ, role), role)


def _read(environ: Mapping[str, str], role: str) -> Settings:
    """The settings, each by itself."""
    devnet, secrets = flag(environ, "PADDOCK_DEVNET"), _secrets(environ, role)
    return Settings(
        devnet=devnet,
        database_url=environ.get("PADDOCK_DATABASE_URL", f"sqlite:///{TOP}/var/paddock.db"),
        broker_url=environ.get("PADDOCK_BROKER_URL", ""),
        nodes=read_nodes(environ.get("PADDOCK_RPC_URL", "http://127.0.0.1:8545")),
        deployments=tuple(map(Path, environ.get("PADDOCK_DEPLOYMENTS", str(DEPLOYMENTS)).split())),
        networks=Path(environ.get("PADDOCK_NETWORKS", TOP / "networks.toml")),
        rpc_quorum=integer(environ, "PADDOCK_RPC_QUORUM", 0),
        facilitator_url=environ.get("PADDOCK_FACILITATOR_URL", EMBEDDED),
        facilitator_hosts=hosts(environ.get("PADDOCK_FACILITATOR_HOSTS", "")),
        port=integer(environ, "PADDOCK_PORT", 8402),
        origins=origins(environ.get("PADDOCK_ORIGINS", f"http://127.0.0.1:{environ.get('PADDOCK_PORT') or 8402}")),
        host=environ.get("PADDOCK_HOST", "127.0.0.1"),
        finality=depth(environ, "PADDOCK_FINALITY", 2 if devnet else None),
        confirmations=depth(environ, "PADDOCK_CONFIRMATIONS", 1 if devnet else None),
        anchor_seconds=integer(environ, "PADDOCK_ANCHOR_SECONDS", 5 if devnet else 60),
        payer_orders=positive(environ, "PADDOCK_PAYER_ORDERS", 32),
        back_ends=read_back_ends(environ),
        route_runs=positive(environ, "PADDOCK_ROUTE_RUNS", 64),
        cool_off_failures=positive(environ, "PADDOCK_COOL_OFF_FAILURES", 3),
        cool_off_seconds=positive(environ, "PADDOCK_COOL_OFF_SECONDS", 600),
        wallet_factories=addresses(environ, "PADDOCK_WALLET_FACTORIES"),
        execution_gas=positive(environ, "PADDOCK_EXECUTION_GAS", EXECUTION_GAS),
        ready_file=path(environ, "PADDOCK_READY_FILE"),
        screening_file=path(environ, "PADDOCK_SCREENING_FILE"),
        chromium=path(environ, "PADDOCK_CHROMIUM"),
        samples=flag(environ, "PADDOCK_SAMPLES", default=devnet),
        metrics_port=integer(environ, "PADDOCK_METRICS_PORT", 0),
        traces=bool(environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")),
        wallet_limits=read_wallet_limits(environ),
        delegate_address=environ.get("PADDOCK_DELEGATE_ADDRESS", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
        float_address=address(environ, "PADDOCK_FLOAT_ADDRESS", DEVNET_FLOAT if devnet else ""),
        merchant_id=environ.get("PADDOCK_MERCHANT_ID", "paddock"),
        merchant_name=environ.get("PADDOCK_MERCHANT_NAME", "Paddock Devnet Services"),
        merchant_pay_to=environ.get("PADDOCK_MERCHANT_PAY_TO", "0x90F79bf6EB2c4f870365E785982E1f101E93b906"),
        webhook_allow_private=flag(environ, "PADDOCK_WEBHOOK_ALLOW_PRIVATE"),
        quote_keys=secrets["PADDOCK_QUOTE_KEYS"],
        settlement_keys=read_key_sources(environ, "PADDOCK_SETTLEMENT", secrets["PADDOCK_SETTLEMENT_KEY"]),
        delegate_key=read_key_source(environ, "PADDOCK_DELEGATE", secrets["PADDOCK_DELEGATE_KEY"]),
        float_key=read_key_source(environ, "PADDOCK_FLOAT", secrets["PADDOCK_FLOAT_KEY"]),
        receipt_key=read_key_source(environ, "PADDOCK_RECEIPT", secrets["PADDOCK_RECEIPT_KEY"]),
        receipt_signers=addresses(environ, "PADDOCK_RECEIPT_SIGNERS"),
        operator_token=secrets["PADDOCK_OPERATOR_TOKEN"],
        merchant_key=secrets["PADDOCK_MERCHANT_KEY"],
        facilitator_token=environ.get("PADDOCK_FACILITATOR_TOKEN", ""),
        webhook_keys=secrets["PADDOCK_WEBHOOK_KEYS"],
    )


def _secrets(environ: Mapping[str, str], role: str) -> Mapping[str, str]:
    """What is secret, by variable; a devnet has defaults for all of it, and nothing else may use one of them."""
    devnet = flag(environ, "PADDOCK_DEVNET")
    secrets = {name: environ.get(name, default if devnet else "") for name, default in DEVNET_SECRETS.items()}
    if not devnet:
        _refuse_defaults(secrets)
        _require(environ, role)
    return secrets


def _refuse_defaults(secrets: Mapping[str, str]) -> None:
    """Also where a default is one of several keys, or has another id."""
    for name, default in DEVNET_SECRETS.items():
        if default.rpartition(":")[2] in {part.rpartition(":")[2] for part in split(secrets[name])}:
            raise ConfigurationError(f"{name} is the public devnet default; set your own, or PADDOCK_DEVNET=1 on anvil")


def _require(environ: Mapping[str, str], role: str) -> None:
    for name in NEEDS[role]:
        places = forms(SIGNING_KEYS[name]) if name in SIGNING_KEYS else (name,)
        if not any(environ.get(place) for place in places):
            name = " or ".join(places)
            raise ConfigurationError(f"{name} is not set; see .env.example (PADDOCK_DEVNET=1 fills it in on a devnet)")


def _checked(settings: Settings, role: str) -> Settings:
    """The settings, if their places are right: a devnet is near; off it the facilitator stands alone, at a host that
    was named and behind TLS. Nodes are enough for their quorum.
    """
    if role == "server" and not settings.embedded_facilitator:
        _check_facilitator(settings)
    for nodes in settings.nodes:
        nodes.quorum(settings.rpc_quorum)
    if settings.devnet:
        hosts = [urlsplit(url).hostname or "" for nodes in settings.nodes for url in nodes.urls]
        if not all(map(near, hosts)):
            raise ConfigurationError("PADDOCK_DEVNET=1 needs an anvil on loopback or on the Compose network")
    elif settings.webhook_allow_private:
        raise ConfigurationError("PADDOCK_WEBHOOK_ALLOW_PRIVATE=1 is only for a devnet")
    elif settings.embedded_facilitator and role == "server":
        raise ConfigurationError("PADDOCK_FACILITATOR_URL: the embedded facilitator is for the devnet; give its URL")
    return settings


def _check_facilitator(settings: Settings) -> None:
    """Signed payments go to a plain URL of a host that was named; over TLS, unless they stay on this machine."""
    host, secure = plain_url("PADDOCK_FACILITATOR_URL", settings.facilitator_url)
    if host not in settings.facilitator_hosts and not (settings.devnet and near(host)):
        raise ConfigurationError(
            f"PADDOCK_FACILITATOR_URL is at {host}, which is not in PADDOCK_FACILITATOR_HOSTS; add it if you mean it"
        )
    if not settings.devnet and not secure and host not in LOOPBACK:
        raise ConfigurationError(f"PADDOCK_FACILITATOR_URL: payments go to {host} over https only")
