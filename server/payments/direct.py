"""DIRECT: the money goes straight to the merchant, and the resource is delivered."""

from server.domain.market import Market, Merchant
from server.domain.orders import Mode
from server.services.service import Service


class Direct:
    """Implements PaymentMode."""

    name = Mode.DIRECT
    settles_first = False

    def pay_to(self, service: Service, market: Market, merchant: Merchant) -> str:
        return merchant.pay_to

    def extra(self, service: Service, market: Market) -> dict[str, str]:
        return {}
