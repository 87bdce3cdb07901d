"""What the policy's file says of one seller."""

from typing import Literal

import msgspec


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A table of the file: a key that means nothing is an error, not a wish that is silently ignored."""


class ActionRules(Strict, frozen=True):
    """Functions of a contract that a DELEGATE payment may call, by canonical signature such as `mintTo(address)`."""

    contract: str
    functions: tuple[str, ...]


class MerchantRules(Strict, frozen=True):
    """A seller by exact origin. In `routes`, `*` stands for one path segment and `**` for any rest.

    `callbacks` may do for the payer what they do by themselves; other functions of theirs stand in `actions`.
    `executors` may take a payment and have a callback act in one chain transaction. `facilitators` may say what a
    metered call cost, up to what was signed for. `per_call` and `per_day` are for this seller alone.
    One `inside` your own network may be at a private address, and without TLS. `command` starts an MCP server on this
    machine, of origin mcp://name. `personal` names the fields that may hold personal data. With `signed_offers` the
    seller's pinned receipt signer must have signed the very terms. What its discovery lists with one of `capabilities`
    as a tag is allowed beside `routes`. `least_rating` and `least_reviews` are for it alone; what it is paid directly
    must go to the wallet that the ERC-8004 agent `agent_id` has.
    """

    origin: str
    routes: tuple[str, ...]
    modes: tuple[str, ...] = ("DIRECT",)
    pay_to: tuple[str, ...] = ()
    callbacks: tuple[str, ...] = ()
    facilitators: tuple[str, ...] = ()
    actions: tuple[ActionRules, ...] = ()
    executors: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    schemes: tuple[Literal["exact", "upto", "delegate"], ...] = ("exact", "upto", "delegate")
    per_call: str = ""
    per_day: str = ""
    inside: bool = False
    signed_offers: bool = False
    capabilities: tuple[str, ...] = ()
    least_rating: int = 0
    least_reviews: int = 0
    agent_id: str = ""
