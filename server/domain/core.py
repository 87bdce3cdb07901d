"""Orders at a payment Core of somebody else's, at which this marketplace is a merchant itself."""

from dataclasses import dataclass

from server.domain.orders import Terms


@dataclass(frozen=True, slots=True)
class CoreOrder:
    """What a Core wants a payer to send: `amount` atomic units of `asset` on `network` to `pay_to`."""

    order_id: str
    network: str
    asset: str
    amount: int
    pay_to: str

    def is_for(self, terms: Terms) -> bool:
        """Whether it asks for the same money at the same place."""
        wanted = (terms.network, terms.asset, terms.amount, terms.pay_to)
        return (self.network, self.asset, self.amount, self.pay_to) == wanted
