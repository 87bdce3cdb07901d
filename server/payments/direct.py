"""DIRECT: the money goes straight to the merchant, and the resource is delivered."""

from collections.abc import Sequence

from server.domain.market import Asset, Market, Merchant
from server.domain.orders import Mode
from server.services.service import Service


class Direct:
    """Implements PaymentMode."""

    name = Mode.DIRECT

    def assets(self, service: Service, market: Market) -> Sequence[Asset]:
        return [asset for asset in market.assets if not service.symbols or asset.symbol in service.symbols]

    def pay_to(self, service: Service, market: Market, merchant: Merchant) -> str:
        return merchant.pay_to

    def extra(self, service: Service, market: Market) -> dict[str, str]:
        return {}
