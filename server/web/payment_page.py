"""The 402 of a paid route as a browser gets it: the terms to read, and a button that pays them with its wallet."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from litestar.response import Template

from protocol import headers as names
from protocol.amounts import display
from protocol.payment import Method
from protocol.wire import SCHEME_EXACT, PaymentRequirements
from server.application.paddock import Paddock
from server.application.present import PaidCall, read_arguments
from server.application.quote import UNPAID
from server.domain.errors import BadArguments
from server.payments import mode_named
from server.services.arguments import published
from server.services.service import Service
from server.web.guards import PAGE_POLICY
from server.web.listing import example_url
from server.web.offering import require_askable, terms
from server.web.pages import page
from server.web.price import price_of
from server.web.reference import fields

POLICY = f"{PAGE_POLICY} blob:"
"""A page's, and images that it made itself of an answer that was paid for."""
_METHODS = {Method.EIP3009: "EIP-3009", Method.PERMIT2: "Permit2"}


@dataclass(frozen=True, slots=True)
class Way:
    """An entry of `accepts` in words; `place` is its index. `here`: a browser's wallet can sign it on the page."""

    place: int
    here: bool
    amount: str
    atomic: str
    symbol: str
    asset: str
    network: str
    pay_to: str
    scheme: str
    method: str


@dataclass(frozen=True, slots=True)
class Blank:
    """An argument to fill in."""

    name: str
    kind: str
    value: str
    required: bool
    about: str


async def payment_page(paddock: Paddock, service: Service, call: PaidCall) -> Template:
    """402 with the terms in header and page; 422 and no terms for arguments that will not do. Raises OffSale.

    A bare request learns the price, as by JSON; where the call needs arguments, the page asks for them before it pays.
    """
    require_askable(service, call, given=False)
    fault = _fault(service, call)
    refused = fault is not None and bool(call.query)
    required = await terms(paddock, service, call)
    header = names.encode(required)
    ways = [_way(paddock, place, entry) for place, entry in enumerate(required.accepts)]
    shown = page(
        "payment.html",
        paddock,
        422 if refused else 402,
        service=service,
        payee=mode_named(service.mode).payee(paddock.merchants[service.merchant]),
        price=price_of(service, paddock.market.asset),
        url=required.resource.url if fault is None else example_url(service, call.origin),
        target=call.intent.target.decode("ascii", "backslashreplace"),
        header=header,
        first=ways[0],
        ways=[way for way in ways if way.here],
        others=[way for way in ways if not way.here],
        quote=required.accepts[0].extra["quoteId"],
        expires=datetime.fromtimestamp(int(required.accepts[0].extra["expiresAt"]), UTC),
        notice=required.error if required.error != UNPAID else "",
        fault=fault if refused else "",
        asks=fault is not None,
        blanks=_blanks(service, call),
    )
    if not refused:
        shown.set_header(names.PAYMENT_REQUIRED, header)
    shown.set_header("Cache-Control", "no-store")
    shown.set_header("Content-Security-Policy", POLICY)
    return shown


def _fault(service: Service, call: PaidCall) -> str | None:
    """What is wrong with the arguments, or is missing; None for a call that can be paid."""
    try:
        read_arguments(service, call)
    except BadArguments as error:
        return error.detail
    return None


def _way(paddock: Paddock, place: int, entry: PaymentRequirements) -> Way:
    asset = paddock.on(entry.network).market.asset_at(entry.asset)
    assert asset is not None, "terms name assets of the market"
    method = Method(entry.extra.get("assetTransferMethod", Method.EIP3009))
    return Way(
        place=place,
        here=entry.scheme == SCHEME_EXACT and method is Method.EIP3009,
        amount=display(int(entry.amount), asset.decimals),
        atomic=entry.amount,
        symbol=asset.symbol,
        asset=entry.asset,
        network=entry.network,
        pay_to=entry.pay_to,
        scheme=entry.scheme,
        method=_METHODS[method],
    )


def _blanks(service: Service, call: PaidCall) -> list[Blank]:
    """What was asked for, or the example, as fields of a form; what is neither asked for nor needed is left out."""
    schema: dict[str, Any] = published(service)["arguments"]
    given = dict(parse_qsl(call.query.decode("ascii", "replace"), keep_blank_values=True))
    values = given or {name: str(value) for name, value in service.example.items()}
    return [
        Blank(one.name, one.kind, values.get(one.name, one.default), one.required, one.description)
        for one in fields(schema)
        if not one.depth and (one.required or one.name in values)
    ]
