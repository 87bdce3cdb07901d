"""What a payment mode is: where the money goes, and what happens before and after it is there."""

from collections.abc import Sequence
from typing import Protocol

from protocol.payment import Method
from server.domain.market import Asset, Market, Merchant
from server.domain.merchant_orders import Flow
from server.domain.modes import Mode
from server.services.service import Service


class PaymentMode(Protocol):
    """Decides the terms of a mode. May NOT move money or read the chain: that is the application's."""

    @property
    def facts(self) -> Mode:
        """Its name, and what the core has to know to carry an order to its end."""

    @property
    def words(self) -> str:
        """Where the money goes, for people; one line."""

    def assets(self, service: Service, market: Market) -> Sequence[Asset]:
        """What a service can be paid in on a network; nothing if it cannot be sold there."""

    def pay_to(self, market: Market, merchant: Merchant) -> str:
        """The address that the payer's authorization or transfer names."""

    def payee(self, merchant: Merchant) -> str:
        """Whose address that is, for people."""

    def extra(self, service: Service, market: Market) -> dict[str, str]:
        """What a client is told beyond the standard terms; strings only."""

    def flow(self, method: Method) -> Flow:
        """GOAT's word for how an asset that moves by `method` reaches what it is for."""

    def takes_orders_of(self, merchant: Merchant) -> bool:
        """Whether what a merchant's own back end sells is paid in this mode; the first of MODES that says so is it."""
