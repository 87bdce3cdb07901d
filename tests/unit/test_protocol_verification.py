"""W11: a receipt's bundle is verified offline, and each thing in it that is not true is said."""

import msgspec
import pytest

from protocol.bundles import Bundle
from protocol.errors import ProtocolError
from protocol.headers import decode_json
from protocol.verification import check_bundle
from tests.unit.chain_samples import SIGNER, STRANGER, bundle, hexed, receipt, revocation, signed, standard

GOOD = bundle()
REASON = "the payment was undone by a reorganisation"
NEVER = "whether the receipt was revoked after this file was written"


def changed(found: Bundle, **changes) -> Bundle:
    """`changes` by path: `chain__link`."""
    for path, value in changes.items():
        name, _, rest = path.partition("__")
        inner = msgspec.structs.replace(getattr(found, name), **{rest: value}) if rest else value
        found = msgspec.structs.replace(found, **{name: inner})
    return found


def wrong(found: Bundle, signer: str | None = SIGNER) -> list[str]:
    return check_bundle(found, signer).wrong


@pytest.mark.parametrize("index", range(6))
def test_an_honest_bundle_is_good_and_says_what_was_checked(index):
    good = bundle(index)
    report = check_bundle(good, SIGNER)
    assert report.wrong == []
    assert report.checked == [
        f"the receipt is signed by {SIGNER}, the marketplace's key",
        "the standard x402 receipt says the same",
        f"the receipt is entry {index} of the chain of 'shop'",
        f"entry {index} of the chain of 'shop' is in the Merkle root of batch 0, {good.anchor.root}",
    ]
    assert report.unchecked == [NEVER]


def test_a_bundle_survives_the_wire_and_a_bare_receipt_is_one_with_less_in_it():
    assert decode_json(msgspec.json.encode(bundle(revoked=revocation(2))), Bundle) == bundle(revoked=revocation(2))
    bare = decode_json(msgspec.json.encode(signed(2)), Bundle)
    report = check_bundle(bare, SIGNER)
    assert report.wrong == []
    assert "the chain: the receipt was not in it yet when this file was written" in report.unchecked


def test_a_receipt_that_is_not_anchored_yet_is_said_to_be_so():
    report = check_bundle(changed(GOOD, anchor=None), SIGNER)
    assert report.wrong == []
    assert any(words.startswith("the anchor:") for words in report.unchecked)


def test_w11_another_key_is_named():
    assert wrong(GOOD, STRANGER.address)[0].endswith(f"and the marketplace's key is {STRANGER.address}")
    assert any("is the marketplace's receipt key" in words for words in check_bundle(GOOD).unchecked)


@pytest.mark.parametrize("field", ["order_id", "amount", "payer", "pay_to", "transaction", "status", "body_hash"])
def test_w11_a_changed_receipt_is_neither_signed_nor_chained(field):
    value = getattr(GOOD.receipt, field)
    edited = msgspec.structs.replace(
        GOOD, receipt=receipt(2, **{field: value[:-1] + ("7" if value[-1] != "7" else "8")})
    )
    found = wrong(edited)
    assert any("signed by" in words or "is not signed" in words for words in found)


def test_w11_a_receipt_that_was_signed_anew_is_not_the_one_in_the_chain():
    forged = signed(2, amount="1")
    found = wrong(changed(GOOD, receipt=forged.receipt, signature=forged.signature, standard=None))
    assert found == ["entry 2 of the chain of 'shop' is bad: its link does not follow from the receipt"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("chain__index", 3),
        ("chain__merchant", "other"),
        ("chain__previous", hexed(b"x" * 32)),
        ("chain__link", hexed(b"x" * 32)),
    ],
)
def test_w11_another_place_is_bad(path, value):
    assert any("its link does not follow from the receipt" in words for words in wrong(changed(GOOD, **{path: value})))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("anchor__root", hexed(b"x" * 32)),
        ("anchor__proof", []),
        ("anchor__proof", GOOD.anchor.proof[:-1]),
        ("anchor__proof", GOOD.anchor.proof[::-1]),
        ("anchor__proof", [*GOOD.anchor.proof, hexed(b"x" * 32)]),
    ],
    ids=["root", "no proof", "short", "reversed", "long"],
)
def test_w11_a_proof_that_does_not_lead_to_the_root_is_named(path, value):
    assert wrong(changed(GOOD, **{path: value})) == [
        "entry 2 of the chain of 'shop' is not in the Merkle root of batch 0"
    ]


