"""What is published of chained receipts: a receipt with its place and anchor, and the pages of a merchant's chain."""

from typing import Annotated, Any

import msgspec

from protocol.chains import Entry
from protocol.receipts import Receipt, SignedReceipt
from protocol.revocations import Revocation, SignedRevocation
from protocol.signatures import parse_hex

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""An index or a number that every reader of JSON keeps exactly."""


class Place(msgspec.Struct, frozen=True):
    """Where a statement stands in a merchant's chain. Hashes are 0x-hex."""

    merchant: str
    index: Count
    previous: str
    link: str


class Anchored(msgspec.Struct, frozen=True):
    """The Merkle proof of one entry, and where its root stands: `rootOf(publisher, stream, batch)` of ProofAnchor."""

    network: str
    contract: str
    publisher: str
    batch: Count
    root: str
    proof: list[str]
    transaction: str
    block: Count


class Revoked(msgspec.Struct, frozen=True):
    """The entry that takes a receipt back, with its own place and anchor."""

    revocation: Revocation
    signature: str
    chain: Place
    anchor: Anchored | None = None

    @property
    def signed(self) -> SignedRevocation:
        """The statement itself."""
        return SignedRevocation(self.revocation, self.signature)


class Bundle(msgspec.Struct, frozen=True):
    """All that proves one receipt. `chain` is None until the payment is final, `anchor` until its root is."""

    receipt: Receipt
    signature: str
    standard: dict[str, Any] | None = None
    chain: Place | None = None
    anchor: Anchored | None = None
    revoked: Revoked | None = None

    @property
    def signed(self) -> SignedReceipt:
        """The receipt itself."""
        return SignedReceipt(self.receipt, self.signature)


class Row(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One entry of a chain. What was signed is there for those who may read it; strangers get its hash."""

    index: Count
    previous: str
    content: str
    link: str
    order_id: str | None = None
    receipt: SignedReceipt | None = None
    revocation: SignedRevocation | None = None

    def entry(self) -> Entry:
        """As `verify_chain` wants it. Raises ProtocolError for what no entry can hold."""
        hashes = (("previous", self.previous), ("content", self.content), ("link", self.link))
        return Entry(self.index, *(parse_hex(text, name, 32) for name, text in hashes))


class Batch(msgspec.Struct, frozen=True):
    """One anchored batch: the entries `from` to `to` inclusive, their Merkle root, and the last one's link."""

    network: str
    contract: str
    publisher: str
    batch: Count
    first: Count = msgspec.field(name="from")
    last: Count = msgspec.field(name="to")
    root: str
    head: str
    transaction: str
    block: Count


class Page(msgspec.Struct, frozen=True):
    """Some entries of a chain of `length`, and the anchored batches that reach into them; `next` asks for the rest."""

    merchant: str
    length: Count
    entries: list[Row]
    anchors: list[Batch]
    next: Count | None = None
