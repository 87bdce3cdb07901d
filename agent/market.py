"""The market: what sellers advertise, compared by price, and remembered for when they ask for it."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from agent import capabilities, prices, standing
from agent.clock import Clock
from agent.errors import SellerUnavailable
from agent.payments import mode_of
from agent.privacy import redact
from agent.standing import UNKNOWN, Standing, read_standing
from agent.store import Store
from agent.terms import Asked, Terms, origin_of, path_of, read_terms
from agent.tracing import Searches, during, named
from protocol.errors import ProtocolError
from protocol.headers import decode_json
from protocol.wire import SCHEME_DELEGATE, PaymentRequirements

PAGE = 100
MAX_PAGES = 10


class Item(msgspec.Struct, rename="camel", kw_only=True):
    """One resource in a discovery answer; texts are the seller's own praise and decide nothing."""

    resource: str
    accepts: list[PaymentRequirements] = []
    description: str = ""
    tags: Any = None
    extensions: dict[str, Any] = {}


class Listing(msgspec.Struct):
    """`GET /discovery/resources` gives `items`, `GET /discovery/search` gives `resources`."""

    items: list[Item] = []
    resources: list[Item] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Something on sale: `terms` and `standing` are typed and comparable, all texts are for people only.

    `example` is the input that the seller gives as an example: query parameters of a GET, else the JSON body;
    `executors` are those that would take an atomic payment for it.
    """

    url: str
    method: str
    terms: Terms
    title: str = ""
    description: str = ""
    unit: str = ""
    kind: str = ""
    fulfilment: str = ""
    example: Any = None
    executors: tuple[str, ...] = ()
    returns: dict[str, Any] = field(default_factory=dict)
    standing: Standing = UNKNOWN
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Market:
    """Asks sellers what they have."""

    client: httpx.Client
    store: Store
    clock: Clock
    searches: Searches = field(default_factory=Searches)

    def discover(self, seller: str, query: str = "") -> list[Offer]:
        """Offers of a seller's discovery, cheapest first per asset; with a query, those its search finds.

        Remembers the prices that the seller advertises for itself. Raises SellerUnavailable.
        """
        with during("search") as trace:
            items = self._search(seller, query) if query else self._all(seller)
        offers = [offer for item in items if (offer := _offer(item)) is not None]
        self.searches.found((offer.url for offer in offers), trace)
        with self.store.begin() as connection:
            for offer in offers:
                terms = offer.terms
                if terms.asked.origin != origin_of(httpx.URL(seller)):
                    continue
                where = (terms.asked.origin, offer.method, terms.asked.path, terms.mode, terms.network, terms.asset)
                standing.remember(connection, terms, offer.standing, self.clock.now())
                capabilities.remember(connection, terms.asked, offer.tags, self.clock.now())
                prices.advertised(connection, prices.Route(*where), terms.amount, terms.pay_to, self.clock.now())
        return sorted(offers, key=lambda offer: (offer.terms.network, offer.terms.asset, offer.terms.amount))

    def _all(self, seller: str) -> list[Item]:
        items: list[Item] = []
        for page in range(MAX_PAGES):
            found = self._get(f"{seller}/discovery/resources", {"limit": PAGE, "offset": page * PAGE}).items
            items += found
            if len(found) < PAGE:
                break
        return items

    def _search(self, seller: str, query: str) -> list[Item]:
        return self._get(f"{seller}/discovery/search", {"query": redact(query)}).resources

    def _get(self, url: str, params: dict[str, Any]) -> Listing:
        try:
            response = self.client.get(url, params=params, headers=named(), follow_redirects=False)
            if response.status_code != 200:
                raise SellerUnavailable(f"{url} answers HTTP {response.status_code}", "is it an x402 marketplace?")
            return decode_json(response.content, Listing)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SellerUnavailable(
                f"{url} does not answer ({type(error).__name__})", "start it, or set PADDOCK_AGENT_SELLER"
            ) from error
        except ProtocolError as error:
            raise SellerUnavailable(f"{url} answers something else than a listing: {error.detail}") from error


def _offer(item: Item) -> Offer | None:
    """The first entry this agent could pay; None for items it cannot read."""
    how = _dict(_dict(_dict(item.extensions.get("bazaar")).get("info")).get("input"))
    service = _dict(item.extensions.get("paddock-service"))
    method = str(how.get("method", "GET")).upper()
    for entry in item.accepts:
        mode = mode_of(entry)
        if mode is None:
            continue
        try:
            url = httpx.URL(item.resource).copy_with(query=None)
            path_of(url)
            terms = read_terms(Asked(method, str(url), "", "", b"", ""), entry, mode.name)
        except (httpx.InvalidURL, ProtocolError):
            continue
        return Offer(
            url=str(url),
            method=method,
            terms=terms,
            title=str(service.get("title", "")),
            description=item.description,
            unit=str(service.get("unit", "")),
            kind=str(service.get("kind", "")),
            fulfilment=str(service.get("fulfilment", "")),
            example=how.get("queryParams", how.get("body")),
            executors=tuple(one.pay_to for one in item.accepts if one.scheme == SCHEME_DELEGATE),
            returns=_dict(service.get("returns")),
            standing=read_standing(item.extensions.get("paddock-reputation")),
            tags=capabilities.read_tags(item.tags),
        )
    return None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
