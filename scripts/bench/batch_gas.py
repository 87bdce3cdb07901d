"""P7: the gas of one payment in a batch of fifty, over that of one alone; on Paddock's devnet, by its own calls."""

import secrets
import time
from collections.abc import Sequence

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32

from protocol.payment import Method, Payment
from protocol.typed_data import TokenDomain, Transfer, authorization_digest
from scripts.accounts import account
from scripts.bench.buyer import asked, balance
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Figure, Side
from scripts.bench.results import PADDOCK, Goal, Limit
from server.domain.calls import encode_call
from server.domain.payment_calls import payment_call, settle_batch

ALONE, BATCH = "alone", 50
VALUE = 10_000


async def of_one_payee(side: Side) -> float:
    """Gas for each of fifty payments by fifty payers, to one payee; or for one of them by itself."""
    payee = Account.create().address
    return gas(side, [payee] * (1 if side.name == ALONE else BATCH))


async def of_fifty_payees(side: Side) -> float:
    """The same with a payee for each payment."""
    return gas(side, [Account.create().address for _ in range(1 if side.name == ALONE else BATCH)])


def gas(side: Side, payees: Sequence[str]) -> float:
    """Gas of each payment. Payers and payees held money before, as they do after their first purchase.

    Raises BenchFailed unless every payment arrives.
    """
    market = side.market
    payers = [Account.create() for _ in payees]
    for address in {*(payer.address for payer in payers), *payees}:
        send(side, "deployer", market.asset, encode_call("mint(address,uint256)", address, 2 * VALUE))
    payments = [signed(side, payer, payee) for payer, payee in zip(payers, payees, strict=True)]
    if side.name == ALONE:
        to, data = payment_call(payments[0], VALUE)
    else:
        to, data = market.batch_settler, settle_batch(market.asset, payments)
    used = send(side, "settler", to, data)
    for payee in set(payees):
        held = balance(market.rpc, market.asset, payee)
        if held != (2 + payees.count(payee)) * VALUE:
            raise BenchFailed(f"{side.title}: a payee of {payees.count(payee)} payments holds {held} atomic units")
    return used / len(payees)


def signed(side: Side, payer: LocalAccount, payee: str) -> Payment:
    """An EIP-3009 payment as the settler gets it from the paywall."""
    market, chain_id = side.market, int(side.market.network.removeprefix("eip155:"))
    domain = TokenDomain(market.asset_name, market.asset_version, chain_id, market.asset)
    transfer = Transfer(payer.address, payee, VALUE, 0, int(time.time()) + 3600, secrets.token_bytes(32))
    digest = authorization_digest(domain, transfer)
    signature = bytes(payer.unsafe_sign_hash(Hash32(digest)).signature)
    return Payment("exact", Method.EIP3009, market.network, market.asset, *transfer, digest, signature, domain=domain)


def send(side: Side, role: str, to: str, data: bytes) -> int:
    """The gas that a mined call used. Raises BenchFailed if it failed."""
    sent = {"from": account(role).address, "to": to, "data": "0x" + data.hex(), "gas": hex(20_000_000)}
    receipt = asked(side.market.rpc, "eth_sendTransactionSync", sent)
    if int(receipt["status"], 16) != 1:
        raise BenchFailed(f"a call to {to} failed on the devnet: {receipt}")
    return int(receipt["gasUsed"], 16)


_BATCH_DOES = (
    "BatchSettler, in the settler's own encoding: every payment checked for its exact amount by the payee's balance, "
    "with an event of its own; one that fails takes nothing from its neighbours."
)
_ALONE_DOES = "one transferWithAuthorization of the same token in a transaction of its own."
ONE_PAYEE = Figure(
    id="P7",
    title=f"gas of a payment in a batch of {BATCH}, one payee",
    unit="gas",
    goal=Goal("≤ 0.67 × one alone", (Limit(ALONE, most=0.67),)),
    does={PADDOCK: _BATCH_DOES, ALONE: _ALONE_DOES},
    measure=of_one_payee,
    others={ALONE: "one alone"},
)
FIFTY_PAYEES = Figure(
    id="P7M",
    title=f"gas of a payment in a batch of {BATCH}, {BATCH} payees",
    unit="gas",
    goal=Goal("≤ 0.77 × one alone", (Limit(ALONE, most=0.77),)),
    does={PADDOCK: _BATCH_DOES, ALONE: _ALONE_DOES},
    measure=of_fifty_payees,
    others={ALONE: "one alone"},
)
