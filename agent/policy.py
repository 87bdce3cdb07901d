"""The policy's rules: from typed terms and known facts to allow, ask or deny, each naming the rule that fired."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from agent import routes
from agent.budgets import Budget
from agent.decisions import Decision, allow, ask, deny
from agent.merchant_rules import MerchantRules
from agent.payments import mode_named
from agent.policy_file import AssetRules, PolicyFile
from agent.standing import UNKNOWN, Standing
from agent.terms import Asked, Terms, host_of, is_loopback
from protocol.amounts import atomic, display
from protocol.payment import Method
from protocol.schemes import LEAST_VALIDITY

_ZERO = "0x" + "0" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the agent knows beside the terms. Prices are atomic units of the terms' asset.

    `advertised` and `advertised_pay_to` are what discovery said lately; `lowest_paid` and `known_pay_to` what was
    paid before on this route; `standing` is what discovery said lately of checked reviews, `tags` of what the service
    can do (None where nobody has kept it, and no rule speaks of it).
    """

    now: datetime
    payer: str
    advertised: int | None = None
    advertised_pay_to: str | None = None
    lowest_paid: int | None = None
    known_pay_to: str | None = None
    standing: Standing = UNKNOWN
    tags: routes.Tags = ()


class Policy:
    """Decides from typed fields only: no description, title or error text of a seller is ever looked at."""

    def __init__(self, file: PolicyFile) -> None:
        self.file = file
        self.limits = file.limits
        self.approval = file.approval

    def decide(self, terms: Terms, facts: Facts) -> Decision:
        """The first rule that denies, else the first that asks, else allow."""
        return next(decision for _, decision in self.considered(terms, facts) if decision is not None)

    def considered(self, terms: Terms, facts: Facts) -> Iterator[tuple[str, Decision | None]]:
        """Each rule in its turn by name, with what it minds: the first that minds anything ends it, else allow."""
        for rule in (*DENIALS, *QUESTIONS):
            decision = rule(self, terms, facts)
            yield rule.__name__.strip("_"), decision
            if decision is not None:
                return
        yield "permission", allow(self._permission(terms, facts), f"{self.price(terms)} for {terms.asked.path}")

    def budgets(
        self, network: str, asset: str, *, task: str = "", session: str = "", origin: str = ""
    ) -> tuple[Budget, ...]:
        """What the money of a purchase counts against, each in atomic units of its asset, which must be an allowed one.

        Without a task, session or origin, those that count whatever it is.
        """
        limits, rules = self.limits, self.asset(network, asset)
        assert rules is not None
        host, merchant = host_of(origin), self._index(origin)
        of_seller = "" if merchant is None else self.file.merchants[merchant].per_day
        given = (
            ("limits.per_task", limits.per_task if task else "", "this task", False, "task", task),
            ("limits.per_session", limits.per_session if session else "", "this session", False, "session", session),
            ("limits.per_day", limits.per_day, "these 24 hours", True, "", ""),
            ("limits.per_domain", limits.per_domain if origin else "", f"{host} in 24 hours", True, "host", host),
            (f"merchants[{merchant}].per_day", of_seller, f"{origin} in 24 hours", True, "origin", origin),
            ("limits.in_all", limits.in_all, "this agent", False, "", ""),
        )
        return tuple(
            Budget(rule, atomic(most, rules.decimals), words, daily, column, value)
            for rule, most, words, daily, column, value in given
            if most
        )

    def stranger(self, origin: str) -> Decision | None:
        """What forbids to send anything there at all; None where nothing does."""
        if self._index(origin) is not None:
            return None
        return deny("merchant.unknown", f"{origin} is not among the policy's merchants")

    def place(self, asked: Asked, tags: routes.Tags = ()) -> Decision | None:
        """What forbids the place itself, its origin or its path, listed with these tags; None where nothing does."""
        merchant = self._index(asked.origin)
        if merchant is None:
            return self.stranger(asked.origin)
        return routes.objection(self.file.merchants[merchant], asked.path, tags)

    def merchant(self, terms: Terms) -> MerchantRules | None:
        """The entry with exactly the asked origin."""
        index = self._index(terms.asked.origin)
        return None if index is None else self.file.merchants[index]

    def personal(self, origin: str) -> tuple[str, ...]:
        """The fields in which a seller may be told personal data."""
        return next((entry.personal for entry in self.file.merchants if entry.origin == origin), ())

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

    def _permission(self, terms: Terms, facts: Facts) -> str:
        """The key in the file that allows the route, such as `merchants[0].routes[1]`, or else the capability."""
        index = self._index(terms.asked.origin)
        assert index is not None
        allowed = routes.permission(self.file.merchants[index], terms.asked.path, facts.tags)
        return f"merchants[{index}].{allowed}"

    def _index(self, origin: str) -> int | None:
        return next((index for index, entry in enumerate(self.file.merchants) if entry.origin == origin), None)

    def validity(self, terms: Terms) -> int:
        """How many seconds an authorization for these terms may live: the seller's wish, clamped."""
        limits = self.limits
        longest = min(limits.validity_seconds, limits.metered_seconds) if terms.metered else limits.validity_seconds
        return min(terms.timeout, longest)


