"""Orders, settlements and ledger rows made up for tests; every argument replaces what is usual."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from protocol import schemes
from protocol.payment import Method
from protocol.wire import FacilitatorRequest, PaymentPayload, PaymentRequirements
from scripts.accounts import account
from server.domain.ledger import Entry
from server.domain.orders import Authorization, Order, Terms
from server.domain.sending import Attempt, ChainTransaction, Fees
from server.domain.settlements import Settlement, settlement_id
from server.payments.direct import DIRECT

NETWORK = "eip155:31337"
TOKEN = account("settler").address
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def order(order_id: str | None = None, **changes: Any) -> Order:
    """An authorized order; fields of terms and authorization may be given directly, as `amount=…`."""
    terms = Terms(
        service="echo",
        merchant="paddock",
        mode=DIRECT,
        network=NETWORK,
        asset=TOKEN,
        amount=50_000,
        pay_to=account("merchant").address,
        resource_url="http://127.0.0.1:8402/v1/echo?text=hello",
        intent=secrets.token_bytes(32),
        quoted_at=NOW,
        expires_at=NOW + timedelta(minutes=2),
    )
    authorization = Authorization(
        scheme="exact",
        method=Method.EIP3009,
        authority=changes.get("asset", TOKEN),
        payer=account("buyer").address,
        nonce=secrets.token_bytes(32),
        digest=secrets.token_bytes(32),
        valid_before=NOW + timedelta(minutes=2),
        x402_version=2,
        payload=b"{}",
    )
    of_terms = {name: changes.pop(name) for name in Terms.__dataclass_fields__ if name in changes}
    of_authorization = {name: changes.pop(name) for name in Authorization.__dataclass_fields__ if name in changes}
    values = {"arguments": b"{}", "created_at": NOW, "since_block": 7} | changes
    return Order(
        id=order_id or secrets.token_hex(16),
        terms=replace(terms, **of_terms),
        authorization=replace(authorization, **of_authorization),
        **values,
    )


def entry(of: Order, kind: str = "settlement", **changes: Any) -> Entry:
    """A ledger row of an order, in a chain transaction of its own."""
    row = Entry(
        order_id=of.id,
        kind=kind,
        debit=f"merchant:{of.terms.merchant}",
        credit=f"payer:{of.authorization.payer}",
        network=of.terms.network,
        asset=of.terms.asset,
        amount=of.terms.amount,
        transaction="0x" + secrets.token_hex(32),
        block=8,
        block_hash="0x" + secrets.token_hex(32),
        log_index=0,
    )
    return replace(row, **changes)


def settlement(**changes: Any) -> Settlement:
    """A queued settlement, with the facilitator request that it was read from; its signature is nobody's."""
    requirements = PaymentRequirements(
        scheme="exact",
        network=NETWORK,
        amount="50000",
        asset=TOKEN,
        pay_to=account("merchant").address,
        max_timeout_seconds=60,
        extra={"name": "USDC", "version": "2"},
    )
    authorization = {
        "from": account("buyer").address,
        "to": account("merchant").address,
        "value": "50000",
        "validAfter": "0",
        "validBefore": "1900000000",
        "nonce": "0x" + secrets.token_hex(32),
    }
    scheme = {"signature": "0x" + "11" * 64 + "1b", "authorization": authorization}
    payload = PaymentPayload(x402_version=2, accepted=requirements, payload=scheme)
    payment = schemes.read(requirements, scheme)
    request = FacilitatorRequest(x402_version=2, payment_payload=payload, payment_requirements=requirements)
    values = {
        "id": settlement_id(payment),
        "payment": payment,
        "amount": payment.value,
        "request": msgspec.json.encode(request),
        "lease_until": NOW,
        "since_block": 7,
    }
    return Settlement(**values | changes)


def chain_transaction(nonce: int = 0, **changes: Any) -> ChainTransaction:
    """A signed transaction of the settler's."""
    first = attempt()
    made = ChainTransaction(
        hash=first.hash,
        network=NETWORK,
        sender=account("settler").address,
        nonce=nonce,
        purpose="settle",
        subject="",
        attempts=(first,),
    )
    return replace(made, **changes)


def attempt(max_fee: int = 3_000_000_000, signed_at: datetime = NOW) -> Attempt:
    """Signed bytes that nobody can decode."""
    raw = secrets.token_bytes(100)
    return Attempt("0x" + secrets.token_hex(32), raw, Fees(max_fee, 1_000_000_000), signed_at)
