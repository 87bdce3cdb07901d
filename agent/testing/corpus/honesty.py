"""Honest ways to sell: what differs between sellers, and is no reason not to buy."""

from collections.abc import Iterator
from typing import Any

import msgspec

from agent.testing.corpus.cases import STRANGER, Bendable, Case, Json, Prepare, altered, answering, rewritten
from protocol.wire import PaymentRequirements


def cases() -> Iterator[Case]:
    """All of them."""
    for amount in (1, 7, 999, 50_000, 499_999, 500_000):
        yield Case(f"priced {amount}", _set(amount=amount))
    for path in ("echo", "a", "market-signal", "v2", "%41", "x.y", "x~y", "x%20y", "caf%C3%A9", "0"):
        yield Case(f"at /v1/{path}", _set(), f"{{origin}}/v1/{path}")
    for query in ("?q=1", "?q=a+b&r=%26", "?q=", "?q=%F0%9F%98%80", "?" + "x=y&" * 100, "?url=http://elsewhere.test/"):
        yield Case(f"with {query:.30}", _set(), f"{{origin}}/v1/echo{query}")
    yield Case("without a receipt", lambda seller: seller.without_receipts())
    yield Case("a large answer", _set(body=b"x" * 300_000))
    yield Case("an empty answer", _set(body=b""))
    for timeout in (15, 60, 300, 3_600, 86_400):
        yield Case(f"{timeout} s of validity", _entry(max_timeout_seconds=timeout))
    yield Case("addresses in lower case", _lower)
    yield Case("members that nobody knows", altered({"x-new": {"a": [1, 2]}}, {"note": "hello", "tier": 3}))
    yield Case("with decimals", altered({}, {"decimals": "6"}))
    yield Case("without our extras", _foreign)
    yield Case("an unpayable entry first", _beside)
    for how in ("500", "503", "429", "409", "202", "reset", "lost"):
        yield Case(f"after a {how}", answering([how]))


def _set(**values: Any) -> Prepare:
    def prepare(seller: Bendable) -> None:
        for name, value in values.items():
            assert hasattr(seller, name)
            setattr(seller, name, value)

    return prepare


def _entry(**values: Any) -> Prepare:
    def alter(entry: PaymentRequirements) -> PaymentRequirements:
        return msgspec.structs.replace(entry, **values)

    return _set(alter=alter)


def _lower(seller: Bendable) -> None:
    seller.alter = lambda entry: msgspec.structs.replace(entry, asset=entry.asset.lower(), pay_to=entry.pay_to.lower())


def _foreign(seller: Bendable) -> None:
    """Nothing of Paddock's but the quote that the fake seller itself needs."""
    kept = ("name", "version", "quoteId")
    seller.alter = lambda entry: msgspec.structs.replace(entry, extra={name: entry.extra[name] for name in kept})
    seller.without_receipts()


def _beside(seller: Bendable) -> None:
    def change(required: Json) -> None:
        (entry,) = required["accepts"]
        required["accepts"] = [entry | {"asset": STRANGER, "amount": "1"}, entry]

    rewritten(change)(seller)