def _merchant(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    return policy.stranger(terms.asked.origin)


def _transport(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    merchant, origin = policy.merchant(terms), terms.asked.origin
    assert merchant is not None
    sealed = origin.startswith(("https://", "mcp+https://")) or merchant.command
    if sealed or merchant.inside or is_loopback(origin):
        return None
    return deny(
        "transport.plain", f"{origin} is neither on this machine nor has it TLS: terms may be changed on the way"
    )


def _route(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    return policy.place(terms.asked, facts.tags)


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
    if terms.atomic:
        if terms.pay_to in merchant.executors:
            return None
        return deny("executor.unknown", f"{terms.pay_to} is not among the merchant's executors in the policy")
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


def _hours(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    hours = policy.file.hours
    if hours is None or hours.hold(facts.now):
        return None
    return deny("hours", f"the policy buys from {hours.from_} to {hours.to} {hours.zone} only")


def _scheme(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    merchant = policy.merchant(terms)
    assert merchant is not None
    if terms.entry.scheme not in merchant.schemes:
        return deny("scheme.unknown", f"the policy does not allow the scheme {terms.entry.scheme} at this merchant")
    return None


def _price(policy: Policy, terms: Terms, facts: Facts) -> Decision | None:
    if terms.amount > policy.units(policy.limits.per_call, terms):
        return deny("limits.per_call", f"{policy.price(terms)} is above the limit for one call")
    merchant = policy.merchant(terms)
    assert merchant is not None
    if merchant.per_call and terms.amount > policy.units(merchant.per_call, terms):
        rule = f"merchants[{policy._index(merchant.origin)}].per_call"
        return deny(rule, f"{policy.price(terms)} is above the limit for one call to {merchant.origin}")
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
    everywhere, found, merchant = policy.file.standing, facts.standing, policy.merchant(terms)
    assert merchant is not None
    reviews = max(everywhere.least_reviews, merchant.least_reviews)
    rating = max(everywhere.least_rating, merchant.least_rating)
    if found.reviews < reviews:
        return ask("standing.reviews", f"it has {found.reviews} checked reviews; {reviews} are wanted")
    if found.reviews and found.rating < rating:
        return ask("standing.rating", f"checked reviews rate it {found.rating}; {rating} is wanted")
    return None


Rule = Callable[[Policy, Terms, Facts], Decision | None]
DENIALS: tuple[Rule, ...] = (
    *(_hours, _merchant, _transport, _route, _scheme, _network, _asset),
    *(_recipient, _freshness, _mode, _price),
)
QUESTIONS: tuple[Rule, ...] = (_threshold, _rise, _standing)
