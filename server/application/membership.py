"""Membership: what a wallet is to a merchant, and who makes it that."""

from collections.abc import Mapping
from typing import Protocol

from protocol.errors import ProtocolError
from protocol.signatures import parse_address
from server.domain.access_errors import MemberRefused
from server.domain.errors import StaleWrite, UnknownMerchant
from server.domain.market import Merchant
from server.domain.members import MOST_MEMBERS
from server.domain.roles import GIVEN, Role
from server.ports import Clock, Database, UnitOfWork


class Office(Protocol):
    """What this takes: a `Paddock`, or a command that knows nothing of chains."""

    @property
    def db(self) -> Database:
        """Where members are."""

    @property
    def clock(self) -> Clock:
        """What time it is."""

    @property
    def merchants(self) -> Mapping[str, Merchant]:
        """By id."""


async def consoles_of(office: Office, view: UnitOfWork, wallet: str) -> dict[str, Role]:
    """What a wallet (checksummed) is, by merchant; where it is paid it is the owner, whatever else it was made."""
    given = {one.merchant: one.role for one in await view.members.roles_of(wallet) if one.merchant in office.merchants}
    paid = {name: Role.OWNER for name, merchant in office.merchants.items() if merchant.pay_to == wallet}
    return dict(sorted((given | paid).items()))


async def role_in(office: Office, view: UnitOfWork, merchant: str, wallet: str) -> Role:
    """What a wallet is to one merchant at this moment."""
    return (await consoles_of(office, view, wallet)).get(merchant, Role.STRANGER)


async def add_member(office: Office, merchant: str, wallet: str, role: str, by: str) -> None:
    """Let a wallet in, or change its role. Raises UnknownMerchant, and MemberRefused with what is wrong."""
    address, found = read_wallet(wallet), {str(one): one for one in GIVEN}.get(role)
    if found is None:
        raise MemberRefused(f"role: one of {', '.join(GIVEN)}")
    known = _known(office, merchant)
    if known.pay_to == address:
        raise MemberRefused("wallet: that is where the merchant is paid, so it is an owner already, and stays one")
    try:
        async with office.db.begin("member added") as work:
            members = {one.wallet for one in await work.members.of(merchant)}
            if len(members - {address}) >= MOST_MEMBERS:
                raise MemberRefused(f"a merchant has at most {MOST_MEMBERS} members; remove one first")
            await work.members.put(merchant, address, found, by)
    except StaleWrite as error:
        raise MemberRefused("wallet: somebody else added it at this moment; look at the members again") from error


async def remove_member(office: Office, merchant: str, wallet: str, by: str) -> None:
    """Let it in no more; its open sessions end with that. Raises UnknownMerchant, MemberRefused."""
    address = read_wallet(wallet)
    if _known(office, merchant).pay_to == address:
        raise MemberRefused("wallet: the merchant is paid there; it is an owner until it is paid elsewhere")
    async with office.db.begin("member removed") as work:
        if not await work.members.remove(merchant, address, by):
            raise MemberRefused("wallet: it is no member of this merchant")


def read_wallet(text: str) -> str:
    """The checksummed address. Raises MemberRefused."""
    try:
        return parse_address(text.strip(), "wallet")
    except ProtocolError as error:
        raise MemberRefused(error.detail) from error


def _known(office: Office, merchant: str) -> Merchant:
    if merchant not in office.merchants:
        raise UnknownMerchant(f"there is no merchant {merchant[:80]!r} here")
    return office.merchants[merchant]
