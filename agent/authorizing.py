"""One authorization in the making: what is fixed before the signer is asked, and what is kept of its answer."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from agent.disclosure import echoed
from agent.models import State
from agent.payments import mode_named
from agent.payments.mode import Mode
from agent.wallet import ApprovedTerms, Signer
from protocol.headers import encode
from protocol.schemes import read
from protocol.wire import PaymentPayload, PaymentRequired, Resource
from protocol.wire_v1 import payment_v1


@dataclass(frozen=True, kw_only=True)
class Authorizing:
    """Approved terms of a 402, to be signed once. `valid_before` in Unix seconds."""

    signer: Signer
    approved: ApprovedTerms
    required: PaymentRequired
    resource: Resource | None
    valid_before: int
    now: datetime
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @classmethod
    def of(
        cls, signer: Signer, approved: ApprovedTerms, required: PaymentRequired, now: datetime, life: int
    ) -> "Authorizing":
        """For so many seconds from now on."""
        until = int(now.timestamp()) + life
        resource = echoed(required.resource)
        return cls(signer=signer, approved=approved, required=required, resource=resource, valid_before=until, now=now)

    @property
    def mode(self) -> Mode:
        return mode_named(self.approved.terms.mode)

    @cached_property
    def nonce(self) -> bytes:
        """The nonce that is going to be signed."""
        return self.mode.nonce(self.approved.terms, self.signer.address, self.salt, self.valid_before)

    def made(self) -> dict[str, object]:
        """Sign: what a purchase keeps of its payment. Not idempotent. Raises Refused and WalletError."""
        terms, version = self.approved.terms, self.required.x402_version
        extensions = self.mode.extensions(self.signer, self.approved, self.required.extensions)
        payload = self.mode.pay(self.signer, self.approved, self.salt, self.valid_before)
        payment = PaymentPayload(
            x402_version=2, resource=self.resource, accepted=terms.entry, payload=payload, extensions=extensions
        )
        return {
            "state": State.SENT,
            "payment": encode(payment if version == 2 else payment_v1(payment)),
            "version": version,
            "payment_hash": "0x" + read(terms.entry, payload).digest().hex(),
        }
