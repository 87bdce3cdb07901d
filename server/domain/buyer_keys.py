"""Buyer keys: what a wallet gives its programs, so that what each of them asks and spends is known and bounded."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain.access_errors import BadBuyerKey, ForeignBuyerKey, SpendLimitReached
from server.domain.orders import Order
from server.domain.states import PaymentState

MOST_LIVE = 20
"""Keys of one wallet that are good at a time."""
MOST_KEPT = 100
"""Keys of one wallet that are listed."""
MOST_NAME = 60
MOST_PER_MINUTE = 6_000
LONGEST = timedelta(days=366)
UNSPENT = (PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED)
"""Payments that ended without money, and count as spent no more."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The most, in atomic units, that is claimed with a key in an asset in a day (UTC)."""

    network: str
    asset: str
    per_day: int


@dataclass(frozen=True, slots=True)
class BuyerKey:
    """A wallet's key (checksummed). `secret` is the SHA-256 of what its holder sends, which nobody else knows.

    `per_minute` bounds its requests without a payment, in each process. With `caps` it pays in their assets alone;
    without any it pays what its wallet signs.
    """

    id: str
    wallet: str
    name: str
    secret: bytes
    per_minute: int
    at: datetime
    until: datetime
    revoked_at: datetime | None = None
    caps: tuple[Cap, ...] = ()

    def is_live(self, now: datetime) -> bool:
        """Whether it counts."""
        return self.revoked_at is None and now < self.until

    def require_live(self, now: datetime) -> None:
        """Raises BadBuyerKey."""
        if self.revoked_at:
            raise BadBuyerKey(f"key {self.id} was revoked", key=self.id)
        if now >= self.until:
            raise BadBuyerKey(f"key {self.id} has expired", key=self.id)

    def require_payer(self, payer: str) -> None:
        """Raises ForeignBuyerKey for a payment by anybody but its wallet."""
        if payer != self.wallet:
            raise ForeignBuyerKey(f"key {self.id} is not the payer's", key=self.id)

    def require_within(self, order: Order, spent: int) -> None:
        """`spent` is what was claimed with it in the order's asset today, the order among it.

        Raises SpendLimitReached.
        """
        network, asset = order.terms.network, order.terms.asset
        most = next((cap.per_day for cap in self.caps if (cap.network, cap.asset) == (network, asset)), 0)
        if not self.caps or spent <= most:
            return
        before, again_at = spent - order.price, day_of(order.created_at) + timedelta(days=1)
        told = {"network": network, "asset": asset, "per_day": str(most), "spent": str(before), "resets_at": again_at}
        raise SpendLimitReached(f"of {most} atomic units a day {before} are spent; this costs {order.price}", **told)


def day_of(moment: datetime) -> datetime:
    """When its day (UTC) began."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
