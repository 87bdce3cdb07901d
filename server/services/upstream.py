"""A provider's upstream as a service: its paid requests are signed, forwarded once, and the answer is held to what was
promised."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from server.domain.plain_text import one_line
from server.domain.upstreams import JSON, ORDER, PAYER, SIGNATURE, TIMESTAMP, Upstream, UpstreamState, signature
from server.domain.webhooks import WebhookKeys
from server.ports import Clock, Forwarded, Gateway, Reached
from server.services.schemas import struct_of
from server.services.service import Answer, Context, Fulfilment, Service, ServiceError, TryAgain

_BUYERS = frozenset({400, 404, 413, 415, 422})
"""What an upstream says where the arguments are to blame."""
_MOST_SAID = 300


class UpstreamFailed(Exception):
    """The upstream gave no answer that can be sold. The text is for the operator and the provider."""


@dataclass(frozen=True, slots=True)
class Door:
    """The way to upstreams, and what requests to them are signed with."""

    gateway: Gateway
    keys: WebhookKeys
    clock: Clock

    def request(self, upstream: Upstream, arguments: Struct, order: str, payer: str) -> Forwarded:
        """The signed request that asks an upstream; unset arguments are left out."""
        given = {name: value for name, value in msgspec.to_builtins(arguments).items() if value is not None}
        url, body = upstream.url, b""
        if upstream.method == "POST":
            body = msgspec.json.encode(arguments)
        elif given:
            told = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
            url += ("&" if urlsplit(url).query else "?") + urlencode(told)
        headers = self.headers(upstream, url, body, order, payer)
        return Forwarded(upstream.method, url, headers, body, float(upstream.seconds))

    def headers(self, upstream: Upstream, url: str, body: bytes, order: str, payer: str) -> dict[str, str]:
        """What an upstream can check: by each secret that signs now, so that a rotation breaks nothing."""
        now = self.clock.now()
        timestamp, parts = int(now.timestamp()), urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        signed = (
            signature(self.keys.upstream_secret(upstream.slug, name), timestamp, order, upstream.method, target, body)
            for name in upstream.secrets(now)
        )
        own = {ORDER: order, PAYER: payer, TIMESTAMP: str(timestamp), SIGNATURE: ", ".join(signed)}
        return own | {"Accept": upstream.media_type} | ({"Content-Type": JSON} if body else {})


def service_of(upstream: Upstream, door: Door | None) -> Service:
    """The service that an upstream is sold as. Without a door it can be described and quoted, and not run.

    Raises BadUpstream for one whose schemas are no longer understood.
    """
    asks = struct_of(msgspec.json.decode(upstream.arguments), "arguments", strict=True, flat=upstream.method == "GET")
    answers: type[Struct] | str = upstream.media_type
    if upstream.answers:
        answers = struct_of(msgspec.json.decode(upstream.answers), "answers", strict=False)

    async def run(arguments: Any, context: Context) -> Answer:
        if door is None:
            raise UpstreamFailed(f"this process has no way to {upstream.slug}")
        request = door.request(upstream, arguments, context.order, context.payer)
        return answer_of(upstream, answers, await door.gateway.forward(request))

    return Service(
        slug=upstream.slug,
        title=upstream.title,
        summary=upstream.summary,
        kind=upstream.kind,
        unit=upstream.unit,
        amount=upstream.amount,
        arguments=asks,
        answers=answers,
        example=msgspec.json.decode(upstream.example),
        run=run,
        method=upstream.method,
        fulfilment=Fulfilment.AFTER_SETTLEMENT if upstream.settles_first else Fulfilment.AFTER_VERIFICATION,
        merchant=upstream.merchant,
        tags=upstream.tags,
        timeout=upstream.seconds + 1.0,
        quote_seconds=upstream.quote_seconds,
        on_sale=upstream.state is UpstreamState.LISTED,
    )


def answer_of(upstream: Upstream, answers: type[Struct] | str, reached: Reached) -> Answer:
    """What is sold of an upstream's answer. Raises ServiceError where the buyer is to blame, TryAgain where nothing
    was begun, UpstreamFailed else."""
    if reached.status is None:
        raise UpstreamFailed(reached.error) if reached.begun else TryAgain(reached.error)
    if reached.status in _BUYERS:
        said = one_line(reached.body.decode("utf-8", "replace"), _MOST_SAID)
        raise ServiceError(f"the provider answers {reached.status}: {said}")
    if reached.status != 200:
        raise UpstreamFailed(f"{upstream.slug} answers {reached.status}")
    if not reached.whole:
        raise UpstreamFailed(f"the answer of {upstream.slug} is too long, or broke off")
    if reached.media_type != upstream.media_type:
        raise UpstreamFailed(f"{upstream.slug} answers with {reached.media_type!r}, and sells {upstream.media_type}")
    if upstream.media_type == JSON:
        require_promised(upstream, answers, reached.body)
    return Answer(reached.body, upstream.media_type)


def require_promised(upstream: Upstream, answers: type[Struct] | str, body: bytes) -> None:
    """JSON, and as its schema says where there is one. Raises UpstreamFailed."""
    try:
        msgspec.json.decode(body, type=Any if isinstance(answers, str) else answers)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamFailed(f"the answer of {upstream.slug} is not what is sold: {error}") from error
