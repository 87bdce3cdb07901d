"""Who a merchant is by ERC-8004: the agent that a policy pins, and the wallet that its registry says it has."""

import re
from collections.abc import Callable
from typing import NamedTuple

from agent.chain import Chain, call_data
from agent.decisions import Decision, deny
from agent.errors import ChainUnavailable, Reverted
from protocol.errors import ProtocolError
from protocol.networks import chain_id
from protocol.signatures import parse_address

_SHAPE = re.compile(r"(eip155:\d+):(0x[0-9a-fA-F]{40})/(\d{1,77})", re.ASCII)


class AgentId(NamedTuple):
    """An agent: the registry by network (CAIP-2) and address, and the number that it has there."""

    network: str
    registry: str
    number: int


def parse_agent(text: str, key: str) -> AgentId:
    """An agent written as `eip155:31337:0x…/7`. Raises ProtocolError, naming the key."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ProtocolError("invalid_policy", f'{key}: {text!r} is no agent; write it like "eip155:31337:0x…/7"')
    chain_id(found[1])
    return AgentId(found[1], parse_address(found[2], key), int(found[3]))


def wallet_of(chain: Chain, agent: AgentId) -> str | None:
    """The address that the agent is paid at now (`agentWallet`); None where the registry has none of it.

    Raises ChainUnavailable.
    """
    chain.require(agent.network)
    try:
        said = chain.call(agent.registry, call_data("getAgentWallet(uint256)", hex(agent.number)))
    except Reverted:
        return None
    if not re.fullmatch(r"0x0{24}[0-9a-fA-F]{40}", said):
        raise ChainUnavailable(f"{agent.registry} does not answer like a registry of agents on this chain")
    return parse_address("0x" + said[-40:], "agentWallet")


def objection(agent_id: str, pay_to: str, wallet: Callable[[AgentId], str | None] | None) -> Decision | None:
    """What forbids to pay an address as that agent; None where it is the agent's. `wallet` asks its registry."""
    found = None if wallet is None else wallet(parse_agent(agent_id, "merchants.agent_id"))
    if found is None:
        return deny("identity.unknown", f"the registry cannot be asked for the wallet of {agent_id}, or has none")
    return None if found == pay_to else deny("identity.wallet", f"{agent_id} is paid at {found}, not at {pay_to}")
