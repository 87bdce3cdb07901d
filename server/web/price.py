"""A service's price in words: a flat one, or the most that a metered call costs and what it is charged by."""

from dataclasses import dataclass
from typing import Any

from protocol.amounts import display
from server.domain.market import Asset
from server.services.service import Service


@dataclass(frozen=True, slots=True)
class Price:
    """`amount` in units of the asset; `basis` is what it is for, such as "per scan"."""

    amount: str
    symbol: str
    basis: str
    metered: bool

    @property
    def lead(self) -> str:
        """What goes before the amount."""
        return "up to " if self.metered else ""

    @property
    def sum(self) -> str:
        """The amount alone, as in "up to 0.0075 USDC"."""
        return f"{self.lead}{self.amount} {self.symbol}"

    @property
    def words(self) -> str:
        """The whole price."""
        return f"{self.sum}{',' if self.metered else ''} {self.basis}"


def price_of(service: Service, asset: Asset) -> Price:
    """The price of one call in that asset."""
    amount, meter = display(asset.amount(service.amount), asset.decimals), service.meter
    if meter is None:
        return Price(amount, asset.symbol, f"per {service.unit}", False)
    rate = display(asset.amount(meter.price), asset.decimals)
    counted = f"{meter.per:,} {meter.unit}s" if meter.per > 1 else meter.unit
    return Price(amount, asset.symbol, f"charged by use: {rate} per {counted}", True)


def meter_facts(service: Service) -> dict[str, Any] | None:
    """How a metered service is charged, for programs: `price` millionths of a dollar for `per` of `unit`."""
    meter = service.meter
    return None if meter is None else {"unit": meter.unit, "price": str(meter.price), "per": str(meter.per)}
