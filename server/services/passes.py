"""What all passes share: a payment has minted one on chain, and the answer says which and to whom."""

from datetime import UTC, datetime
from typing import Any

from eth_utils.address import to_checksum_address
from msgspec import Struct

from server.domain.errors import InternalError
from server.services.arguments import Calldata
from server.services.service import Answer, Context, Fulfilment, Service, json_answer

EVENT = "PassMinted"
MINT_TO = "mintTo(address)"
LAST_SECOND = 253_402_300_799
"""The end of year 9999: what lies beyond never expires."""


class PassArguments(Struct, forbid_unknown_fields=True):
    """Nothing, for a pass of the payer's own; or the calldata of another action, `mintTo(address beneficiary)`, which
    the payer signs."""

    calldata: Calldata | None = None


class PassReport(Struct):
    """A minted pass. `pass_id` is the ERC-721 token id, `holder` its first owner, `payer` who paid for it, `order_id`
    the order's id on chain; `expires_at` is null for a pass that does not expire."""

    pass_id: str
    contract: str
    holder: str
    payer: str
    order_id: str
    expires_at: datetime | None
    transaction: str


async def run(arguments: PassArguments, context: Context) -> Answer:
    """Raises InternalError when no callback ran for this order, or it minted no pass for this payer."""
    execution = context.execution
    if execution is None or EVENT not in execution.events:
        raise InternalError(f"The callback left no {EVENT} event")
    minted = execution.events[EVENT]
    payer = str(to_checksum_address(minted["payer"]))
    if payer != to_checksum_address(context.payer):
        raise InternalError(f"The callback minted for {payer}, but {context.payer} paid")
    return json_answer(
        PassReport(
            pass_id=str(minted["passId"]),
            contract=str(to_checksum_address(execution.contract)),
            holder=_holder(execution.events, payer),
            payer=payer,
            order_id=_hex(minted["orderId"]),
            expires_at=_moment(int(minted["expiresAt"])),
            transaction=execution.transaction,
        )
    )


def _holder(events: dict[str, dict[str, Any]], payer: str) -> str:
    """Whom the ERC-721 Transfer names, since a payer may have it minted to somebody else; without one, the payer."""
    transfer = events.get("Transfer", {})
    if str(transfer.get("tokenId")) != str(events[EVENT]["passId"]):
        return payer
    return str(to_checksum_address(transfer["to"]))


def _hex(value: bytes | str) -> str:
    return value if isinstance(value, str) else "0x" + bytes(value).hex()


def _moment(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds <= LAST_SECOND else None


def pass_service(*, slug: str, title: str, summary: str, callback: str, amount: int, tags: tuple[str, ...]) -> Service:
    """A pass on sale, minted by the named contract to the payer or whom it names, at `amount` atomic units."""
    return Service(
        slug=slug,
        title=title,
        summary=summary,
        kind="on-chain pass",
        unit="pass",
        amount=amount,
        method="POST",
        mode="DELEGATE",
        fulfilment=Fulfilment.AFTER_SETTLEMENT,
        callback=callback,
        arguments=PassArguments,
        answers=PassReport,
        example={},
        run=run,
        tags=tags,
        actions=(MINT_TO,),
        atomic=True,
    )
