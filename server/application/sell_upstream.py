"""Sell an upstream: what a provider, or its operator, does with one: describe, probe, list, change, pause, delist."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import msgspec

from protocol.amounts import atomic
from protocol.errors import ProtocolError
from server.application.post import Office, post_of
from server.application.probe import Finding, probe, require_passed
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.listing_errors import BadUpstream, UnknownUpstream, UpstreamConflict
from server.domain.market import PRICE_DECIMALS
from server.domain.upstreams import (
    JSON,
    LONGEST_QUOTE,
    LONGEST_RUN,
    MEDIA_TYPES,
    MOST_PRICE,
    Upstream,
    UpstreamState,
    require_move,
    slug_of,
)
from server.ports import Gateway
from server.services.arguments import json_schema
from server.services.upstream import service_of

MOST_UPSTREAMS = 1_000
"""Of one merchant."""
MOST_SCHEMA = 16 * 1024
"""Bytes of a schema or an example."""
_WORDS = {"title": 80, "summary": 300, "kind": 40, "unit": 40}
_MOST_TAGS, _LONGEST_TAG = 8, 24


class Described(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """How a provider wants to sell an upstream. `price` is in dollars, like "0.01"; `answers` is a JSON Schema, or a
    media type other than JSON; `arguments` is the JSON Schema of an object that `example` satisfies."""

    url: str
    title: str
    summary: str
    price: str
    kind: str = "data API"
    unit: str = "call"
    method: Literal["GET", "POST"] = "GET"
    arguments: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "object"})
    example: dict[str, Any] = msgspec.field(default_factory=dict)
    answers: dict[str, Any] | str = msgspec.field(default_factory=dict)
    tags: tuple[str, ...] = ()
    fulfilment: Literal["after_verification", "after_settlement"] = "after_verification"
    timeout_seconds: int = 10
    quote_seconds: int = 120


async def draft(office: Office, merchant: str, name: str, described: Described, by: str) -> tuple[Upstream, str]:
    """Keep a new upstream, not on sale yet, and the secret that its requests are signed with, in hex.

    Raises BadUpstream, BadUrl, UpstreamConflict.
    """
    post, slug = post_of(office), slug_of(merchant, name)
    made = Upstream(
        slug=slug,
        merchant=merchant,
        secret=post.keys.new(),
        state=UpstreamState.DRAFT,
        version=0,
        at=office.clock.now(),
        by=by[:64],
        **_facts(office, described),
    )
    _require_sound(made)
    try:
        async with office.db.begin("upstream changed") as work:
            own = [one for one in await work.upstreams.all() if one.merchant == merchant]
            if len(own) >= MOST_UPSTREAMS:
                raise BadUpstream(f"a merchant has at most {MOST_UPSTREAMS} services")
            await work.upstreams.add(made)
    except DuplicateClaim as error:
        raise UpstreamConflict(f"there is a service {slug!r} already; change it, or take another name") from error
    return made, post.keys.upstream_secret(slug, made.secret).hex()


async def change(
    office: Office, gateway: Gateway, merchant: str, slug: str, described: Described, by: str
) -> tuple[Upstream, list[Finding]]:
    """Describe it anew; what is on sale, only as the probe finds it. Quotes that are out keep their price until they
    expire, and are answered by the upstream as it is now. Raises as `draft`, and ProbeFailed, with nothing changed."""
    old = await own(office, merchant, slug)
    new = replace(old, **_facts(office, described), at=office.clock.now(), by=by[:64])
    _require_sound(new)
    findings: list[Finding] = []
    if old.state in (UpstreamState.LISTED, UpstreamState.PAUSED):
        findings = await probe(new, post_of(office), gateway, office.clock)
        require_passed(findings)
    return await _save(office, new, old), findings


async def enlist(office: Office, gateway: Gateway, merchant: str, slug: str, by: str) -> tuple[Upstream, list[Finding]]:
    """Put it on sale, if the probe finds nothing against it. Raises ProbeFailed, UpstreamConflict."""
    old = await own(office, merchant, slug)
    require_move(old, UpstreamState.LISTED)
    findings = await probe(old, post_of(office), gateway, office.clock)
    require_passed(findings)
    new = replace(old, state=UpstreamState.LISTED, at=office.clock.now(), by=by[:64])
    return await _save(office, new, old), findings


async def rest(office: Office, merchant: str, slug: str, state: UpstreamState, by: str) -> Upstream:
    """Pause or delist it: nothing new is sold, and what was paid for is still answered. Raises UpstreamConflict."""
    old = await own(office, merchant, slug)
    require_move(old, state)
    return await _save(office, replace(old, state=state, at=office.clock.now(), by=by[:64]), old)


async def rotate(office: Office, merchant: str, slug: str, overlap: timedelta, by: str) -> tuple[Upstream, str]:
    """Sign with a new secret, and for `overlap` with the one before too; the new one in hex."""
    old, keys, now = await own(office, merchant, slug), post_of(office).keys, office.clock.now()
    former = {"old_secret": old.secret, "old_secret_until": now + overlap} if overlap else {"old_secret": ""}
    new = replace(old, secret=keys.new(), at=now, by=by[:64], **former)
    return await _save(office, new, old), keys.upstream_secret(slug, new.secret).hex()


async def own(office: Office, merchant: str, slug: str) -> Upstream:
    """A merchant's upstream. Raises UnknownUpstream, in the same words for one that is another's."""
    async with office.db.read() as view:
        found = await view.upstreams.get(slug)
    if found is None or found.merchant != merchant:
        raise UnknownUpstream(f"{merchant} has no service {slug[:64]!r}")
    return found


async def owned(office: Office, merchant: str) -> Sequence[Upstream]:
    """All of a merchant, by slug."""
    async with office.db.read() as view:
        return [one for one in await view.upstreams.all() if one.merchant == merchant]


async def _save(office: Office, new: Upstream, old: Upstream) -> Upstream:
    try:
        async with office.db.begin("upstream changed") as work:
            await work.upstreams.save(new, old)
    except StaleWrite as error:
        raise UpstreamConflict("somebody else changed it at this moment; look again") from error
    return replace(new, version=old.version + 1)


def _facts(office: Office, described: Described) -> dict[str, Any]:
    """The members of an Upstream that a description decides. Raises BadUpstream, BadUrl."""
    post_of(office).rules.check(described.url)
    for name, most in _WORDS.items():
        _require_words(name, getattr(described, name), most)
    if len(described.tags) > _MOST_TAGS:
        raise BadUpstream(f"tags: at most {_MOST_TAGS}")
    for tag in described.tags:
        _require_words("tags", tag, _LONGEST_TAG)
    for name, least, most in (("timeout_seconds", 1, LONGEST_RUN), ("quote_seconds", 10, LONGEST_QUOTE)):
        if not least <= getattr(described, name) <= most:
            raise BadUpstream(f"{name}: {least} to {most}")
    media_type = described.answers if isinstance(described.answers, str) else JSON
    if media_type not in MEDIA_TYPES or described.answers == JSON:
        others = ", ".join(MEDIA_TYPES[1:])
        raise BadUpstream(f"answers: a JSON Schema, or one of {others}")
    return {
        "url": described.url,
        "method": described.method,
        "title": described.title,
        "summary": described.summary,
        "kind": described.kind,
        "unit": described.unit,
        "amount": _price(described.price),
        "arguments": _json("arguments", described.arguments),
        "example": _json("example", described.example),
        "answers": b"" if isinstance(described.answers, str) or not described.answers
        else _json("answers", described.answers),
        "media_type": media_type,
        "tags": described.tags,
        "settles_first": described.fulfilment == "after_settlement",
        "seconds": described.timeout_seconds,
        "quote_seconds": described.quote_seconds,
    }  # fmt: skip


def _require_sound(upstream: Upstream) -> None:
    """That it can be described and quoted. Raises BadUpstream."""
    service = service_of(upstream, None)
    try:
        msgspec.convert(service.example, service.arguments)
    except msgspec.ValidationError as error:
        shown = msgspec.json.encode(json_schema(service.arguments)).decode()
        raise BadUpstream(f"example: {error}; the schema is {shown[:500]}") from error


def _price(text: str) -> int:
    try:
        price = atomic(text, PRICE_DECIMALS)
    except ProtocolError as error:
        raise BadUpstream(f'price: {error.detail}; write it in dollars, like "0.01"') from error
    if not 0 < price <= MOST_PRICE:
        raise BadUpstream("price: above 0, and at most 10000 dollars")
    return price


def _require_words(name: str, text: str, most: int) -> None:
    if not 0 < len(text.strip()) <= len(text) <= most or not text.isprintable():
        raise BadUpstream(f"{name}: 1 to {most} printable characters")


def _json(name: str, value: object) -> bytes:
    told = msgspec.json.encode(value)
    if len(told) > MOST_SCHEMA:
        raise BadUpstream(f"{name}: at most {MOST_SCHEMA} bytes")
    return told
