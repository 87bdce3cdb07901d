"""On sale: what is new in an address's transfers since its buyer last asked."""

from typing import Annotated

from msgspec import Meta, Struct

from server.services.arguments import Address, checksummed
from server.services.money import Amount, amount_of
from server.services.service import Answer, Context, Service, json_answer

BEGINNING = "0:0"


class FeedArguments(Struct, forbid_unknown_fields=True):
    """Whose transfers of the marketplace's asset; `after` is where a former answer's `next` says to go on."""

    address: Address
    after: Annotated[
        str, Meta(pattern="^(0|[1-9][0-9]{0,14}):(0|[1-9][0-9]{0,6})$", description="A block, and how far into it.")
    ] = BEGINNING
    limit: Annotated[int, Meta(ge=1, le=500, description="At most so many transfers.")] = 100

    def __post_init__(self) -> None:
        checksummed(self.address)


class Transferred(Struct):
    """One transfer. `block_hash` tells a buyer whether a reorganisation has replaced what was told earlier."""

    transaction: str
    log_index: int
    block: int
    block_hash: str
    sender: str
    recipient: str
    amount: Amount


class Feed(Struct):
    """The transfers that follow `after`, oldest first, as of the block `as_of_block`.

    `next` is what to send as `after` next time: the same again where nothing is new. With `more` there are others
    already. Who asks so in turn gets every transfer once.
    """

    address: str
    asset: str
    asset_symbol: str
    as_of_block: int
    transfers: list[Transferred]
    next: str
    more: bool


async def run(arguments: FeedArguments, context: Context) -> Answer:
    """Transfers after the block number that is read first are left for the next time."""
    address = checksummed(arguments.address)
    block, told = map(int, arguments.after.split(":"))
    newest = await context.chain.block_number()
    logs = await context.chain.transfers(context.asset, address, block)
    new = [log for log in logs if (block, told) <= (log.block, log.log_index) and log.block <= newest]
    given = new[: arguments.limit]
    return json_answer(
        Feed(
            address=address,
            asset=context.asset,
            asset_symbol=context.asset_symbol,
            as_of_block=newest,
            transfers=[
                Transferred(
                    transaction=log.transaction,
                    log_index=log.log_index,
                    block=log.block,
                    block_hash=log.block_hash,
                    sender=log.sender,
                    recipient=log.recipient,
                    amount=amount_of(log.amount, context.asset_decimals),
                )
                for log in given
            ],
            next=f"{given[-1].block}:{given[-1].log_index + 1}" if given else arguments.after,
            more=len(new) > len(given),
        )
    )


SERVICE = Service(
    slug="transfer-feed",
    title="Transfer feed",
    summary="What is new in an address's transfers of the marketplace's asset since you last asked, by a cursor.",
    kind="data API",
    unit="refresh",
    amount=1_000,
    arguments=FeedArguments,
    answers=Feed,
    example={"address": "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65", "limit": 20},
    run=run,
    tags=("chain", "transfers", "feed", "refresh"),
)
