"""The intent: exactly which request a payment is for, as one hash."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Intent:
    """A request as it was sent.

    `target` is the raw path and query, undecoded; `authority` the host and port asked; `tenant` the merchant's id.
    """

    method: str
    authority: str
    target: bytes
    content_type: str
    body: bytes
    tenant: str

    def digest(self) -> bytes:
        """SHA-256 over all fields, each with its length before it, so that no two requests share an encoding."""
        fields = (
            b"paddock-intent-1",
            self.method.encode(),
            self.authority.lower().encode(),
            self.target,
            self.content_type.strip().lower().encode(),
            hashlib.sha256(self.body).digest(),
            self.tenant.encode(),
        )
        hasher = hashlib.sha256()
        for field in fields:
            hasher.update(len(field).to_bytes(4, "big"))
            hasher.update(field)
        return hasher.digest()
