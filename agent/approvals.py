"""Approvals: a person's signature over the exact terms of one purchase, usable once and for a short time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from eth_account.signers.local import LocalAccount
from sqlalchemy import Connection, delete, insert, select, update

from agent import actions
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
    "calldata": "bytes",
    "expires": "uint256",
}
PRIMARY = "PaymentApproval"
ZERO_ADDRESS = "0x" + "0" * 40
_DOMAIN = [{"name": "name", "type": "string"}, {"name": "version", "type": "string"}]


def signing_domain(network: str) -> dict[str, Any]:
    """The EIP-712 domain of everything that a person signs for the agent."""
    return {"name": "Paddock approval", "version": "1", "chainId": chain_id(network)}


def typed_data(network: str, primary: str, fields: dict[str, str], message: dict[str, Any]) -> dict[str, Any]:
    """A flat EIP-712 struct as JSON for `eth_signTypedData_v4`; numbers beyond 53 bits are texts in `message`."""
    types = {
        "EIP712Domain": [*_DOMAIN, {"name": "chainId", "type": "uint256"}],
        primary: [{"name": name, "type": kind} for name, kind in fields.items()],
    }
    return {"types": types, "primaryType": primary, "domain": signing_domain(network), "message": message}


class ApprovalState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"


class ApprovalTerms(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """All that the person agrees to: amount in atomic units as a decimal string, expiry in Unix seconds.

    `calldata` is what the callback is to run, in 0x-hex; `action` says it in words, and is not signed.
    """

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
    calldata: str = "0x"
    action: str = ""

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
            callback=terms.callback or ZERO_ADDRESS,
            expires=int(expires.timestamp()),
            calldata="0x" + (terms.calldata or b"").hex(),
            action=actions.shown(terms),
        )

    def digest(self) -> bytes:
        """The EIP-712 digest that the approver signs."""
        message = self._message() | {"amount": int(self.amount)}
        message |= {"bodyHash": parse_hex(self.body_hash, "bodyHash", 32)}
        message["calldata"] = parse_hex(self.calldata, "calldata")
        return typed_digest(signing_domain(self.network), PRIMARY, _FIELDS, message)

    def typed_data(self) -> dict[str, Any]:
        """The same for a wallet to show and sign (`eth_signTypedData_v4`)."""
        return typed_data(self.network, PRIMARY, _FIELDS, self._message() | {"expires": str(self.expires)})

    def _message(self) -> dict[str, Any]:
        message: dict[str, Any] = msgspec.to_builtins(self)
        del message["action"]
        return message


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
    put(connection, ApprovalTerms.of(purchase_id, terms, expires), approver, reason, now, expires)


def put(
    connection: Connection, terms: ApprovalTerms, approver: str, reason: str, now: datetime, expires: datetime
) -> None:
    """Put a question about these very terms."""
    row = {
        "id": terms.purchase_id,
        "state": ApprovalState.PENDING,
        "approver": approver,
        "terms": msgspec.json.encode(terms),
        "reason": reason,
        "created_at": now,
        "expires_at": expires,
    }
    connection.execute(insert(approvals).values(row))


def forget(connection: Connection, approval_id: str) -> None:
    """Make room for asking the same again."""
    connection.execute(delete(approvals).where(approvals.c.id == approval_id))


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
    asked = open_question(connection, approval_id, now)
    if approver.address != asked.approver:
        raise ApprovalError(f"only {asked.approver} may approve; this key is {approver.address}", "use that key")
    return approve_signed(connection, approval_id, "0x" + sign_digest(approver, asked.terms.digest()).hex(), now)


def approve_signed(connection: Connection, approval_id: str, signature: str, now: datetime) -> Approval:
    """The same with a signature that the person made elsewhere. Raises ApprovalError where it is not theirs over
    exactly these terms."""
    asked = open_question(connection, approval_id, now)
    require_signed_by(asked.approver, asked.terms.digest(), signature)
    _decide(connection, asked, ApprovalState.APPROVED, now, signature)
    return asked


def require_signed_by(approver: str, digest: bytes, signature: str) -> None:
    """Raises ApprovalError."""
    try:
        signer = recover(digest, parse_hex(signature, "signature"))
    except ProtocolError as error:
        raise ApprovalError(f"that is no signature: {error.detail}", "sign again") from error
    if signer != approver:
        raise ApprovalError(f"{signer} signed these terms or others; only {approver} may approve", "sign with that key")


def open_question(connection: Connection, approval_id: str, now: datetime) -> Approval:
    """The question, as long as it can be approved. Raises ApprovalError."""
    asked = approval(connection, approval_id)
    if asked.state is not ApprovalState.PENDING:
        raise ApprovalError(f"{approval_id} is already {asked.state}", "it takes a new purchase to ask again")
    if now >= asked.expires_at:
        raise ApprovalError(f"{approval_id} lapsed at {asked.expires_at:%H:%M:%S} UTC", "let the agent ask again")
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
    return verify(stored, ApprovalTerms.of(stored.id, terms, stored.expires_at), approver, payer, now)


def verify(stored: Approval, exact: ApprovalTerms, approver: str, payer: str, now: datetime) -> bool:
    """The same for terms that are spelled out already. Raises Refused."""
    if stored.state is ApprovalState.DENIED:
        raise Refused("approval.denied", "the person said no")
    if stored.state is ApprovalState.USED:
        raise Refused("approval.used", "this approval was used already")
    if now >= stored.expires_at or now.timestamp() >= stored.terms.expires:
        raise Refused("approval.expired", "the approval lapsed before the purchase was made")
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
