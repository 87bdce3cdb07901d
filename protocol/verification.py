"""Verifying a published receipt with no one's help: what holds, what does not, and what was not looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from protocol.bundles import Anchored, Bundle, Place, Revoked
from protocol.chains import content_hash, is_proven, link_of
from protocol.errors import ProtocolError
from protocol.receipts import ZERO_HASH, SignedReceipt, x402_receipt_digest
from protocol.revocations import SignedRevocation
from protocol.signatures import parse_hex, recover


@dataclass
class Report:
    """Sentences: `checked` holds, `wrong` does not, `unchecked` nobody looked at."""

    checked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    def expect(self, right: bool, good: str, bad: str) -> bool:
        """Note one or the other; the answer is `right`."""
        (self.checked if right else self.wrong).append(good if right else bad)
        return right


def check_bundle(bundle: Bundle, *signers: str) -> Report:
    """Signatures, link and Merkle proof of a receipt.

    `signers` are the marketplace's published keys, present and former, checksummed; without one nobody vouches for it.
    """
    report = Report()
    found = _check_signature(report, "the receipt", bundle.signed, signers)
    if found is None:
        return report
    if bundle.standard is not None:
        _check_standard(report, bundle, found)
    _check_place(report, "the receipt", bundle.signed, bundle.chain, bundle.anchor)
    if bundle.revoked is None:
        report.unchecked.append("whether the receipt was revoked after this file was written")
    else:
        _check_revoked(report, bundle, bundle.revoked, signers or (found,))
    return report


def _check_signature(
    report: Report, what: str, signed: SignedReceipt | SignedRevocation, signers: Sequence[str]
) -> str | None:
    """Who signed; None if nobody can have."""
    try:
        found = signed.signer()
    except ProtocolError as error:
        report.wrong.append(f"{what} is not signed: {error.detail}")
        return None
    if not signers:
        report.unchecked.append(f"that {found}, who signed {what}, is the marketplace's receipt key")
    else:
        good = f"{what} is signed by {found}, the marketplace's key"
        bad = f"{what} is signed by {found}, and the marketplace's key is {' or '.join(signers)}"
        report.expect(found in signers, good, bad)
    return found


def _check_standard(report: Report, bundle: Bundle, signer: str) -> None:
    """The x402 receipt beside ours says the same, by the same key."""
    try:
        standard: dict[str, Any] = bundle.standard or {}
        payload = standard["payload"]
        same = recover(x402_receipt_digest(payload), parse_hex(standard["signature"], "signature")) == signer
        ours = bundle.receipt
        wanted = (ours.network, ours.resource_url, ours.payer, ours.transaction)
        said = {"transaction": ZERO_HASH} | payload
        same = same and wanted == tuple(said[name] for name in ("network", "resourceUrl", "payer", "transaction"))
    except (KeyError, TypeError, ValueError):
        same = False
    report.expect(same, "the standard x402 receipt says the same", "the standard x402 receipt does not say the same")


def _check_place(
    report: Report,
    what: str,
    signed: SignedReceipt | SignedRevocation,
    place: Place | None,
    anchor: Anchored | None,
) -> None:
    """The link follows from what was signed, and the link is in the anchored tree."""
    if place is None:
        report.unchecked.append(f"the chain: {what} was not in it yet when this file was written")
        return
    previous, link = parse_hex(place.previous, "previous", 32), parse_hex(place.link, "link", 32)
    content = content_of(signed)
    entry = f"entry {place.index} of the chain of {place.merchant!r}"
    right = link == link_of(place.merchant, place.index, previous, content)
    report.expect(right, f"{what} is {entry}", f"{entry} is bad: its link does not follow from {what}")
    if anchor is None:
        report.unchecked.append(f"the anchor: {entry} was not anchored yet when this file was written")
        return
    root, proof = parse_hex(anchor.root, "root", 32), [parse_hex(node, "proof", 32) for node in anchor.proof]
    good = f"{entry} is in the Merkle root of batch {anchor.batch}, {anchor.root}"
    report.expect(is_proven(root, link, proof), good, f"{entry} is not in the Merkle root of batch {anchor.batch}")


def _check_revoked(report: Report, bundle: Bundle, revoked: Revoked, signers: Sequence[str]) -> None:
    """A revocation makes the receipt worthless whether or not the revocation itself is in order.

    Any of the marketplace's keys may take back what another one signed.
    """
    statement = revoked.revocation
    report.wrong.append(f"the receipt was revoked: {statement.reason}")
    if _check_signature(report, "the revocation", revoked.signed, signers) is None:
        return
    of_this = (statement.order_id, statement.receipt_hash)
    same = of_this == (bundle.receipt.order_id, "0x" + bundle.receipt.digest().hex())
    report.expect(same, "the revocation names this receipt", "the revocation names another receipt")
    _check_place(report, "the revocation", revoked.signed, revoked.chain, revoked.anchor)


def content_of(signed: SignedReceipt | SignedRevocation) -> bytes:
    """What the chain holds of a signed statement."""
    statement = signed.receipt if isinstance(signed, SignedReceipt) else signed.revocation
    return content_hash(statement.digest(), parse_hex(signed.signature, "signature"))
