"""The people of a merchant's console in a world: their wallets, and how each of them asks."""

from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from scripts.accounts import account
from server.domain.market import Merchant
from server.domain.roles import Role
from server.web.credentials import digest
from tests.simulation.world import MERCHANT_KEY, TOKEN, World

PAID = account("merchant")
"""The wallet that the world's merchant is paid at."""
OTHER_PAID, OWNER, OPERATOR, READER, STRANGER = (
    Account.from_key(keccak(name)) for name in (b"other", b"owner", b"operator", b"reader", b"stranger")
)
OTHER = Merchant("other", "Other", OTHER_PAID.address, digest("another-key"))
MEMBERS = {OWNER.address: Role.OWNER, OPERATOR.address: Role.OPERATOR, READER.address: Role.READER}


async def staff(world: World) -> World:
    """The world with another merchant in it, and members of its own."""
    object.__setattr__(world.paddock, "merchants", {**world.paddock.merchants, OTHER.id: OTHER})
    async with world.db.begin("test") as work:
        for wallet, role in MEMBERS.items():
            await work.members.put("paddock", wallet, role, "test")
    return world


def signed(wallet: LocalAccount, message: str) -> str:
    """What a wallet's personal_sign gives."""
    return "0x" + bytes(wallet.sign_message(encode_defunct(text=message)).signature).hex()


async def challenge(world: World, wallet: LocalAccount) -> str:
    """The message for a wallet."""
    answer = await world.client.post("/console/challenge", json={"wallet": wallet.address})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["message"])


async def sign_in(world: World, wallet: LocalAccount, status: int = 200, **more: Any) -> Any:
    """The answer to a sign-in as the guide has it, for a program; `more` changes what is sent."""
    message = await challenge(world, wallet)
    said = {"message": message, "signature": signed(wallet, message), "bearer": True} | more
    answer = await world.client.post("/console/sign-in", json=said)
    assert answer.status_code == status, answer.text
    return answer.json()


async def by_wallet(world: World, wallet: LocalAccount) -> dict[str, str]:
    """The header of a program that signed in."""
    return {"Authorization": f"Bearer {(await sign_in(world, wallet))['token']}"}


async def asking(world: World, who: str) -> dict[str, str]:
    """How each of the roles asks; nobody has no header."""
    tokens = {"marketplace": TOKEN, "key": MERCHANT_KEY}
    wallets = {"paid": PAID, "owner": OWNER, "operator": OPERATOR, "reader": READER, "foreign": OTHER_PAID}
    if who in wallets:
        return await by_wallet(world, wallets[who])
    return {"Authorization": f"Bearer {tokens[who]}"} if who in tokens else {}
