"""Shopping: which offers for something the policy allows, best first, and buying one of them."""

from collections.abc import Iterable
from typing import Any

import httpx

from agent import choice
from agent.buyer import Buyer
from agent.decisions import Verdict
from agent.errors import SellerUnavailable
from agent.market import Offer
from agent.outcome import Outcome

_DECIMALS = 36


def discovered(buyer: Buyer, sellers: Iterable[str], query: str) -> list[Offer]:
    """Offers of these sellers. One that cannot be asked has none; if that goes for all, raises SellerUnavailable."""
    found: list[Offer] = []
    away: list[SellerUnavailable] = []
    asked = list(sellers)
    for seller in asked:
        try:
            found += buyer.market.discover(seller, query)
        except SellerUnavailable as error:
            away.append(error)
    if away and len(away) == len(asked):
        raise away[0]
    return found


def allowed(buyer: Buyer, offers: Iterable[Offer], task: str) -> list[Offer]:
    """Those that policy, switch and the task's budgets do not forbid now, best first."""
    return ranked(buyer, [one for one in offers if buyer.consider(one.terms, task).verdict is not Verdict.DENY])


def ranked(buyer: Buyer, offers: list[Offer]) -> list[Offer]:
    """By price and checked standing, the best first."""
    left, order = list(offers), []
    while left:
        order.append(choice.best(left, lambda one: worth(buyer, one)))
        left.remove(order[-1])
    return order


def worth(buyer: Buyer, offer: Offer) -> int:
    """Its price, comparable between assets of different decimals: the policy's are taken for one currency."""
    terms = offer.terms
    return in_common(buyer, terms.network, terms.asset, terms.amount)


def in_common(buyer: Buyer, network: str, address: str, amount: int) -> int:
    """Atomic units of an asset of the policy in the common measure, which has 36 decimals."""
    asset = buyer.policy.asset(network, address)
    return amount * int(10 ** (_DECIMALS - (asset.decimals if asset else 0)))


def request_for(offer: Offer, given: Any) -> httpx.Request:
    """The offer's request with an input: query parameters of a GET, else the JSON body."""
    if offer.method == "GET":
        return httpx.Request("GET", httpx.URL(offer.url).copy_merge_params(given or {}))
    return httpx.Request(offer.method, offer.url, json=given)


def take(buyer: Buyer, offer: Offer, given: Any, task: str, *, again: bool = False) -> Outcome:
    """Buy it with that input."""
    if offer.method == "GET":
        return buyer.buy(offer.url, params=given, task=task, again=again)
    return buyer.buy(offer.url, offer.method, json=given, task=task, again=again)
