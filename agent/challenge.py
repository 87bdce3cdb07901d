"""Reading a 402: which of the seller's offers is worth deciding about, and what policy says to it."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from agent.answers import came_from_elsewhere
from agent.decisions import Decision, Verdict, deny
from agent.errors import Refused
from agent.payments import mode_of
from agent.payments.mode import Mode
from agent.terms import Asked, Terms, place_of, read_terms
from protocol.errors import ProtocolError
from protocol.headers import PAYMENT_REQUIRED, decode, decode_json
from protocol.wire import SCHEME_DELEGATE, PaymentRequired, PaymentRequirements
from protocol.wire_v1 import PaymentRequiredV1

MAX_ENTRIES = 16
_BESIDE_THE_POINT = ("network.unknown", "asset.unknown", "executor.unknown")
"""Why an entry is denied that was never meant for this wallet: whoever reads it learns more from the others."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of the 402 that policy does not deny outright."""

    terms: Terms
    decision: Decision
    required: PaymentRequired


def choose(response: httpx.Response, asked: Asked, decide: Callable[[Terms], Decision]) -> Choice:
    """The first entry that is not denied; before all others those by which nothing is paid if the contract call fails.

    Raises Refused, for a 402 that cannot be read too.

    Of several denials it gives the first that is about more than a network or token that the policy does not name.
    """
    required = read_challenge(response, asked)
    denial: Decision | None = None
    for entry in in_order(required):
        mode = mode_of(entry)
        if mode is None or not speaks(required, mode):
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


def in_order(required: PaymentRequired) -> list[PaymentRequirements]:
    """Its entries in the order in which they are considered; of very many the first ones."""
    return sorted(required.accepts[:MAX_ENTRIES], key=lambda entry: entry.scheme != SCHEME_DELEGATE)


def read_challenge(response: httpx.Response, asked: Asked) -> PaymentRequired:
    """What a 402 asks for. Raises Refused where it is not about the very URL that was asked, or cannot be read."""
    if came_from_elsewhere(response, asked):
        raise Refused("redirect", "the terms came by way of a redirect; only the asked URL itself is paid")
    try:
        required = _in_header(response) or _in_body(response)
    except ProtocolError as error:
        raise Refused("terms.malformed", error.detail) from error
    if required is None:
        raise Refused("terms.missing", "the 402 has neither a PAYMENT-REQUIRED header (x402 v2) nor terms in its body")
    if not names(required.resource.url, asked):
        raise Refused("terms.resource", "the terms are for another resource than the one asked for")
    return required


def names(resource: str, asked: Asked) -> bool:
    """Whether a resource is what was asked for: by its path, or by its name for a tool (mcp://tool/x)."""
    try:
        place = place_of(resource)
    except httpx.InvalidURL:
        return False
    if asked.tool is None:
        return place.path == asked.path
    return place.scheme == "mcp" and place.path.rpartition("/")[2] == asked.tool


def speaks(required: PaymentRequired, mode: Mode) -> bool:
    """Whether a mode can be paid in the 402's version: v1's payments have no place for what a contract is to do."""
    return required.x402_version == 2 or not mode.calls_contract


def _in_header(response: httpx.Response) -> PaymentRequired | None:
    """The terms of x402 v2."""
    header = response.headers.get(PAYMENT_REQUIRED)
    if header is None:
        return None
    required = decode(header, PaymentRequired)
    if required.x402_version != 2:
        raise Refused(
            "terms.unsupported", f"the seller speaks x402 version {required.x402_version}, this agent 2 and 1"
        )
    return required


def _in_body(response: httpx.Response) -> PaymentRequired | None:
    """The terms of x402 v1; None for a body that is none of its messages."""
    try:
        told = decode_json(response.content, PaymentRequiredV1)
    except ProtocolError:
        return None
    return told.modern() if told.x402_version == 1 else None
