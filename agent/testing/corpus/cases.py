"""What a case of the corpora is: how a seller is bent, whichever seller it is."""

import base64
import json
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import httpx

from protocol.headers import PAYMENT_REQUIRED
from protocol.networks import v1_name
from protocol.wire import PaymentRequirements

Json = dict[str, Any]
Respond = Callable[[httpx.Request], httpx.Response]
STRANGER = "0x976EA74026E726554dB657fA54763abd0C3a0aa9"
"""An address that has to do with nobody."""
CONTRACT = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
"""A contract that a buyer's policy may know as a callback."""


class Places(NamedTuple):
    """Origins: the seller's own, one of somebody else, one that looks like the seller's, and one inside."""

    origin: str
    elsewhere: str
    look_alike: str
    inside: str


class Bendable(Protocol):
    """A seller that can be bent. `paid` queues how the next paid requests are answered."""

    places: Places
    amount: int
    body: bytes
    paid: deque[str]
    alter: Callable[[PaymentRequirements], PaymentRequirements]
    handle_unpaid: Respond
    handle_paid: Respond | None

    def unpaid(self, request: httpx.Request) -> httpx.Response:
        """Its honest 402."""

    def without_receipts(self) -> None:
        """From now on it signs none."""


Prepare = Callable[[Bendable], None]


class Case(NamedTuple):
    """`signs`: an honest price is asked at some point, so one payment of it may be signed; no other ever.

    `url` names the seller's places in braces.
    """

    name: str
    prepare: Prepare
    url: str = "{origin}/v1/echo"
    signs: bool = False

    def at(self, places: Places) -> str:
        """What is asked for."""
        return self.url.format(**places._asdict())


def altered(members: Json, extra: Json | None = None) -> Prepare:
    """The first entry of the seller's 402 with other members."""

    def change(required: Json) -> None:
        entry = required["accepts"][0]
        entry |= members
        entry["extra"] |= extra or {}

    return rewritten(change)


def rewritten(change: Callable[[Json], None]) -> Prepare:
    """The seller's 402 with its JSON changed, in the header of v2 and in the body of v1."""

    def write(required: Json) -> tuple[bytes, bytes]:
        change(required)
        return base64.b64encode(json.dumps(required).encode()), json.dumps(_legacy(required)).encode()

    return _answered(write)


def reencoded(encode: Callable[[Json], bytes]) -> Prepare:
    """The seller's 402 with a header of its own making, and nothing of v1."""
    return _answered(lambda required: (encode(required), b""))


def _answered(write: Callable[[Json], tuple[bytes, bytes]]) -> Prepare:
    """The seller's 402 as another header and body."""

    def prepare(seller: Bendable) -> None:
        def unpaid(request: httpx.Request) -> httpx.Response:
            answer = seller.unpaid(request)
            header, body = write(json.loads(base64.b64decode(answer.headers[PAYMENT_REQUIRED])))
            return httpx.Response(402, headers=[(PAYMENT_REQUIRED.encode(), header)], content=body)

        seller.handle_unpaid = unpaid

    return prepare


def _legacy(required: Json) -> Json:
    """Terms in v1's words, as wrong as they are."""
    entries = []
    for entry in required["accepts"]:
        network = entry["network"]
        old = {name: value for name, value in entry.items() if name not in ("amount", "network")}
        old |= {"maxAmountRequired": entry["amount"], "network": v1_name(network) if network else network}
        entries.append(old | {"resource": required["resource"]["url"], "mimeType": "", "description": ""})
    return {"x402Version": 1, "error": required.get("error") or "X-PAYMENT header is required", "accepts": entries}


def answering(answers: list[str]) -> Prepare:
    """The next payments are answered like this."""
    return lambda seller: seller.paid.extend(answers)
