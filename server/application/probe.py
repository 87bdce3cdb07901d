"""Probe: ask an upstream as a buyer's payment would, and say exactly what is wrong before anything is sold."""

import secrets
from dataclasses import dataclass, replace

import msgspec

from server.application.post import Post
from server.domain.errors import PaddockError
from server.domain.listing_errors import ProbeFailed
from server.domain.upstreams import JSON, MOST_ANSWER, SIGNATURE, Upstream
from server.ports import Clock, Gateway, Reached
from server.services.service import Service
from server.services.upstream import Door, UpstreamFailed, require_promised, service_of

NOBODY = "0x" + "0" * 40
"""The payer of a probe."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what came, and how to mend it. One that only warns is no reason not to sell."""

    check: str
    passed: bool
    says: str
    mend: str = ""
    warns: bool = False


async def probe(upstream: Upstream, post: Post, gateway: Gateway, clock: Clock) -> list[Finding]:
    """The findings, in the order of the checks; where one fails that the next depend on, it is the last.

    The upstream is asked twice with its own example: signed, and with a false signature. Nothing is written.
    """
    try:
        post.rules.check(upstream.url)
        service = service_of(upstream, None)
        arguments = msgspec.convert(service.example, service.arguments)
    except (PaddockError, msgspec.ValidationError) as error:
        return [Finding("description", False, str(error), "correct the description of the service")]
    door = Door(gateway, post.keys, clock)
    asked = door.request(upstream, arguments, f"probe_{secrets.token_hex(8)}", NOBODY)
    reached = await gateway.forward(asked)
    found = [Finding("description", True, "it can be asked and quoted"), *_of(upstream, service, reached)]
    if all(one.passed for one in found):
        forged = replace(asked, headers={**asked.headers, SIGNATURE: "v1=" + "0" * 64})
        found.append(_unsigned(await gateway.forward(forged)))
    return found


def require_passed(findings: list[Finding]) -> None:
    """Raises ProbeFailed with the findings."""
    failed = [one for one in findings if not one.passed and not one.warns]
    if failed:
        told = [msgspec.to_builtins(one) for one in findings]
        raise ProbeFailed(f"{failed[0].check}: {failed[0].says}", findings=told)


def _of(upstream: Upstream, service: Service, reached: Reached) -> list[Finding]:
    if reached.status is None:
        mend = "open it to the public internet with a valid certificate, or correct the URL"
        return [Finding("reached", False, reached.error, mend)]
    found = [Finding("reached", True, "it answers")]
    if reached.status != 200:
        mend = "answer the signed example with 200; 401 means that the signature is checked in another way"
        return [*found, Finding("status", False, f"it answers {reached.status}", mend)]
    found.append(Finding("status", True, "it answers 200"))
    if not reached.body or not reached.whole:
        mend = f"answer with 1 to {MOST_ANSWER} bytes"
        return [*found, Finding("size", False, f"{len(reached.body)} bytes came, or more than may be", mend)]
    found.append(Finding("size", True, f"{len(reached.body)} bytes"))
    if reached.media_type != upstream.media_type:
        said = f"Content-Type is {reached.media_type[:100]!r}, and {upstream.media_type} is sold"
        return [*found, Finding("type", False, said, "send that Content-Type, or describe the one that is sent")]
    found.append(Finding("type", True, upstream.media_type))
    if upstream.media_type == JSON:
        found.append(_promised(upstream, service, reached))
    return found


def _promised(upstream: Upstream, service: Service, reached: Reached) -> Finding:
    try:
        require_promised(upstream, service.answers, reached.body)
    except UpstreamFailed as error:
        return Finding("answer", False, str(error), "answer as the schema says, or correct the schema")
    return Finding("answer", True, "it is what its description promises")


def _unsigned(reached: Reached) -> Finding:
    if reached.status is not None and 200 <= reached.status < 300:
        says = "it answers requests whose signature is false: whoever finds the URL has it for nothing"
        return Finding("signature", False, says, f"check the header {SIGNATURE}: docs/guides/upstream.md", warns=True)
    return Finding("signature", True, "it refuses a false signature")
