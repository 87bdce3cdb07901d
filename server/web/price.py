"""A service's price in words: a flat one, or the most that a call costs and what it is charged by."""

from dataclasses import dataclass
from typing import Any

from protocol.amounts import display
from server.domain.market import Asset
from server.services.service import Service
from server.services.tariffs import Dynamic, Tariff, Tiers


@dataclass(frozen=True, slots=True)
class Price:
    """`amount` in units of the asset, and whether that is the most; `basis` is what it is for, such as "per scan"."""

    amount: str
    symbol: str
    basis: str
    most: bool

    @property
    def lead(self) -> str:
        """What goes before the amount."""
        return "up to " if self.most else ""

    @property
    def sum(self) -> str:
        """The amount alone, as in "up to 0.0075 USDC"."""
        return f"{self.lead}{self.amount} {self.symbol}"

    @property
    def words(self) -> str:
        """The whole price."""
        return f"{self.sum}{',' if self.most else ''} {self.basis}"


def price_of(service: Service, asset: Asset) -> Price:
    """The price of one call in that asset."""
    amount, meter = display(asset.amount(service.amount), asset.decimals), service.meter
    if service.tariff:
        return Price(amount, asset.symbol, _words(service.tariff, asset), True)
    if meter is None:
        return Price(amount, asset.symbol, f"per {service.unit}", False)
    rate = display(asset.amount(meter.price), asset.decimals)
    counted = f"{meter.per:,} {meter.unit}s" if meter.per > 1 else meter.unit
    return Price(amount, asset.symbol, f"charged by use: {rate} per {counted}", True)


def tariff_facts(service: Service) -> dict[str, Any] | None:
    """How the price follows from what is asked for, for programs: each tier's `price` in millionths of a dollar."""
    tariff = service.tariff
    if not isinstance(tariff, Tiers):
        return None if tariff is None else {"words": tariff.words}
    tiers = [{"price": str(tier.price), "last": tier.last and str(tier.last)} for tier in tariff.tiers]
    return {"unit": tariff.unit, "tiers": tiers}


def _words(tariff: Tariff, asset: Asset) -> str:
    if isinstance(tariff, Dynamic):
        return f"by what is asked for: {tariff.words}"
    shown = [display(asset.amount(tier.price), asset.decimals) for tier in tariff.tiers]
    beyond = [f", {price} beyond {tier.last:,}" for tier, price in zip(tariff.tiers, shown[1:], strict=False)]
    return f"by what is asked for: {shown[0]} per {tariff.unit}{''.join(beyond)}"


def meter_facts(service: Service) -> dict[str, Any] | None:
    """How a metered service is charged, for programs: `price` millionths of a dollar for `per` of `unit`."""
    meter = service.meter
    return None if meter is None else {"unit": meter.unit, "price": str(meter.price), "per": str(meter.per)}
