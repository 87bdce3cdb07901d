"""Mirror: bring changes of the allowlists onto the chain where the worker owns the contract, and see them there."""

import logging

from server.application.allowlist import mark_mirrored, shown_on_chain
from server.application.paddock import Ground, Paddock
from server.application.send import outcome, prepare, sent_for, sign
from server.domain.allowlists import ListedAction
from server.domain.calls import address_in, encode_call
from server.domain.errors import Reverted, StaleWrite
from server.ports import Call

log = logging.getLogger(__name__)

PURPOSE = "allowlist"


async def mirror(paddock: Paddock) -> None:
    """One look at every change that the chain does not show yet.

    Where the delegate wallet owns the contract, the owner's call is sent, once for each change; where somebody else
    does, it waits for the transaction that the change printed. Raises ChainUnavailable.
    """
    async with paddock.db.read() as view:
        waiting = [row for row in await view.allowlists.all() if row.open]
    for action in waiting:
        ground = paddock.on(action.network)
        under_way = await _under_way(paddock, ground, action)
        if await shown_on_chain(ground.chain, action) and not under_way:
            await _seen(paddock, action)
        elif await _owner(ground, action) == (paddock.delegate.address if paddock.delegate else None):
            await _send(paddock, ground, action)


async def _under_way(paddock: Paddock, ground: Ground, action: ListedAction) -> bool:
    """Whether a call of ours for this function is in no block yet: what the chain shows is not the end of it.

    Asked before the chain's list is looked at, so that a call that is mined in between is seen there.
    """
    if paddock.delegate is None:
        return False
    async with paddock.db.read() as view:
        unmined = await view.transactions.unmined(action.network, paddock.delegate.address)
    own = [one for one in unmined if one.purpose == PURPOSE and one.subject.startswith(_function(action))]
    return None in [await outcome(ground.chain, one) for one in own]


async def _seen(paddock: Paddock, action: ListedAction) -> None:
    async with paddock.db.read() as view:
        sent = await view.transactions.of(PURPOSE, _subject(action))
    try:
        await mark_mirrored(paddock.db, paddock.clock, action, sent.hash if sent else "by the contract's owner")
    except StaleWrite:
        log.info("%s was changed again before the chain showed it", action.function)


async def _owner(ground: Ground, action: ListedAction) -> str:
    return address_in(await ground.chain.call(Call(action.contract, action.contract, encode_call("owner()"))))


async def _send(paddock: Paddock, ground: Ground, action: ListedAction) -> None:
    """The owner's call: signed and stored once; `resend` broadcasts it until it is mined."""
    if paddock.delegate is None or await paddock.admission.pause.paused(paddock.db, paddock.clock):
        return
    async with paddock.db.read() as view:
        sent = await sent_for(view, PURPOSE, _subject(action))
    if sent is not None:
        return
    try:
        prepared = await prepare(ground.chain, paddock.delegate, action.contract, action.call())
    except Reverted as error:
        log.error("%s of %s cannot be listed: %s", action.function, action.contract, error.detail)
        return
    async with paddock.db.begin("action sent") as work:
        if await sent_for(work, PURPOSE, _subject(action)):
            return
        chain_id = ground.market.chain_id
        made = await sign(work, paddock.clock, paddock.delegate, chain_id, prepared, PURPOSE, _subject(action))
    await ground.chain.send(made.newest.raw)


def _subject(action: ListedAction) -> str:
    """One name for each change: the function, and the microsecond in which it was asked for."""
    return f"{_function(action)}{round(action.at.timestamp() * 1e6):x}"


def _function(action: ListedAction) -> str:
    """The contract and the selector: how the names of all changes of one function begin."""
    return f"{action.contract[2:]}/{action.selector.hex()}/"
