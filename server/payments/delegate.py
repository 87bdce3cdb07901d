"""DELEGATE, two-step: the money goes to the delegate wallet, then with a contract call to the callback."""

from collections.abc import Sequence

from server.domain.market import Asset, Market, Merchant
from server.domain.merchant_orders import flow_of
from server.domain.orders import Mode
from server.services.service import Service


class Delegate:
    """Implements PaymentMode. The action is fixed by the service and acts for the payer."""

    name = Mode.DELEGATE

    def assets(self, service: Service, market: Market) -> Sequence[Asset]:
        return market.assets[:1] if service.callback in market.contracts else ()

    def pay_to(self, service: Service, market: Market, merchant: Merchant) -> str:
        return market.delegate

    def extra(self, service: Service, market: Market) -> dict[str, str]:
        assert service.callback is not None
        return {
            "flow": flow_of(self.name, market.asset.method),
            "callback": market.contracts[service.callback].address,
            "beneficiary": "payer",
            **({"heldSeconds": str(service.held_seconds)} if service.held_seconds else {}),
        }
