"""What is kept for ever of receipts: each merchant's chain of them, and the batches that anchor it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from server.domain.anchors import Anchor, Chained, Site


class ReceiptChain(Protocol):
    """Chains of receipts, one for each merchant. Entries are added, never changed and never taken away."""

    async def enqueue(self, order_id: str, merchant: str, released_at: datetime) -> None:
        """Have an order's receipt wait for its turn; nothing happens if it waits already or is in the chain."""

    async def waiting(self, merchant: str, limit: int) -> Sequence[str]:
        """Orders whose receipts wait, in the order of their release."""

    async def tail(self, merchant: str) -> Chained | None:
        """The newest entry; None for an empty chain."""

    async def append(self, entry: Chained) -> None:
        """Add, and let the order wait no more. Raises StaleWrite if that index is taken: somebody else was first;
        DuplicateClaim if the order has an entry of that kind."""

    async def of(self, order_id: str) -> Sequence[Chained]:
        """An order's entries: its receipt, its revocation, whichever there are, in the order of the chain."""

    async def entries(self, merchant: str, first: int, limit: int) -> Sequence[Chained]:
        """Entries from an index on, in order."""


class Anchors(Protocol):
    """Anchored batches of chains. A batch is written once; only its chain transaction and block come later."""

    async def add(self, anchor: Anchor) -> None:
        """Raises StaleWrite if the site has that batch of that merchant: somebody else was first."""

    async def last(self, site: Site, merchant: str) -> Anchor | None:
        """The newest batch at a site, final or not."""

    async def newest(self, site: Site, merchant: str, before: int | None, limit: int) -> Sequence[Anchor]:
        """A site's batches, final or not, newest first; only those numbered below `before`, if it is given."""

    async def sent_again(self, anchor: Anchor, transaction: str) -> None:
        """Another chain transaction carries the batch, for its own failed. Raises StaleWrite if that was done."""

    async def confirm(self, anchor: Anchor, block: int) -> None:
        """The batch stands in a final block; harmless to repeat."""

    async def covering(self, merchant: str, index: int) -> Anchor | None:
        """The final batch that holds an entry, the newest if several sites have one."""

    async def between(self, site: Site, merchant: str, first: int, last: int) -> Sequence[Anchor]:
        """A site's final batches that hold any of the entries `first` to `last`, in order."""
