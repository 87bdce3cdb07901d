"""Identities: which agent of an ERC-8004 registry a merchant is, and whether the registry says so too."""

from collections.abc import Mapping
from typing import Any, Protocol

from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from protocol.abi import values_in
from protocol.feedback import registry_name
from server.application.paddock import Ground, ground_of
from server.domain.calls import encode_call
from server.domain.errors import ConfigurationError, Reverted, UnknownMerchant
from server.domain.market import Merchant
from server.domain.plain_text import one_line
from server.domain.reputation import IDENTITY_REGISTRY, Identity
from server.ports import Call, Clock, Database

FILE_TYPE = "https://eips.ethereum.org/EIPS/eip-8004#registration-v1"


class Registrar(Protocol):
    """What this takes: a `Paddock`, or a process that has no keys at all."""

    @property
    def db(self) -> Database:
        """Where identities are."""

    @property
    def clock(self) -> Clock:
        """When they were looked up."""

    @property
    def grounds(self) -> Mapping[str, Ground]:
        """The networks."""

    @property
    def merchants(self) -> Mapping[str, Merchant]:
        """By id."""

    @property
    def origins(self) -> tuple[str, ...]:
        """Where registration files are served; the first stands in those that we write."""


def file_path(merchant: str) -> str:
    """Where we serve a merchant's registration file, below an origin."""
    return f"/merchants/{merchant}/agent.json"


async def link_identity(registrar: Registrar, network: str, merchant: str, agent_id: int) -> Identity:
    """Write down which agent a merchant says it is, as the registry has it now.

    Raises UnknownMerchant, ConfigurationError where the network has no registry or that no such agent.
    """
    if merchant not in registrar.merchants:
        raise UnknownMerchant(f"there is no merchant {merchant!r} here")
    found = await _looked_up(registrar, ground_of(registrar.grounds, network), merchant, agent_id)
    if found is None:
        raise ConfigurationError(f"the registry of {network} has no agent {agent_id}")
    async with registrar.db.begin("identity linked") as work:
        await work.reputation.put_identity(found)
    return found


async def check_identities(registrar: Registrar, network: str) -> bool:
    """Look again whether the registry says what we say; writes only what changed. A badge ends when it is not so.

    False where no merchant has an identity.
    """
    async with registrar.db.read() as view:
        known = [one for one in await view.reputation.identities() if one.network == network]
    for old in known:
        new = await _looked_up(registrar, ground_of(registrar.grounds, network), old.merchant, old.agent_id)
        facts = (new.registry, new.wallet, new.uri, new.verified) if new else (old.registry, "", "", False)
        if facts != (old.registry, old.wallet, old.uri, old.verified):
            registry, wallet, uri, verified = facts
            now = registrar.clock.now()
            changed = Identity(network, old.merchant, registry, old.agent_id, wallet, uri, verified, now)
            async with registrar.db.begin("identity checked") as work:
                await work.reputation.put_identity(changed)
    return bool(known)


def registration_file(registrar: Registrar, merchant: str, known: list[Identity]) -> dict[str, Any]:
    """The merchant's ERC-8004 registration file: it names the registries that point at it. Raises UnknownMerchant."""
    found = registrar.merchants.get(merchant)
    if found is None:
        raise UnknownMerchant(f"there is no merchant {merchant[:80]!r} here")
    return {
        "type": FILE_TYPE,
        "name": found.name,
        "description": f"Services that software buys per call from {found.name}, paid by x402.",
        "services": [{"name": "web", "endpoint": registrar.origins[0]}],
        "x402Support": True,
        "active": True,
        "registrations": [
            {"agentId": one.agent_id, "agentRegistry": registry_name(one.network, one.registry)}
            for one in known
            if one.merchant == merchant
        ],
        "supportedTrust": ["reputation"],
    }


async def _looked_up(registrar: Registrar, ground: Ground, merchant: str, agent_id: int) -> Identity | None:
    """What the registry says of an agent; None where it knows none. Raises ConfigurationError, ChainUnavailable."""
    contract = ground.market.contracts.get(IDENTITY_REGISTRY)
    if contract is None:
        raise ConfigurationError(f"no identity registry is known on {ground.market.network}; see networks.toml")
    here, found = contract.address, registrar.merchants.get(merchant)
    wallet_call = Call(here, here, encode_call("getAgentWallet(uint256)", agent_id))
    uri_call = Call(here, here, encode_call("tokenURI(uint256)", agent_id))
    try:
        wallet = str(to_checksum_address(values_in(["address"], await ground.chain.call(wallet_call))[0]))
        uri = str(values_in(["string"], await ground.chain.call(uri_call))[0])
    except (Reverted, DecodingError):
        return None
    ours = {f"{origin}{file_path(merchant)}" for origin in registrar.origins}
    verified = found is not None and wallet == found.pay_to and uri in ours
    now = registrar.clock.now()
    return Identity(ground.market.network, merchant, here, agent_id, wallet, one_line(uri, 2048), verified, now)
