"""Approvals: a person's signature over the exact terms of one purchase, usable once and for a short time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec
from eth_account.signers.local import LocalAccount
from sqlalchemy import Connection, insert, select, update

from agent.errors import ApprovalError, Refused
from agent.models import approvals
from agent.terms import Terms
from agent.wallet import sign_digest
from protocol.errors import ProtocolError
from protocol.networks import chain_id
from protocol.signatures import parse_hex, recover
from protocol.typed_data import typed_digest

_FIELDS = {
    "purchaseId": "string",
    "method": "string",
    "url": "string",
    "bodyHash": "bytes32",
    "network": "string",
    "asset": "address",
    "amount": "uint256",
    "payTo": "address",
    "mode": "string",
    "callback": "address",
    "expires": "uint256",
}
_ZERO = "0x" + "0" * 40


class ApprovalState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"


class ApprovalTerms(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """All that the person agrees to: amount in atomic units as a decimal string, expiry in Unix seconds."""

    purchase_id: str
    method: str
    url: str
    body_hash: str
    network: str
    asset: str
    amount: str
    pay_to: str
    mode: str
    callback: str
    expires: int

    @classmethod
    def of(cls, purchase_id: str, terms: Terms, expires: datetime) -> "ApprovalTerms":
        """What must be signed so that these terms may be paid."""
        return cls(
            purchase_id=purchase_id,
            method=terms.asked.method,
            url=terms.asked.url,
            body_hash=terms.asked.body_hash,
            network=terms.network,
            asset=terms.asset,
            amount=str(terms.amount),
            pay_to=terms.pay_to,
            mode=terms.mode,
            callback=terms.callback or _ZERO,
            expires=int(expires.timestamp()),
        )

    def digest(self) -> bytes:
        """The EIP-712 digest that the approver signs."""
        message = msgspec.to_builtins(self)
        message |= {"amount": int(self.amount), "bodyHash": parse_hex(self.body_hash, "bodyHash", 32)}
        domain = {"name": "Paddock approval", "version": "1", "chainId": chain_id(self.network)}
        return typed_digest(domain, "PaymentApproval", _FIELDS, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A stored question and, once given, its answer."""

    id: str
    state: ApprovalState
    approver: str
    terms: ApprovalTerms
    reason: str
    signature: str | None
    created_at: datetime
    expires_at: datetime


def request(
    connection: Connection, purchase_id: str, terms: Terms, approver: str, reason: str, now: datetime, expires: datetime
) -> None:
    """Put the question; its id is the purchase's."""
    row = {
        "id": purchase_id,
        "state": ApprovalState.PENDING,
        "approver": approver,
        "terms": msgspec.json.encode(ApprovalTerms.of(purchase_id, terms, expires)),
        "reason": reason,
        "created_at": now,
        "expires_at": expires,
    }
    connection.execute(insert(approvals).values(row))


def approval(connection: Connection, approval_id: str) -> Approval:
    """The approval with that id. Raises ApprovalError."""
    row = connection.execute(select(approvals).where(approvals.c.id == approval_id)).one_or_none()
    if row is None:
        raise ApprovalError(f"there is no approval {approval_id}", "list them with: paddock-agent approvals list")
    return _approval(row._mapping)


def pending(connection: Connection) -> list[Approval]:
    """Questions that nobody has answered, oldest first; lapsed ones too."""
    found = select(approvals).where(approvals.c.state == ApprovalState.PENDING).order_by(approvals.c.created_at)
    return [_approval(row._mapping) for row in connection.execute(found)]


def approve(connection: Connection, approval_id: str, approver: LocalAccount, now: datetime) -> Approval:
    """Sign for it, as the person. Raises ApprovalError where it is not pending, lapsed, or another's to give."""
    asked = approval(connection, approval_id)
    if asked.state is not ApprovalState.PENDING:
        raise ApprovalError(f"{approval_id} is already {asked.state}", "it takes a new purchase to ask again")
    if now >= asked.expires_at:
        raise ApprovalError(f"{approval_id} lapsed at {asked.expires_at:%H:%M:%S} UTC", "let the agent ask again")
    if approver.address != asked.approver:
        raise ApprovalError(f"only {asked.approver} may approve; this key is {approver.address}", "use that key")
    signature = "0x" + sign_digest(approver, asked.terms.digest()).hex()
    _decide(connection, asked, ApprovalState.APPROVED, now, signature)
    return asked


def refuse(connection: Connection, approval_id: str, now: datetime) -> Approval:
    """Say no. It takes no key: refusing is always safe."""
    asked = approval(connection, approval_id)
    if asked.state not in (ApprovalState.PENDING, ApprovalState.APPROVED):
        raise ApprovalError(f"{approval_id} is already {asked.state}", "nothing is left to refuse")
    _decide(connection, asked, ApprovalState.DENIED, now, None)
    return asked


def check(stored: Approval, terms: Terms, approver: str, payer: str, now: datetime) -> bool:
    """Whether the purchase may go on with these terms: False while the person has not answered.

    Raises Refused for a denial, and for an approval that is used, lapsed, of other terms, or by anybody but
    `approver` (the address pinned in the policy), who must not be the paying agent itself.
    """
    if stored.state is ApprovalState.DENIED:
        raise Refused("approval.denied", "the person said no")
    if stored.state is ApprovalState.USED:
        raise Refused("approval.used", "this approval was used already")
    if now >= stored.expires_at or now.timestamp() >= stored.terms.expires:
        raise Refused("approval.expired", "the approval lapsed before the purchase was made")
    exact = ApprovalTerms.of(stored.id, terms, stored.expires_at)
    if stored.terms != exact:
        raise Refused("approval.terms", "the seller's terms are not the ones put to the person")
    if stored.state is ApprovalState.PENDING:
        return False
    if approver == payer:
        raise Refused("approval.self", "the approver in the policy is the agent's own wallet")
    try:
        signer = recover(exact.digest(), parse_hex(stored.signature, "signature"))
    except ProtocolError as error:
        raise Refused("approval.signature", "the approval holds no usable signature") from error
    if signer != approver:
        raise Refused("approval.signature", f"the approval was signed by {signer}, who is not the approver")
    return True


def use(connection: Connection, approval_id: str, now: datetime) -> None:
    """Spend it, once: of two at the same time one raises Refused. Belongs into the transaction that reserves."""
    statement = update(approvals).where(approvals.c.id == approval_id, approvals.c.state == ApprovalState.APPROVED)
    if connection.execute(statement.values(state=ApprovalState.USED, used_at=now)).rowcount != 1:
        raise Refused("approval.used", "this approval was used already")


def _decide(
    connection: Connection, asked: Approval, state: ApprovalState, now: datetime, signature: str | None
) -> None:
    statement = update(approvals).where(approvals.c.id == asked.id)
    connection.execute(statement.values(state=state, signature=signature, decided_at=now))


def _approval(row: object) -> Approval:
    values = {name: row[name] for name in Approval.__dataclass_fields__}  # type: ignore[index]
    terms = msgspec.json.decode(values["terms"], type=ApprovalTerms)
    return Approval(**values | {"state": ApprovalState(values["state"]), "terms": terms})
