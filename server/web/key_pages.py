"""The console's page of keys: which are in use, since when, what they hold and how to change them; never a secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from litestar import Request, get
from litestar.response import Template

from server.application.holdings import Holding
from server.application.paddock import Paddock, Settling
from server.domain.roles import Action
from server.domain.sending import Sender
from server.web.access import needs
from server.web.given import GivenPaddock
from server.web.money_keys import money_keys, settlement_keys
from server.web.pages import page

CURRENT, ACCEPTED, ELSEWHERE, ENDED = "current", "accepted", "elsewhere", "ended"
SETTLE = "settle"
"""The purpose of chain transactions that settlement keys sign."""
NEW_KEY = "python -c \"import secrets; print('0x' + secrets.token_hex(32))\""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as the page shows it: by its address, or a quote key by its id; `since` its first signature, if it is known
    here. `elsewhere` is a key of another process, `ended` one that signed once and is in nobody's settings here."""

    purpose: str
    name: str
    state: str
    network: str = ""
    since: datetime | None = None
    last: datetime | None = None
    holding: Holding | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """How a key is changed while everything runs; `how` are settings, `words` say where and in which order."""

    purpose: str
    how: str
    words: str


@get("/keys", include_in_schema=False, opt=needs(Action.OVERSEE))
async def keys(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template:
    """Keys of quotes and receipts, and those that move money."""
    settling = request.app.state.settling
    async with paddock.db.read() as view:
        senders = await view.transactions.senders()
    rows = [*_signing(paddock), *await _paying(paddock, settling, senders)]
    return page(
        "console/keys.html", paddock, rows=rows, opened=paddock.opened_at, changes=_changes(paddock), new=NEW_KEY
    )


def _signing(paddock: Paddock) -> list[KeyRow]:
    quotes, receipts = paddock.quotes, paddock.receipt_signers
    rows = [KeyRow("quote", str(kid), CURRENT if kid == quotes.current else ACCEPTED) for kid in sorted(quotes.keys)]
    return rows + [KeyRow("receipt", one, ACCEPTED if index else CURRENT) for index, one in enumerate(receipts)]


async def _paying(paddock: Paddock, settling: Settling | None, senders: Sequence[Sender]) -> list[KeyRow]:
    """Those that this server knows by its settings; then the other ones that the database has chain transactions of."""
    signed = {(one.network, one.address): one for one in senders}
    chains = {network: ground.chain for network, ground in paddock.grounds.items()}
    rows = []
    for holding in await paddock.holdings.read(chains, paddock.clock, money_keys(paddock, settling)):
        key = holding.key
        by = signed.pop((key.network, key.address), None)
        first, last = (by.first, by.last) if by else (None, None)
        rows.append(KeyRow(key.purpose, key.address, CURRENT, key.network, first, last, holding))
    known = settlement_keys(paddock, settling)
    for one in signed.values():
        foreign = one.purpose == SETTLE and one.network in paddock.grounds and one.network not in known
        purpose = "settlement" if one.purpose == SETTLE else "delegate wallet"
        rows.append(KeyRow(purpose, one.address, ELSEWHERE if foreign else ENDED, one.network, one.first, one.last))
    return rows


def _changes(paddock: Paddock) -> Sequence[Change]:
    """As docs/operations.md has them, with the next free id of a quote key."""
    kid = paddock.quotes.current
    free = next((one for one in range(1, 256) if one not in paddock.quotes.keys), kid)
    return (
        Change(
            "quote",
            f"PADDOCK_QUOTE_KEYS={kid}:old,{free}:new",
            f"on every server; then {free}:new,{kid}:old; after two days {free}:new alone",
        ),
        Change(
            "receipt",
            "PADDOCK_RECEIPT_SIGNERS=0x…",
            "the new key's address on every server; then the new key itself, and the old address in its place for ever",
        ),
        Change("settlement", "PADDOCK_SETTLEMENT_KEY=old,new", "on the facilitator; later the new one alone"),
        Change(
            "delegate wallet",
            "PADDOCK_DELEGATE_CAP=1",
            "stops DELEGATE purchases; when none is under way, PADDOCK_DELEGATE_KEY and PADDOCK_DELEGATE_ADDRESS "
            "together, once the callback contracts list the new wallet",
        ),
        Change(
            "refund float",
            "PADDOCK_FLOAT_KEY, PADDOCK_FLOAT_ADDRESS",
            "together, while no refund is being sent",
        ),
    )


KEY_PAGES: list[Any] = [keys]
