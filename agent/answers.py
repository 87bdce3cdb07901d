"""Reading what a seller answers to a payment: kinds of answers, never trusted, only sorted."""

import base64
from dataclasses import dataclass
from enum import StrEnum

import httpx
import msgspec

from agent.terms import Asked, origin_of
from protocol.errors import ProtocolError
from protocol.headers import PAYMENT_RESPONSE, X_PAYMENT_RESPONSE, decode, decode_json
from protocol.wire import SettleResponse
from protocol.wire_v1 import SettleResponseV1

_LONGEST_WAIT = 30.0


class Kind(StrEnum):
    """What an answer to a sent payment means for the next step."""

    DELIVERED = "delivered"
    LATER = "later"
    """202, 409, 425, 429, 5xx: the same signed bytes may be sent again."""
    UNDONE = "undone"
    """Paid, and what was bought failed: money back is the next thing to ask for."""
    REJECTED = "rejected"
    """402 and other 4xx: the seller will not take this payment. Only its word, so the payment stays in doubt."""
    ELSEWHERE = "elsewhere"
    """A redirect, or an answer from another origin."""


class Transactions(msgspec.Struct):
    """Chain transactions of an order, as far as there are any."""

    settlement: str | None = None
    callback: str | None = None
    refund: str | None = None


class OrderView(msgspec.Struct, kw_only=True):
    """What `GET statusUrl` answers."""

    id: str
    status: str
    payment: str | None = None
    fulfilment: str | None = None
    money_back: str | None = None
    transactions: Transactions = msgspec.field(default_factory=Transactions)

    @property
    def moving(self) -> bool:
        """Something is still under way: worth asking again."""
        return self.status == "pending" or self.money_back in ("due", "sending", "in_doubt")

    @property
    def words(self) -> str:
        """One line for people."""
        back = f", money back: {self.money_back:.20}" if self.money_back not in (None, "none") else ""
        return f"the order is {self.status:.20}{back}"


class RefundView(msgspec.Struct):
    """State of the money back: due, sending, refunded or blocked."""

    state: str
    transaction: str | None = None


class Problem(msgspec.Struct):
    """The members of problem+json that are read by machine or shown to people."""

    title: str = ""
    detail: str = ""
    action: str = ""
    order_id: str | None = None
    refund: RefundView | None = None
    status_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, sorted. `wait` is the seller's Retry-After in seconds, bounded; texts are for people only."""

    kind: Kind
    status: int
    settle: SettleResponse | None
    malformed: str | None
    problem: Problem
    wait: float | None
    body: bytes
    content_type: str


def came_from_elsewhere(response: httpx.Response, asked: Asked) -> bool:
    """A redirect, or an answer that is not the asked URL's own."""
    moved = response.has_redirect_location or any(past.has_redirect_location for past in response.history)
    return moved or response.is_redirect or origin_of(response.url) != asked.origin


def read_answer(response: httpx.Response, asked: Asked) -> Answer:
    """Sort a seller's answer to a payment. Never raises: what cannot be read is `malformed`."""
    settle, malformed = _settlement(response)
    problem = _problem(response) if response.status_code != 200 else Problem()
    return Answer(
        kind=_kind(response, asked, settle),
        status=response.status_code,
        settle=settle,
        malformed=malformed,
        problem=problem,
        wait=retry_after(response),
        body=response.content,
        content_type=response.headers.get("content-type", ""),
    )


def only_content(answer: Answer) -> tuple[bytes, str]:
    """What a tool's answer holds, as its seller has it, with its type, which a text does not say: then it is empty.

    An answer of any other form is taken as it is.
    """
    try:
        (content,) = msgspec.json.decode(answer.body)["content"]
        if content["type"] == "text":
            return content["text"].encode(), ""
        return base64.b64decode(content["resource"]["blob"], validate=True), content["resource"]["mimeType"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.body, answer.content_type


def read_order(response: httpx.Response) -> OrderView | None:
    """An order's public state; None for anything that is not one."""
    if response.status_code != 200:
        return None
    try:
        return decode_json(response.content, OrderView)
    except ProtocolError:
        return None


def _kind(response: httpx.Response, asked: Asked, settle: SettleResponse | None) -> Kind:
    status = response.status_code
    if came_from_elsewhere(response, asked):
        return Kind.ELSEWHERE
    if status >= 400 and settle is not None and settle.success:
        return Kind.UNDONE
    if 200 <= status < 300 and status != 202:
        return Kind.DELIVERED
    if status in (202, 408, 409, 425, 429) or status >= 500:
        return Kind.LATER
    return Kind.REJECTED


def _settlement(response: httpx.Response) -> tuple[SettleResponse | None, str | None]:
    header, legacy = response.headers.get(PAYMENT_RESPONSE), response.headers.get(X_PAYMENT_RESPONSE)
    try:
        if header is not None:
            return decode(header, SettleResponse), None
        return (None if legacy is None else decode(legacy, SettleResponseV1).modern()), None
    except ProtocolError as error:
        return None, error.detail


def _problem(response: httpx.Response) -> Problem:
    try:
        return decode_json(response.content, Problem)
    except ProtocolError:
        return Problem()


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of a Retry-After in that form; a date is ignored, and a long wait is cut."""
    text = response.headers.get("retry-after", "")
    return min(float(text), _LONGEST_WAIT) if text.isascii() and text.isdigit() else None
