"""DELEGATE, two-step: the money goes to the delegate wallet, then with a contract call to the callback."""

from collections.abc import Sequence

from protocol.payment import Method
from server.domain.market import Asset, Market, Merchant
from server.domain.merchant_orders import Flow
from server.domain.modes import Mode
from server.services.service import Service

DELEGATE = Mode("DELEGATE", held=True, calls_contract=True, sold_by_transfer=False)


class Delegate:
    """Implements PaymentMode. The action is fixed by the service and acts for the payer."""

    facts = DELEGATE
    words = "The money goes through a contract call; it comes back if the call fails"

    def assets(self, service: Service, market: Market) -> Sequence[Asset]:
        return market.assets[:1] if service.callback in market.contracts else ()

    def pay_to(self, market: Market, merchant: Merchant) -> str:
        return market.delegate

    def payee(self, merchant: Merchant) -> str:
        return "delegate wallet"

    def extra(self, service: Service, market: Market) -> dict[str, str]:
        assert service.callback is not None
        return {
            "flow": self.flow(market.asset.method),
            "callback": market.contracts[service.callback].address,
            "beneficiary": "payer",
            **({"heldSeconds": str(service.held_seconds)} if service.held_seconds else {}),
        }

    def flow(self, method: Method) -> Flow:
        return Flow.PERMIT2 if method is Method.PERMIT2 else Flow.EIP3009

    def takes_orders_of(self, merchant: Merchant) -> bool:
        return merchant.callback is not None
