"""Receipts: what a seller says it delivered, checked against what was signed, what arrived, and the chain."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx
import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from agent.answers import Answer, only_content
from agent.chain import Mined, authorizations, given_back, transfers
from agent.errors import UnknownPurchase
from agent.models import Purchase, Signed, merchants, receipts
from agent.prepared import Prepared
from agent.terms import tool_of
from protocol.amounts import parse_uint
from protocol.errors import ProtocolError
from protocol.receipts import ZERO_HASH, Receipt, SignedReceipt, receipt_in
from protocol.signatures import parse_address
from protocol.typed_data import order_nonce
from protocol.wire import SCHEME_DELEGATE, SettleResponse

_PINNED = Prepared(select(merchants.c.receipt_signer).where(merchants.c.origin == bindparam("origin")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of a delivery: the seller's words as they came, the answer, and what was found."""

    id: str
    purchase_id: str
    settlement: bytes | None
    body: bytes
    body_hash: str
    body_size: int
    body_type: str
    findings: bytes
    created_at: datetime
    checked_findings: bytes | None
    checked_at: datetime | None

    def settle(self) -> SettleResponse | None:
        """The PAYMENT-RESPONSE; None where there was none."""
        return None if self.settlement is None else msgspec.json.decode(self.settlement, type=SettleResponse)

    def signed(self) -> SignedReceipt | None:
        """The Paddock receipt in it; None where there is none that can be read."""
        settle = self.settle()
        try:
            return None if settle is None else receipt_in(settle.extensions)
        except ProtocolError:
            return None

    def wrong(self) -> list[str]:
        """What was found wrong when the answer came: without signer and chain."""
        found: list[str] = msgspec.json.decode(self.findings)
        return found

    def evidence(self) -> list[str]:
        """All that was found wrong, with signer and chain where they were asked."""
        found: list[str] = msgspec.json.decode(self.checked_findings or self.findings)
        return found


def keep(connection: Connection, bought: Purchase, answer: Answer, now: datetime) -> list[str]:
    """Keep a delivery, replacing an earlier one of the same purchase; returns what is wrong with it so far."""
    findings = check_answer(bought, answer)
    row = {
        "id": bought.id.replace("pur_", "rcp_"),
        "purchase_id": bought.id,
        "settlement": None if answer.settle is None else msgspec.json.encode(answer.settle),
        "body": answer.body,
        "body_hash": "0x" + hashlib.sha256(answer.body).hexdigest(),
        "body_size": len(answer.body),
        "body_type": answer.content_type,
        "findings": msgspec.json.encode(findings),
        "created_at": now,
    }
    connection.execute(delete(receipts).where(receipts.c.purchase_id == bought.id))
    connection.execute(insert(receipts).values(row))
    return findings


def checked(connection: Connection, purchase_id: str, findings: list[str], now: datetime) -> None:
    """Note what the full check found."""
    statement = update(receipts).where(receipts.c.purchase_id == purchase_id)
    connection.execute(statement.values(checked_findings=msgspec.json.encode(findings), checked_at=now))


def kept(connection: Connection, some_id: str) -> Kept:
    """The kept delivery with that receipt or purchase id. Raises UnknownPurchase."""
    found = select(receipts).where((receipts.c.id == some_id) | (receipts.c.purchase_id == some_id))
    row = connection.execute(found).one_or_none()
    if row is None:
        raise UnknownPurchase(f"there is no receipt {some_id}", "list them with: paddock-agent receipts list")
    return Kept(**row._mapping)


def kept_all(connection: Connection) -> Sequence[Kept]:
    """Every kept delivery, oldest first."""
    return [Kept(**row._mapping) for row in connection.execute(select(receipts).order_by(receipts.c.created_at))]


def pinned_signer(connection: Connection, origin: str) -> str | None:
    """The receipt signer that the merchant published when it was first asked."""
    row = _PINNED.row(connection, origin=origin)
    return None if row is None else str(row["receipt_signer"])


def pin_signer(connection: Connection, origin: str, signer: str, now: datetime) -> None:
    """Pin it, on first use only: a later one never replaces it."""
    if pinned_signer(connection, origin) is None:
        connection.execute(insert(merchants).values(origin=origin, receipt_signer=signer, pinned_at=now))


