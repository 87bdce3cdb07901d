"""Choosing among offers: by price and checked standing, two typed numbers, and by nothing that a seller says."""

from collections.abc import Callable, Sequence

from agent.market import Offer
from agent.standing import Standing

NEUTRAL, DOUBTS = 50, 5
"""A service counts as NEUTRAL of 100 with DOUBTS reviews before its own are added: the first few move it little."""
_FINE = 10**6


def best(offers: Sequence[Offer], price: Callable[[Offer], int]) -> Offer:
    """The offer that costs least for its merit; of equals the cheaper one, then the one whose URL is first.

    `price` makes prices comparable. Without any standing this is the cheapest offer. `offers` is not empty.
    """
    return min(offers, key=lambda one: (price(one) * _FINE // merit(one.standing), price(one), one.url, one.method))


def merit(standing: Standing) -> int:
    """Millionths, from 1 to 10⁶·100, by how well reviewed a service is; half of the most where nobody reviewed it.

    So praise makes a price look half of what it is at most.
    """
    weighted = NEUTRAL * DOUBTS + standing.rating * standing.reviews
    return max(1, weighted * _FINE // (DOUBTS + standing.reviews))
