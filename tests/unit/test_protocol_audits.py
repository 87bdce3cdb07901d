"""W11: a downloaded chain is good, or the first bad entry is named, and a cut tail shows by length and anchor."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.audits import check_chain
from protocol.bundles import Page
from protocol.headers import decode_json
from tests.unit.chain_samples import SIGNER, STRANGER, chained, hexed, page, receipt, revocation, row, signed

STATEMENTS = [*(signed(number) for number in range(8)), revocation(3)]
PAGE = page(STATEMENTS)
HASHES = page(STATEMENTS, whole=False)
every_entry = pytest.mark.parametrize("at", range(len(STATEMENTS)))
every_form = pytest.mark.parametrize("form", [PAGE, HASHES], ids=["whole", "hashes"])


def replaced(found: Page, at: int, **changes) -> Page:
    """With an entry changed."""
    rows = list(found.entries)
    rows[at] = msgspec.structs.replace(rows[at], **changes)
    return msgspec.structs.replace(found, entries=rows)


def wrong(*pages: Page, signer: str | None = SIGNER) -> list[str]:
    return check_chain(pages, signer).wrong


def test_an_honest_chain_is_good_and_says_what_was_checked():
    report = check_chain([PAGE], SIGNER)
    assert report.wrong == []
    assert report.checked == [
        "entries 0 to 8 of the chain of 'shop' follow from each other",
        f"every entry is signed by {SIGNER}, the marketplace's key",
        "no tail is cut off: the file says that the chain has 9 entries",
        f"batch 0 (entries 0 to 3) has the root {PAGE.anchors[0].root}",
        f"batch 1 (entries 4 to 6) has the root {PAGE.anchors[1].root}",
    ]
    assert report.unchecked == ["the anchor of entries 7 to 8: there was none yet for them"]


def test_without_what_was_signed_the_chain_itself_is_still_checked():
    report = check_chain([HASHES], SIGNER)
    assert report.wrong == []
    assert "follow from each other" in report.checked[0]
    assert any("signatures" in words for words in report.unchecked)


def test_without_a_key_to_compare_with_the_signatures_are_said_to_be_unchecked():
    assert "that the marketplace's receipt key signed the entries" in check_chain([PAGE]).unchecked


def test_w11_a_chain_over_a_change_of_keys_is_good_while_both_are_published():
    found = page([*(signed(number) for number in range(4)), signed(4, STRANGER), revocation(2, STRANGER)], spans=())
    assert check_chain([found], SIGNER, STRANGER.address).wrong == []
    assert check_chain([found], SIGNER).wrong == [f"entry 4 is bad: it is not signed by {SIGNER}"]
    assert check_chain([found], STRANGER.address).wrong == [f"entry 0 is bad: it is not signed by {STRANGER.address}"]


def test_a_page_survives_the_wire():
    assert decode_json(msgspec.json.encode(PAGE), Page) == PAGE


def test_a_batch_of_one_entry_is_checked_as_any_other():
    report = check_chain([page(STATEMENTS[:1], spans=[(0, 0)])], SIGNER)
    assert [words for words in report.checked if words.startswith("batch 0 (entries 0 to 0) has the root")]


@every_entry
@every_form
@pytest.mark.parametrize("field", ["previous", "content", "link"])
def test_w11_an_edited_entry_is_named(at, form, field):
    text = getattr(form.entries[at], field)
    edited = replaced(form, at, **{field: text[:-1] + ("0" if text[-1] != "0" else "1")})
    assert wrong(edited)[0].startswith(f"entry {at} is bad")
    assert len(wrong(edited)) == 1


@every_entry
@pytest.mark.parametrize("value", ["", "0x", "0x12", "zz" * 32, "0x" + "é" * 64])
def test_w11_an_entry_that_cannot_be_read_is_named(at, value):
    assert wrong(replaced(PAGE, at, link=value))[0].startswith(f"entry {at} is bad")


@every_form
@pytest.mark.parametrize("at", range(1, len(STATEMENTS) - 1))
def test_w11_a_missing_entry_is_named(at, form):
    rows = form.entries[:at] + form.entries[at + 1 :]
    assert wrong(msgspec.structs.replace(form, entries=rows))[0].startswith(f"entry {at} is bad")


def test_a_file_that_begins_later_says_what_is_not_in_it():
    report = check_chain([msgspec.structs.replace(PAGE, entries=PAGE.entries[3:])], SIGNER)
    assert report.checked[0] == "entries 3 to 8 of the chain of 'shop' follow from each other"
    assert report.unchecked[0] == "entries 0 to 2, which are not in the file"


@every_entry
@every_form
def test_w11_a_repeated_entry_is_named(at, form):
    rows = form.entries[: at + 1] + form.entries[at:]
    assert wrong(msgspec.structs.replace(form, entries=rows))[0].startswith(f"entry {at + 1} is bad")


@every_form
@pytest.mark.parametrize("at", range(1, len(STATEMENTS) - 1))
def test_w11_exchanged_entries_are_named(at, form):
    rows = list(form.entries)
    rows[at], rows[at + 1] = rows[at + 1], rows[at]
    assert wrong(msgspec.structs.replace(form, entries=rows))[0].startswith(f"entry {at} is bad")


@every_form
@pytest.mark.parametrize("kept", range(1, len(STATEMENTS)))
def test_w11_a_cut_tail_shows_by_the_length_and_by_the_anchors_too(kept, form):
    cut = msgspec.structs.replace(form, entries=form.entries[:kept])
    assert wrong(cut) == [f"the tail is cut off at entry {kept}: the file says that the chain has 9 entries"]
    lied = msgspec.structs.replace(cut, length=kept)
    anchored = kept >= 7
    shown = f"the tail is cut off at entry {kept}: its anchors show that the chain has 7 entries"
    assert wrong(lied) == ([] if anchored else [shown])


def test_w11_an_empty_file_of_a_chain_with_entries_is_not_good():
    assert wrong(Page("shop", 9, [], [])) == ["all 9 entries are missing"]
    assert check_chain([Page("shop", 0, [], [])], SIGNER).checked == ["the chain is empty"]


@pytest.mark.parametrize("at", range(7))
def test_w11_a_history_that_was_written_anew_from_an_entry_on_does_not_have_the_anchored_root(at):
    forged = list(STATEMENTS)
    forged[at] = signed(at, amount="1")
    rows = [row(*one) for one in chained(forged)]
    (found,) = wrong(msgspec.structs.replace(PAGE, entries=rows))[:1]
    assert (
        found
        == f"batch {int(at > 3)} (entries {'4 to 6' if at > 3 else '0 to 3'}) does not have the anchored root and head"
    )


@pytest.mark.parametrize("field", ["root", "head"])
@pytest.mark.parametrize("number", [0, 1])
def test_w11_another_root_or_head_is_not_that_of_the_entries(field, number):
    batches = list(PAGE.anchors)
    batches[number] = msgspec.structs.replace(batches[number], **{field: hexed(b"x" * 32)})
    (found,) = wrong(msgspec.structs.replace(PAGE, anchors=batches))
    assert found.startswith(f"batch {number} ")


@every_entry
def test_w11_an_entry_that_tells_something_else_than_it_holds_is_named(at):
    """The hashes are all right, and the receipt beside them says another amount."""
    other = {"receipt": signed(20), "revocation": None} if at < 8 else {"revocation": revocation(4)}
    assert wrong(replaced(PAGE, at, **other)) == [
        f"entry {at} is bad: its content is not the hash of what is told with it"
    ]


@every_entry
def test_w11_an_entry_that_somebody_else_signed_is_named(at):
    statements = list(STATEMENTS)
    statements[at] = signed(at, STRANGER) if at < 8 else revocation(3, STRANGER)
    assert wrong(page(statements)) == [f"entry {at} is bad: it is not signed by {SIGNER}"]


def test_w11_a_receipt_that_nobody_can_have_signed_is_named():
    impossible = msgspec.structs.replace(PAGE.entries[5].receipt, receipt=receipt(5, amount="-1"))
    assert wrong(replaced(PAGE, 5, receipt=impossible))[0].startswith("entry 5 is bad")
    unsigned = page([*STATEMENTS[:5], msgspec.structs.replace(signed(5), signature="0x00"), *STATEMENTS[6:]])
    assert wrong(unsigned) == [f"entry 5 is bad: it is not signed by {SIGNER}"]


def test_pages_are_checked_as_one_chain():
    first = msgspec.structs.replace(PAGE, entries=PAGE.entries[:5], next=5)
    second = msgspec.structs.replace(PAGE, entries=PAGE.entries[5:])
    assert wrong(first, second) == []
    report = check_chain([first], SIGNER)
    assert report.wrong == []
    assert "entries 5 to 8, which are on further pages" in report.unchecked
    assert "the root of batch 1 (entries 4 to 6): not all of its entries are in the file" in report.unchecked
    later = check_chain([second], SIGNER)
    assert later.wrong == []
    assert "entries 0 to 4, which are not in the file" in later.unchecked
    assert wrong(second, first)[0].startswith("entry 9 is bad")


def test_pages_of_two_merchants_are_not_one_chain():
    assert wrong(PAGE, msgspec.structs.replace(PAGE, merchant="other")) == ["the pages are of different chains"]
    assert wrong(msgspec.structs.replace(PAGE, merchant="other"))[0].startswith("entry 0 is bad")


@given(st.binary(max_size=32), st.integers(0, 8), st.sampled_from(["previous", "content", "link"]))
def test_w11_no_other_bytes_pass_in_any_place(value, at, field):
    if hexed(value) != getattr(PAGE.entries[at], field):
        assert wrong(replaced(PAGE, at, **{field: hexed(value)}))[0].startswith(f"entry {at} is bad")