def check_answer(bought: Purchase, answer: Answer) -> list[str]:
    """What contradicts the purchase in an answer: everything but signer and chain. Empty is good."""
    if answer.malformed:
        return [f"the PAYMENT-RESPONSE cannot be read: {answer.malformed}"]
    settle = answer.settle
    if settle is None:
        return ["the seller delivered without a PAYMENT-RESPONSE"]
    findings = [] if settle.success else ["the PAYMENT-RESPONSE says that the payment failed"]
    price = _price(bought, settle)
    findings += _differences(
        ("network", settle.network or bought.network, bought.network),
        ("payer", (settle.payer or bought.payer or "").lower(), (bought.payer or "").lower()),
        ("amount", settle.amount or price, price),
        what="PAYMENT-RESPONSE",
    )
    try:
        signed = receipt_in(settle.extensions)
        return findings if signed is None else findings + _check_receipt(bought, settle, signed.receipt, answer)
    except ProtocolError as error:
        return [*findings, f"the receipt cannot be read: {error.detail}"]


def charged_in(bought: Purchase, settle: SettleResponse | None) -> int | None:
    """What the seller says that a metered call cost, within its ceiling; None where it says no such thing."""
    if not bought.metered or settle is None or settle.amount is None:
        return None
    try:
        charged = parse_uint(settle.amount, "amount")
    except ProtocolError:
        return None
    return charged if charged <= bought.signed.amount else None


def _price(bought: Purchase, settle: SettleResponse) -> str:
    """The amount that every word of the seller must name: what was signed for, or what a metered call cost of it."""
    charged = charged_in(bought, settle)
    return str(bought.amount if charged is None else charged)


def check_signer(signed: SignedReceipt, pinned: str, *others: str) -> list[str]:
    """The receipt is signed by the merchant's pinned key, or by one of the others that count beside it."""
    try:
        signer = signed.signer()
    except (ProtocolError, ValueError, OverflowError):
        return ["the receipt's signature is not one"]
    return [] if signer in (pinned, *others) else [f"the receipt is signed by {signer}, the merchant's key is {pinned}"]


def check_transfer(bought: Purchase, mined: Mined) -> list[str]:
    """The transaction moved our money by our authorization: one Transfer, exact amount, our nonce used in it.

    A facilitator may settle several of our payments in one transaction; then there are as many equal Transfers as
    authorizations of ours, never more.
    """
    signed = bought.signed
    if not mined.success:
        return [f"the transaction {mined.hash} failed on chain"]
    used = authorizations(mined, signed.asset, signed.payer)
    amounts = transfers(mined, signed.asset, signed.payer, signed.pay_to)
    if used.count(signed.nonce) != 1:
        return [f"the transaction {mined.hash} did not use this purchase's authorization"]
    if signed.amount not in amounts or len(amounts) > len(used):
        return [f"the transaction {mined.hash} does not hold exactly one Transfer of the amount to the recipient"]
    return []


def moved_by_permit(bought: Purchase, mined: Mined) -> int | None:
    """What a permit of ours moved in a transaction that used it, as it should: the price, or a metered call's charge.

    A metered call whose charge nobody has named yet cost the one Transfer that is there; None where nothing fits.
    """
    signed = bought.signed
    amounts = [amount for amount in transfers(mined, signed.asset, signed.payer, signed.pay_to) if mined.success]
    if bought.metered and bought.charged is None:
        return amounts[0] if len(amounts) == 1 and amounts[0] <= signed.amount else None
    return bought.paid if bought.paid in amounts else None


def check_payout(bought: Purchase, contract: str, mined: Mined, *, used: bool) -> list[str]:
    """DELEGATE: the delegate wallet's payout of this order reached the contract in a transaction that succeeded.

    Of an atomic payment, the executor's: in the very transaction that used our authorization. `used`: the transaction
    used what `outgoing` names.
    """
    if bought.scheme == SCHEME_DELEGATE:
        signed = bought.signed
        if used and signed.amount in transfers(mined, signed.asset, signed.pay_to, contract):
            return []
        return [f"the callback {mined.hash} is not what this purchase's authorization set off"]
    return _check_delegate_move(bought, contract, mined, "callback", used=used)


