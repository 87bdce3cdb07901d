"""On sale: a task that waits until the chain shows what was asked for, in time; else its price comes back."""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from protocol.hashing import keccak
from server.domain.errors import InternalError
from server.services.arguments import Address, Transaction, checksummed
from server.services.service import Answer, Context, Fulfilment, Service, ServiceError, TryAgain, json_answer

MOST_STEPS = 5
LONGEST = 3_600
"""Seconds that a task may wait: far less than its payment is held, and room for a worker that was away."""
HELD_SECONDS = 7 * 86_400

Units = Annotated[str, Meta(pattern="^[1-9][0-9]{0,77}$", description="Atomic units, as a decimal string.")]


class Code(Struct, forbid_unknown_fields=True, tag="code", tag_field="kind"):
    """Until there is a contract at an address."""

    address: Address

    def __post_init__(self) -> None:
        checksummed(self.address)


class Holds(Struct, forbid_unknown_fields=True, tag="holds", tag_field="kind"):
    """Until an address holds at least so much of the asset that is paid in."""

    address: Address
    at_least: Units

    def __post_init__(self) -> None:
        checksummed(self.address)


class Confirmed(Struct, forbid_unknown_fields=True, tag="confirmed", tag_field="kind"):
    """Until a chain transaction has succeeded, and its block is the first of so many. It fails if that reverted."""

    transaction: Transaction
    confirmations: Annotated[int, Meta(ge=1, le=100)] = 1


class WatchArguments(Struct, forbid_unknown_fields=True):
    """What has to be true, all of it at one look, within so many seconds of the payment."""

    until: Annotated[
        list[Code | Holds | Confirmed],
        Meta(min_length=1, max_length=MOST_STEPS, description="Steps: each `code`, `holds` or `confirmed`."),
    ]
    within: Annotated[int, Meta(ge=1, le=LONGEST, description="Seconds.")]


class Found(Struct):
    """Evidence of a step: of `code` its keccak256, of `holds` the balance, of `confirmed` the block's hash."""

    kind: str
    subject: str
    found: str


class WatchReport(Struct):
    """That everything was true at `at`, when the newest block was `block`, so many seconds after the payment."""

    steps: list[Found]
    block: int
    at: datetime
    after_seconds: int


async def run(arguments: WatchArguments, context: Context) -> Answer:
    """Raises TryAgain until all steps are true, ServiceError when the time is over or a step can never be true."""
    if context.paid_at is None:
        raise InternalError("a watch begins with its payment")
    now = context.clock.now()
    late = now > context.paid_at + timedelta(seconds=arguments.within)
    block = await context.chain.block_number()
    steps: list[Found] = []
    for number, step in enumerate(arguments.until, 1):
        found = await _look(step, context, block)
        if found is None or late:
            waits = f"step {number} of {len(arguments.until)} ({step.__struct_config__.tag}) was not seen true"
            raise ServiceError(f"{waits} within {arguments.within} s") if late else TryAgain(f"{waits} yet")
        steps.append(found)
    after = int((now - context.paid_at).total_seconds())
    return json_answer(WatchReport(steps, block, now, after))


async def _look(step: Code | Holds | Confirmed, context: Context, block: int) -> Found | None:
    """What the chain shows of a step, None while it is not true. Raises ServiceError if it never will be."""
    if isinstance(step, Code):
        code = await context.chain.code(checksummed(step.address))
        return Found("code", step.address, "0x" + keccak(code).hex()) if code else None
    if isinstance(step, Holds):
        held = await context.chain.token_balance(context.asset, checksummed(step.address), block)
        return Found("holds", step.address, str(held)) if held >= int(step.at_least) else None
    mined = await context.chain.mined(step.transaction.lower())
    if mined and not mined.succeeded:
        raise ServiceError("the chain transaction that was to be confirmed has reverted")
    deep = mined is not None and block - mined.block + 1 >= step.confirmations
    return Found("confirmed", step.transaction, mined.block_hash) if mined and deep else None


SERVICE = Service(
    slug="chain-watch",
    title="Chain watch, charged when it comes true",
    summary="Waits until the chain shows what you name. Paid into escrow: the merchant's on success, else given back.",
    kind="workflow automation",
    unit="completed task",
    amount=50_000,
    method="POST",
    mode="DELEGATE",
    fulfilment=Fulfilment.AFTER_SETTLEMENT,
    callback="EscrowRelease",
    held_seconds=HELD_SECONDS,
    arguments=WatchArguments,
    answers=WatchReport,
    example={"until": [{"kind": "code", "address": "0x000000000022D473030F116dDEE9F6B43aC78BA3"}], "within": 60},
    run=run,
    tags=("workflow", "escrow", "chain"),
)
