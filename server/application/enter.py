"""Enter: a wallet that holds a live pass or subscription, or has a free call left, gets an answer without paying."""

import asyncio
import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from server.application.fulfil import answer
from server.application.paddock import Ground, Paddock
from server.domain.calls import address_in, encode_call, one_word
from server.domain.errors import Reverted
from server.domain.market import Contract
from server.ports import Call
from server.services.service import Answer, Context, Service

EXTENSION, FREE = "contract-access", "free-calls"
MOST_NAMED = 4
"""Passes that one sign-in may name: each costs two questions to the chain."""
_PASS = re.compile(r"(eip155:[1-9][0-9]{0,18})/erc721:(0x[0-9a-fA-F]{40})/(0|[1-9][0-9]{0,77})", re.ASCII)
_KINDS = {"pass": ("ownerOf", "isValid"), "subscription": ("isActive",)}


def doors(paddock: Paddock, service: Service) -> dict[str, Any]:
    """The extensions of a 402 that say which contracts open the service, and how often it is free."""
    named = [
        {"network": ground.market.network, "address": contract.address, "kind": kind}
        for ground in paddock.grounds.values()
        for contract, kind in _doors(ground, service)
    ]
    held = {EXTENSION: {"info": {"contracts": named}}} if named else {}
    return held | ({FREE: {"info": {"callsPerDay": service.free_calls}}} if service.free_calls else {})


def free_calls(service: Service, wallet: str, now: datetime) -> tuple[list[str], datetime]:
    """The names of a wallet's free calls of the day (UTC), and when the day is over."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    named = (f"{service.slug} {wallet} {day:%Y-%m-%d} {number}" for number in range(service.free_calls))
    return [hashlib.sha256(name.encode()).hexdigest() for name in named], day + timedelta(days=1)


async def has_key(ground: Ground, service: Service, wallet: str, resources: Sequence[str]) -> bool:
    """Whether the newest block says that the wallet may enter. Raises ChainUnavailable.

    A pass is named in the signed text, as CAIP-19 writes it (`eip155:1/erc721:0x…/7`): it must be the wallet's now, and
    valid. A subscription is the wallet's own.
    """
    named = [match.groups() for match in map(_PASS.fullmatch, resources) if match][:MOST_NAMED]
    for contract, kind in _doors(ground, service):
        if kind == "subscription":
            if await _word(ground, contract, "isActive(address)", wallet) == 1:
                return True
            continue
        for network, address, number in named:
            own = (network, address.lower()) == (ground.market.network, contract.address.lower())
            if own and int(number) < 2**256 and await _holds(ground, contract, wallet, int(number)):
                return True
    return False


async def enter(paddock: Paddock, service: Service, ground: Ground, wallet: str, arguments: bytes) -> Answer:
    """The handler's answer for a wallet that may enter: a place on the route, no order, no charge."""
    asset = ground.market.asset
    context = Context(
        chain=ground.chain,
        clock=paddock.clock,
        payer=wallet,
        asset=asset.address,
        asset_symbol=asset.symbol,
        asset_decimals=asset.decimals,
        browser=paddock.browser,
    )
    with paddock.admission.slot(service.slug) as slot:
        slot.take()
        return await answer(service, arguments, context, f"a visit by {wallet}")


def _doors(ground: Ground, service: Service) -> Iterator[tuple[Contract, str]]:
    """The contracts that open a service on a network, and how each of them is asked."""
    for name in service.opened_by:
        contract = ground.market.contracts.get(name)
        there = {item.get("name") for item in contract.abi if item["type"] == "function"} if contract else set()
        for kind, functions in _KINDS.items():
            if contract and there.issuperset(functions):
                yield contract, kind
                break


async def _holds(ground: Ground, contract: Contract, wallet: str, number: int) -> bool:
    owner, valid = await asyncio.gather(
        _word(ground, contract, "ownerOf(uint256)", number), _word(ground, contract, "isValid(uint256)", number)
    )
    return valid == 1 and address_in(owner.to_bytes(32, "big")) == wallet


async def _word(ground: Ground, contract: Contract, function: str, value: str | int) -> int:
    """What a view returns; 0 where it reverts, as for a pass that does not exist."""
    try:
        return one_word(await ground.chain.call(Call(contract.address, contract.address, encode_call(function, value))))
    except Reverted:
        return 0