@pytest.mark.parametrize("path", ["chain__previous", "chain__link", "anchor__root"])
@pytest.mark.parametrize("value", ["", "0x12", "zz"])
def test_what_is_no_hash_cannot_be_checked(path, value):
    with pytest.raises(ProtocolError):
        check_bundle(changed(GOOD, **{path: value}), SIGNER)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"payload": None, "signature": "0x"},
        {"payload": {}, "signature": GOOD.standard["signature"]},
        standard(receipt(2), STRANGER),
        standard(receipt(2, transaction="0x" + "0f" * 32)),
        standard(receipt(2, payer=STRANGER.address)),
        standard(receipt(2, resource_url="http://127.0.0.1:8402/v1/other")),
        GOOD.standard | {"signature": 5},
    ],
    ids=range(8),
)
def test_w11_a_standard_receipt_that_says_something_else_is_named(other):
    assert wrong(changed(GOOD, standard=other)) == ["the standard x402 receipt does not say the same"]


def test_w11_a_revoked_receipt_is_not_good_and_the_reason_is_told():
    report = check_bundle(bundle(revoked=revocation(2)), SIGNER)
    assert report.wrong == [f"the receipt was revoked: {REASON}"]
    assert "the revocation is entry 6 of the chain of 'shop'" in report.checked
    assert "the revocation names this receipt" in report.checked


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (revocation(2, STRANGER), "the revocation is signed by"),
        (revocation(3), "the revocation names another receipt"),
        (revocation(2, receipt_hash=hexed(b"x" * 32)), "the revocation names another receipt"),
        (msgspec.structs.replace(revocation(2), signature="0x12"), "the revocation is not signed"),
    ],
    ids=["signer", "order", "receipt", "unsigned"],
)
def test_w11_a_false_revocation_is_named_and_the_receipt_is_not_good_either(made, words):
    found = wrong(bundle(revoked=made))
    assert found[0].startswith("the receipt was revoked")
    assert any(one.startswith(words) for one in found[1:])


def test_w11_a_receipt_of_a_former_key_is_good_while_that_key_is_published_and_no_other_key_is():
    for signers in [(SIGNER, STRANGER.address), (STRANGER.address, SIGNER)]:
        assert check_bundle(GOOD, *signers).wrong == []
    report = check_bundle(GOOD, STRANGER.address, "0x" + "12" * 20)
    assert report.wrong[0].endswith(f"the marketplace's key is {STRANGER.address} or 0x{'12' * 20}")


def test_w11_a_later_key_takes_back_what_a_former_one_signed():
    found = bundle(revoked=revocation(2, STRANGER))
    assert check_bundle(found, SIGNER, STRANGER.address).wrong == [f"the receipt was revoked: {REASON}"]
    assert len(check_bundle(found, SIGNER).wrong) == 2


@pytest.mark.parametrize("field", ["order_id", "reason", "receipt_hash", "revoked_at", "network"])
def test_w11_every_field_of_a_revocation_is_in_its_digest(field):
    made = revocation(2).revocation
    value = getattr(made, field)
    other = value + 1 if isinstance(value, int) else value[:-1] + ("7" if value[-1] != "7" else "8")
    assert msgspec.structs.replace(made, **{field: other}).digest() != made.digest()


def test_a_revocation_is_never_taken_for_a_receipt():
    assert revocation(2).revocation.digest() != receipt(2).digest()
    assert revocation(2).signer() == SIGNER
