"""The console's pages of anchors: each merchant's chain of receipts, what holds it on chain, what waits for that."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from litestar import Request, get
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from server.application.anchor import site_of
from server.domain.anchors import Anchor, Site
from server.domain.errors import UnknownMerchant
from server.domain.roles import Action
from server.ports import UnitOfWork
from server.web.access import About, asker_of, needs
from server.web.given import GivenPaddock
from server.web.pages import page

MOST_MERCHANTS, MOST_ANCHORS = 25, 50
"""On a page."""
MOST_WAITING = 100
"""Receipts that wait to be chained are counted up to here."""


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A merchant's chain: `length` entries, of which those up to `anchored.last` stand in a final block. The others are
    `unanchored`, the oldest of them since `since`; `sent` is the batch that is under way. `unchained` receipts wait."""

    merchant: str
    length: int
    unchained: int
    anchored: Anchor | None = None
    sent: Anchor | None = None
    since: datetime | None = None

    @property
    def unanchored(self) -> int:
        """Entries that no final block holds yet."""
        return self.length - (self.anchored.last + 1 if self.anchored else 0)


@get("/anchors", include_in_schema=False, opt=needs(Action.SEE))
async def chains(request: Request[Any, Any, Any], paddock: GivenPaddock, after: FromQuery[str] = "") -> Template:
    """Merchants by their ids, from behind `after`."""
    names = sorted(name for name in paddock.merchants if name > after and asker_of(request).owns(name))
    site, shown = site_of(paddock), names[:MOST_MERCHANTS]
    async with paddock.db.read() as view:
        rows = [await _row(view, site, name) for name in shown]
    following = shown[-1] if len(names) > MOST_MERCHANTS else ""
    return page(
        "console/anchors.html",
        paddock,
        site_at=site,
        rows=rows,
        most=MOST_WAITING,
        following=following,
        first=not after,
    )


@get("/anchors/{merchant:str}", include_in_schema=False, opt=needs(Action.SEE, About.MERCHANT))
async def anchors(
    request: Request[Any, Any, Any],
    merchant: FromPath[str],
    paddock: GivenPaddock,
    before: FromQuery[int | None] = None,
) -> Template:
    """One merchant's batches, newest first; a page begins below the number `before`."""
    if merchant not in paddock.merchants:
        raise UnknownMerchant(f"there is no merchant {merchant[:80]!r}")
    site = site_of(paddock)
    async with paddock.db.read() as view:
        row = await _row(view, site, merchant)
        found = await view.anchors.newest(site, merchant, before, MOST_ANCHORS + 1) if site else []
    shown = found[:MOST_ANCHORS]
    following = shown[-1].batch if len(found) > MOST_ANCHORS else None
    context: dict[str, Any] = {"row": row, "anchors": shown, "most": MOST_WAITING, "site_at": site}
    return page("console/anchor.html", paddock, first=before is None, following=following, **context)


async def _row(view: UnitOfWork, site: Site | None, merchant: str) -> ChainRow:
    tail = await view.receipt_chain.tail(merchant)
    length, unchained = tail.index + 1 if tail else 0, len(await view.receipt_chain.waiting(merchant, MOST_WAITING))
    newest = await view.anchors.newest(site, merchant, None, 2) if site else []
    sent = newest[0] if newest and newest[0].block is None else None
    anchored = next((one for one in newest if one.block is not None), None)
    waiting = await view.receipt_chain.entries(merchant, anchored.last + 1 if anchored else 0, 1)
    return ChainRow(merchant, length, unchained, anchored, sent, waiting[0].appended_at if waiting else None)


ANCHOR_PAGES: list[Any] = [chains, anchors]
