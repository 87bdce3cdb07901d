"""The policy's rules: from typed terms and known facts to allow, ask or deny, each naming the rule that fired."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from agent.decisions import Decision, allow, ask, deny
from agent.payments import mode_named
from agent.policy_file import AssetRules, MerchantRules, PolicyFile
from agent.standing import UNKNOWN, Standing
from agent.terms import Terms
from protocol.amounts import atomic, display
from protocol.payment import Method
from protocol.schemes import LEAST_VALIDITY

_ZERO = "0x" + "0" * 40
_DISGUISED = re.compile(r"%(?:2e|2f|5c)|\\|//|/\.\.?(?:/|$)|[^\x21-\x7e]", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the agent knows beside the terms. Prices are atomic units of the terms' asset.

    `advertised` and `advertised_pay_to` are what discovery said lately; `lowest_paid` and `known_pay_to` what was
    paid before on this route; `standing` is what discovery said lately of checked reviews.
    """

    now: datetime
    payer: str
    advertised: int | None = None
    advertised_pay_to: str | None = None
    lowest_paid: int | None = None
    known_pay_to: str | None = None
    standing: Standing = UNKNOWN


class Policy:
    """Decides from typed fields only: no description, title or error text of a seller is ever looked at."""

    def __init__(self, file: PolicyFile) -> None:
        self.file = file
        self.limits = file.limits
        self.approval = file.approval

    def decide(self, terms: Terms, facts: Facts) -> Decision:
        """The first rule that denies, else the first that asks, else allow."""
        for rule in (*DENIALS, *QUESTIONS):
            decision = rule(self, terms, facts)
            if decision is not None:
                return decision
        return allow(self._permission(terms), f"{self.price(terms)} for {terms.asked.path}")

    def merchant(self, terms: Terms) -> MerchantRules | None:
        """The entry with exactly the asked origin."""
        return next((entry for entry in self.file.merchants if entry.origin == terms.asked.origin), None)

    def asset(self, network: str, address: str) -> AssetRules | None:
        """The allowed asset with exactly that network and address (checksummed)."""
        return next((a for a in self.file.assets if (a.network, a.address) == (network, address)), None)

    def units(self, amount: str, terms: Terms) -> int:
        """A limit of the file in atomic units of the terms' asset, which must be an allowed one."""
        asset = self.asset(terms.network, terms.asset)
        assert asset is not None
        return atomic(amount, asset.decimals)

    def show(self, amount: int, terms: Terms) -> str:
        """An amount for people."""
        asset = self.asset(terms.network, terms.asset)
        if asset is None:
            return f"{amount} atomic units"
        return f"{display(amount, asset.decimals)} {asset.symbol}".strip()

    def plain(self, terms: Terms) -> str:
        """The amount of the terms in units of the asset, which must be an allowed one, without its symbol."""
        asset = self.asset(terms.network, terms.asset)
        assert asset is not None
        return display(terms.amount, asset.decimals)

    def price(self, terms: Terms) -> str:
        """What the terms ask, for people."""
        return f"{'up to ' if terms.metered else ''}{self.show(terms.amount, terms)}"

    def _permission(self, terms: Terms) -> str:
        """The key in the file that allows the route, such as `merchants[0].routes[1]`."""
        index, merchant = next((i, m) for i, m in enumerate(self.file.merchants) if m.origin == terms.asked.origin)
        route = next(i for i, route in enumerate(merchant.routes) if _pattern(route).fullmatch(terms.asked.path))
        return f"merchants[{index}].routes[{route}]"

    def validity(self, terms: Terms) -> int:
        """How many seconds an authorization for these terms may live: the seller's wish, clamped."""
        limits = self.limits
        longest = min(limits.validity_seconds, limits.metered_seconds) if terms.metered else limits.validity_seconds
        return min(terms.timeout, longest)


