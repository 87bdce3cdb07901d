"""A world with a merchant's back end in it, which speaks GOAT's order API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from server.domain.market import Asset, Merchant
from server.web.credentials import digest
from tests.fakes.chain import DOLLAR
from tests.simulation.transfer_world import PRICE, TransferWorld, open_transfers
from tests.simulation.world import MERCHANT_KEY, ORIGIN
from tests.stack.goat_client import GoatClient, required_of

OTHER_KEY = "other-merchant-key"


@dataclass
class GoatWorld(TransferWorld):
    """`shop` signs as GOAT's clients do, `sound_shop` the request itself, `other` is another merchant's."""

    shop: GoatClient
    sound_shop: GoatClient
    other: GoatClient

    def wish(self, **changes: Any) -> dict[str, Any]:
        """What the shop asks the buyer to pay."""
        usual = {"dapp_order_id": "1", "chain_id": 31337, "token_symbol": "USDC", "amount_wei": str(PRICE)}
        return usual | {"from_address": self.world.buyer.account.address} | changes

    async def create(self, **changes: Any) -> str:
        """The id of a new order of the shop's."""
        return str(required_of(await self.shop.create(**self.wish(**changes)))["order_id"])

    def client(self, key: str, secret: str, *, sound: bool = False) -> GoatClient:
        return GoatClient(self.world.client, ORIGIN, key, secret, lambda: self.world.clock.now().timestamp(), sound)


@asynccontextmanager
async def open_goat(assets: tuple[Asset, ...] = (DOLLAR,), **shop: Any) -> AsyncIterator[GoatWorld]:
    """A world whose merchant `paddock` has a back end; `shop` is what differs about that merchant."""
    async with open_transfers(assets=assets) as plain:
        paddock = plain.world.paddock
        assert paddock.post is not None
        assert isinstance(paddock.merchants, dict)
        elsewhere = "0x" + "5b" * 20
        paddock.merchants["other"] = Merchant("other", "Other", elsewhere, digest(OTHER_KEY), api_secret="1.other")
        paddock.merchants["paddock"] = replace(paddock.merchants["paddock"], **shop)
        secret = paddock.post.keys.api_secret
        world = GoatWorld(plain.world, plain.payee, *(None,) * 3)  # type: ignore[arg-type]  # set below
        world.shop = world.client(MERCHANT_KEY, secret("paddock", "1.test"))
        world.sound_shop = world.client(MERCHANT_KEY, secret("paddock", "1.test"), sound=True)
        world.other = world.client(OTHER_KEY, secret("other", "1.other"))
        yield world
