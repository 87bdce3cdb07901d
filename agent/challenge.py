"""Reading a 402: which of the seller's offers is worth deciding about, and what policy says to it."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from agent.answers import came_from_elsewhere
from agent.decisions import Decision, Verdict, deny
from agent.errors import Refused
from agent.payments import mode_of
from agent.terms import Asked, Terms, path_of, read_terms
from protocol.errors import ProtocolError
from protocol.headers import PAYMENT_REQUIRED, decode
from protocol.wire import PaymentRequired

MAX_ENTRIES = 16
_BESIDE_THE_POINT = ("network.unknown", "asset.unknown")
"""Why an entry is denied that was never meant for this wallet: whoever reads it learns more from the others."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of the 402 that policy does not deny outright."""

    terms: Terms
    decision: Decision
    required: PaymentRequired


def choose(response: httpx.Response, asked: Asked, decide: Callable[[Terms], Decision]) -> Choice:
    """The first entry that is not denied. Raises Refused, for a 402 that cannot be read too.

    Of several denials it gives the first that is about more than a network or token that the policy does not name.
    """
    required = _required(response, asked)
    denial: Decision | None = None
    for entry in required.accepts[:MAX_ENTRIES]:
        mode = mode_of(entry)
        if mode is None:
            continue
        try:
            terms = read_terms(asked, entry, mode.name)
            decision = decide(terms)
        except ProtocolError as error:
            decision = deny("terms.malformed", error.detail)
        else:
            if decision.verdict is not Verdict.DENY:
                return Choice(terms, decision, required)
        if denial is None or denial.rule in _BESIDE_THE_POINT:
            denial = decision
    if denial is None:
        raise Refused("terms.unsupported", "the seller offers no scheme and mode that this agent speaks")
    raise Refused(denial.rule, denial.detail)


def _required(response: httpx.Response, asked: Asked) -> PaymentRequired:
    if came_from_elsewhere(response, asked):
        raise Refused("redirect", "the terms came by way of a redirect; only the asked URL itself is paid")
    header = response.headers.get(PAYMENT_REQUIRED)
    if header is None:
        raise Refused("terms.missing", "the 402 has no PAYMENT-REQUIRED header (x402 v2), so nothing can be agreed")
    try:
        required = decode(header, PaymentRequired)
    except ProtocolError as error:
        raise Refused("terms.malformed", error.detail) from error
    if required.x402_version != 2:
        raise Refused("terms.unsupported", f"the seller speaks x402 version {required.x402_version}, this agent 2")
    try:
        resource = path_of(httpx.URL(required.resource.url))
    except httpx.InvalidURL:
        resource = ""
    if resource != asked.path:
        raise Refused("terms.resource", "the terms are for another resource than the one asked for")
    return required