def check_refund(bought: Purchase, mined: Mined, *, used: bool) -> list[str]:
    """The money came back: one Transfer of the exact amount to the payer; for DELEGATE, of this very order.

    There the delegate wallet sends it, or the contract itself, which held it and names the order in an event.
    """
    signed = bought.signed
    if bought.contract is not None and given_back(mined, bought.contract, _order(bought)):
        amounts = transfers(mined, signed.asset, bought.contract, signed.payer)
        return [] if signed.amount in amounts else [f"the contract gave another amount back in {mined.hash}"]
    if bought.contract is not None:
        return _check_delegate_move(bought, signed.payer, mined, "refund", used=used)
    if not mined.success:
        return [f"the refund {mined.hash} failed on chain"]
    amounts = transfers(mined, signed.asset, None, signed.payer)
    return [] if amounts == [bought.paid] else [f"the refund {mined.hash} is not one Transfer of the amount to us"]


def outgoing(bought: Purchase, recipient: str) -> Signed:
    """What moves a DELEGATE order's money on: of an atomic payment our own authorization, else the delegate wallet's.

    Payout and refund of an order share one nonce, keccak256 of the order id: it proves which order moved.
    """
    signed = bought.signed
    if bought.scheme == SCHEME_DELEGATE:
        return signed
    return signed._replace(payer=signed.pay_to, pay_to=recipient, nonce=_order(bought))


def _order(bought: Purchase) -> str:
    """The order's name on chain, 0x-hex."""
    return "0x" + order_nonce(bought.quote_id or bought.order_id or "").hex()


def published_signers(response: httpx.Response) -> tuple[str, ...]:
    """The receipt signers in a seller's `/.well-known/x402`, the present one first; foreign sellers publish none."""
    try:
        document = msgspec.json.decode(response.content)
        found = (document["receiptSigner"], *document.get("receiptSigners", ()))
        return tuple(parse_address(one, "receiptSigner") for one in found) if response.status_code == 200 else ()
    except (msgspec.DecodeError, ProtocolError, KeyError, TypeError, AttributeError):
        return ()


def _check_receipt(bought: Purchase, settle: SettleResponse, receipt: Receipt, answer: Answer) -> list[str]:
    called = receipt.callback_transaction != ZERO_HASH
    body, media = (answer.body, answer.content_type) if tool_of(bought.url) is None else only_content(answer)
    return _differences(
        ("resourceUrl", _target(receipt.resource_url), _target(bought.url)),
        ("mode", receipt.mode, bought.mode),
        ("network", receipt.network, bought.network),
        ("asset", receipt.asset.lower(), (bought.asset or "").lower()),
        ("amount", receipt.amount, _price(bought, settle)),
        ("payer", receipt.payer.lower(), (bought.payer or "").lower()),
        ("payTo", receipt.pay_to.lower(), (bought.pay_to or "").lower()),
        ("paymentHash", receipt.payment_hash, bought.payment_hash),
        ("quoteId", receipt.quote_id, bought.quote_id),
        ("transaction", receipt.transaction, settle.transaction or ZERO_HASH),
        ("callbackTransaction", "set" if called else "zero", "set" if bought.contract else "zero"),
        ("bodyHash", receipt.body_hash, "0x" + hashlib.sha256(body).hexdigest()),
        ("bodySize", receipt.body_size, len(body)),
        ("bodyType", _media(receipt.body_type), _media(media or receipt.body_type)),
        what="receipt",
    )


def _check_delegate_move(bought: Purchase, recipient: str, mined: Mined, what: str, *, used: bool) -> list[str]:
    signed = bought.signed
    if not mined.success:
        return [f"the {what} {mined.hash} failed on chain"]
    if not used:
        return [f"the {what} {mined.hash} is not of this order"]
    amounts = transfers(mined, signed.asset, signed.pay_to, recipient)
    return [] if signed.amount in amounts else [f"the {what} {mined.hash} did not move the amount"]


def _differences(*fields: tuple[str, object, object], what: str) -> list[str]:
    return [f"{what}: {name} is {said!s:.80}, expected {ours}" for name, said, ours in fields if said != ours]


def _target(url: str) -> str:
    """Path and query, for behind a proxy the seller's own origin may be another one than the one asked; or the tool."""
    try:
        tool = tool_of(url)
        return httpx.URL(url).raw_path.decode("ascii") if tool is None else f"tool {tool}"
    except httpx.InvalidURL:
        return ""


def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
