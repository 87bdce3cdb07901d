"""What a payment mode is: where the money goes, and what happens before and after it is there."""

from collections.abc import Sequence
from typing import Protocol

from server.domain.market import Asset, Market, Merchant
from server.domain.orders import Mode
from server.services.service import Service


class PaymentMode(Protocol):
    """Decides the terms of a mode. May NOT move money or read the chain: that is the application's."""

    @property
    def name(self) -> Mode:
        """The word in `extra.mode`, orders and receipts."""

    def assets(self, service: Service, market: Market) -> Sequence[Asset]:
        """What a service can be paid in on a network; nothing if it cannot be sold there."""

    def pay_to(self, service: Service, market: Market, merchant: Merchant) -> str:
        """The address that the payer's authorization names."""

    def extra(self, service: Service, market: Market) -> dict[str, str]:
        """What a client is told beyond the standard terms; strings only."""
