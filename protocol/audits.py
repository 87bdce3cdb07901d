"""Auditing a downloaded chain: its entries one by one, its length, and the anchored batches over it."""

from collections.abc import Sequence

from protocol.bundles import Batch, Page, Row
from protocol.chains import GENESIS, Bad, Entry, merkle_root, verify_chain
from protocol.errors import ProtocolError
from protocol.signatures import parse_hex
from protocol.verification import Report, content_of


def check_chain(pages: Sequence[Page], *signers: str) -> Report:
    """Consecutive pages of one chain; the first bad entry is named.

    `signers` are the marketplace's published keys, present and former; each entry may be signed by another one.
    """
    report = Report()
    rows = [row for page in pages for row in page.entries]
    if {page.merchant for page in pages} != {pages[0].merchant}:
        report.wrong.append("the pages are of different chains")
    elif not rows:
        report.expect(pages[0].length == 0, "the chain is empty", f"all {pages[0].length} entries are missing")
    elif _check_rows(report, pages[0].merchant, rows):
        _check_signers(report, rows, signers)
        _check_length(report, pages, rows[-1].index + 1)
        _check_batches(report, batches_in(pages), {row.index: row.entry() for row in rows})
    else:
        report.unchecked.append("signatures, length and anchors, for the entries are not in order")
    return report


def check_length(report: Report, pages: Sequence[Page], length: int, who: str) -> None:
    """Compare where the entries end with a length that somebody vouches for."""
    end = max((row.index + 1 for page in pages for row in page.entries), default=0)
    if end >= length:
        report.checked.append(f"no tail is cut off: {who} that the chain has {length} entries")
    elif pages[-1].next == end:
        report.unchecked.append(f"entries {end} to {length - 1}, which are on further pages")
    else:
        report.wrong.append(f"the tail is cut off at entry {end}: {who} that the chain has {length} entries")


def batches_in(pages: Sequence[Page]) -> list[Batch]:
    """Every anchored batch of the pages once, in order."""
    found = {(batch.contract, batch.publisher, batch.batch): batch for page in pages for batch in page.anchors}
    return list(found.values())


def _check_rows(report: Report, merchant: str, rows: Sequence[Row]) -> bool:
    first = rows[0].index
    bad = _first_bad(merchant, rows)
    if first:
        report.unchecked.append(f"entries 0 to {first - 1}, which are not in the file")
    good = f"entries {first} to {rows[-1].index} of the chain of {merchant!r} follow from each other"
    return report.expect(bad is None, good, f"entry {bad.index} is bad: {bad.why}" if bad else "")


def _first_bad(merchant: str, rows: Sequence[Row]) -> Bad | None:
    """The first entry that cannot be read, does not follow, or is not what it is said to be."""
    entries: list[Entry] = []
    unreadable: Bad | None = None
    for row in rows:
        try:
            entries.append(row.entry())
            signed = row.receipt or row.revocation
            if signed and content_of(signed) != entries[-1].content:
                unreadable = Bad(row.index, "its content is not the hash of what is told with it")
        except ProtocolError as error:
            unreadable = Bad(row.index, error.detail)
        if unreadable:
            break
    previous = entries[0].previous if entries and rows[0].index else GENESIS
    return verify_chain(merchant, entries, rows[0].index, previous) or unreadable


def _check_signers(report: Report, rows: Sequence[Row], signers: Sequence[str]) -> None:
    told = [(row.index, row.receipt or row.revocation) for row in rows]
    if not all(signed for _, signed in told):
        report.unchecked.append("signatures: the file holds hashes of what was signed, not all that was signed")
    keys = " or ".join(signers)
    if not keys:
        report.unchecked.append("that the marketplace's receipt key signed the entries")
        return
    for index, signed in told:
        try:
            right = signed is None or signed.signer() in signers
        except ProtocolError:
            right = False
        if not right:
            report.wrong.append(f"entry {index} is bad: it is not signed by {keys}")
            return
    if all(signed for _, signed in told):
        report.checked.append(f"every entry is signed by {keys}, the marketplace's key")


def _check_length(report: Report, pages: Sequence[Page], end: int) -> None:
    """The file goes as far as it says itself, and as far as any anchor that is in it."""
    anchored = max((batch.last + 1 for page in pages for batch in page.anchors), default=0)
    length, who = max((pages[-1].length, "the file says"), (anchored, "its anchors show"))
    check_length(report, pages, length, who)
    if anchored < end:
        report.unchecked.append(f"the anchor of entries {anchored} to {end - 1}: there was none yet for them")


def _check_batches(report: Report, batches: Sequence[Batch], entries: dict[int, Entry]) -> None:
    """Root and head of each batch whose entries are all here."""
    for batch in batches:
        name = f"batch {batch.batch} (entries {batch.first} to {batch.last})"
        if not (batch.first in entries and batch.last in entries and batch.first <= batch.last):
            report.unchecked.append(f"the root of {name}: not all of its entries are in the file")
            continue
        links = [entries[index].link for index in range(batch.first, batch.last + 1)]
        anchored = parse_hex(batch.root, "root", 32), parse_hex(batch.head, "head", 32)
        right = (merkle_root(links), links[-1]) == anchored
        report.expect(right, f"{name} has the root {batch.root}", f"{name} does not have the anchored root and head")
