"""DIRECT: the money goes straight to the merchant, and the resource is delivered."""

from collections.abc import Sequence

from protocol.payment import Method
from server.domain.market import Asset, Market, Merchant
from server.domain.merchant_orders import Flow
from server.domain.modes import Mode
from server.services.service import Service

DIRECT = Mode("DIRECT", held=False, calls_contract=False, sold_by_transfer=True)


class Direct:
    """Implements PaymentMode."""

    facts = DIRECT
    words = "The money goes straight to the merchant"

    def assets(self, service: Service, market: Market) -> Sequence[Asset]:
        return [asset for asset in market.assets if not service.symbols or asset.symbol in service.symbols]

    def pay_to(self, market: Market, merchant: Merchant) -> str:
        return merchant.pay_to

    def payee(self, merchant: Merchant) -> str:
        return merchant.name

    def extra(self, service: Service, market: Market) -> dict[str, str]:
        return {"paymentFlow": "upfront"} if service.settles_first else {}

    def flow(self, method: Method) -> Flow:
        return Flow.DIRECT

    def takes_orders_of(self, merchant: Merchant) -> bool:
        return merchant.callback is None