def _merchant(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    if policy.merchant(terms) is None:
        return deny("merchant.unknown", f"{terms.asked.origin} is not among the policy's merchants")
    return None


def _route(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    merchant, path = policy.merchant(terms), terms.asked.path
    assert merchant is not None
    if _DISGUISED.search(path):
        return deny("route.disguised", "the path holds dots, slashes or escapes that could mean another path")
    if not any(_pattern(route).fullmatch(path) for route in merchant.routes):
        return deny("route.unknown", f"{path} matches none of the routes allowed at {merchant.origin}")
    return None


def _network(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    if terms.network not in policy.file.networks:
        return deny("network.unknown", f"{terms.network} is not among the policy's networks")
    return None


def _asset(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    asset = policy.asset(terms.network, terms.asset)
    if asset is None:
        return deny("asset.unknown", f"the token {terms.asset} on {terms.network} is not among the policy's assets")
    unnamed = terms.method is Method.PERMIT2 and terms.token_name is None and terms.token_version is None
    if not unnamed and (terms.token_name, terms.token_version) != (asset.name, asset.version):
        return deny("asset.domain", "the terms give another EIP-712 name or version than the token has")
    if terms.decimals is not None and terms.decimals != asset.decimals:
        return deny("asset.decimals", f"the terms say {terms.decimals} decimals; the token has {asset.decimals}")
    return None


def _recipient(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    merchant = policy.merchant(terms)
    assert merchant is not None
    if terms.pay_to == _ZERO:
        return deny("recipient.zero", "the money would go to the zero address")
    if terms.pay_to in (facts.payer, terms.asset):
        return deny("recipient.own", "the money would go to the agent's own wallet or to the token itself")
    if merchant.pay_to and terms.pay_to not in merchant.pay_to:
        return deny("recipient.unknown", f"{terms.pay_to} is not a recipient that the policy pins for the merchant")
    if not merchant.pay_to and facts.known_pay_to not in (None, terms.pay_to):
        return deny("recipient.changed", f"this route was paid to {facts.known_pay_to} before, not to {terms.pay_to}")
    if facts.advertised_pay_to not in (None, terms.pay_to):
        return deny("recipient.advertised", f"the seller advertises {facts.advertised_pay_to} as the recipient")
    return None


def _freshness(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    if terms.expires_at is not None and terms.expires_at < facts.now.timestamp() + LEAST_VALIDITY:
        return deny("quote.stale", "the quote has expired, or will before a payment arrives")
    if policy.validity(terms) < 2 * LEAST_VALIDITY:
        return deny("quote.validity", f"an authorization of {policy.validity(terms)} s would lapse on the way")
    return None


def _mode(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    merchant = policy.merchant(terms)
    assert merchant is not None
    if terms.mode not in merchant.modes:
        return deny("mode.unknown", f"the policy does not allow the mode {terms.mode} at this merchant")
    return mode_named(terms.mode).objection(terms, merchant, facts.payer)


def _price(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    if terms.amount > policy.units(policy.limits.per_call, terms):
        return deny("limits.per_call", f"{policy.price(terms)} is above the limit for one call")
    if facts.advertised is not None and terms.amount > facts.advertised:
        asked, told = policy.show(terms.amount, terms), policy.show(facts.advertised, terms)
        return deny("price.advertised", f"the seller asks {asked} and advertises {told}")
    return None


def _threshold(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    if terms.amount > policy.units(policy.approval.above, terms):
        return ask("approval.above", f"{policy.price(terms)} is above what the agent may pay by itself")
    return None


def _rise(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    lowest = facts.lowest_paid
    if lowest is None or terms.amount * 100 <= lowest * (100 + policy.limits.price_rise_percent):
        return None
    now, before = policy.show(terms.amount, terms), policy.show(lowest, terms)
    return ask("price.rise", f"the price has crept up to {now}; it was {before}")


def _standing(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    rules, found = policy.file.standing, facts.standing
    if found.reviews < rules.least_reviews:
        return ask("standing.reviews", f"it has {found.reviews} checked reviews; {rules.least_reviews} are wanted")
    if found.reviews and found.rating < rules.least_rating:
        return ask("standing.rating", f"checked reviews rate it {found.rating}; {rules.least_rating} is wanted")
    return None


Rule = Callable[[Policy, Terms, Facts], Decision | None]
DENIALS: tuple[Rule, ...] = (_merchant, _route, _network, _asset, _recipient, _freshness, _mode, _price)
QUESTIONS: tuple[Rule, ...] = (_threshold, _rise, _standing)


@lru_cache(maxsize=256)
def _pattern(route: str) -> re.Pattern[str]:
    """A route as a regular expression: `*` one segment, `**` any rest."""
    parts = re.split(r"(\*\*|\*)", route)
    kinds = {"**": ".*", "*": "[^/]+"}
    return re.compile("".join(kinds.get(part, re.escape(part)) for part in parts))
