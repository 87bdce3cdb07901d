"""S22, S23, F21: a payment is read strictly, and pays its terms exactly or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.schemes import LEAST_VALIDITY, check_signature, check_terms
from tests.stack import buyer
from tests.stack.permits import permit_payment
from tests.unit.protocol_samples import ASSET, ENTRY, NOW, PAYER, SHOP, paid, read, requirements

PAID = paid()
RECIPIENT = "invalid_exact_evm_payload_recipient_mismatch"
VALUE = "invalid_exact_evm_payload_authorization_value_mismatch"
AFTER = "invalid_exact_evm_payload_authorization_valid_after"
BEFORE = "invalid_exact_evm_payload_authorization_valid_before"


def refusal(payment, now=NOW, **changes) -> str:
    """The reason for which terms with these changes are not paid."""
    with pytest.raises(ProtocolError) as raised:
        check_terms(read(payment, **changes), requirements(**changes), now)
    return raised.value.reason


def test_a_payment_is_read_as_it_was_signed():
    payment = read(PAID)
    fields = PAID["payload"]["authorization"]
    assert payment.asset == ASSET
    assert payment.domain == ("USDC", "2", 31337, ASSET)
    assert payment.transfer == (PAYER.address, SHOP, 50_000, 0, NOW + 60, bytes.fromhex(fields["nonce"][2:]))
    check_terms(payment, requirements(), NOW)
    check_signature(payment)


def test_the_facilitator_that_a_permit_names_is_the_one_of_the_terms():
    metered = {"scheme": "upto", "extra": ENTRY["extra"] | {"facilitatorAddress": SHOP}}
    entry = ENTRY | metered
    payment = read(permit_payment(PAYER, entry, deadline=str(NOW + 60)), **metered)
    check_terms(payment, requirements(**metered), NOW)
    for other in ({"facilitatorAddress": ASSET}, {}):
        with pytest.raises(ProtocolError) as raised:
            check_terms(payment, requirements(scheme="upto", extra=ENTRY["extra"] | other), NOW)
        assert raised.value.reason == "upto_facilitator_mismatch"


def test_addresses_may_come_in_any_letter_case():
    lower = buyer.changed(PAID, "payload.authorization.from", PAYER.address.lower())
    lower = buyer.changed(lower, "payload.authorization.to", SHOP.lower())
    assert read(lower, asset=ASSET.lower()) == read(PAID)
    check_terms(read(lower), requirements(payTo=SHOP.lower()), NOW)


BROKEN = dict(buyer.mutations(PAID, "payload"))


@pytest.mark.parametrize("name", BROKEN)
def test_s22_no_field_of_a_payment_can_be_changed_or_left_out(name):
    broken = BROKEN[name]

    def accept():
        payment = read(broken)
        check_terms(payment, requirements(), NOW)
        check_signature(payment)

    with pytest.raises(ProtocolError):
        accept()


@pytest.mark.parametrize("field", ["value", "validAfter", "validBefore"])
@pytest.mark.parametrize(
    "number", [1, 50000, "1e4", "0x1", "-1", "+1", "01", "1.0", " 1", "", None, str(2**256), "\u0661"], ids=ascii
)
def test_s23_numbers_in_an_authorization_are_canonical_decimal_strings(field, number):
    with pytest.raises(ProtocolError) as raised:
        read(buyer.changed(PAID, f"payload.authorization.{field}", number))
    assert raised.value.reason == "invalid_payload"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("payload.authorization.value", "0"),
        ("payload.authorization.nonce", "0x" + "00" * 31),
        ("payload.authorization.nonce", "0x" + "00" * 33),
        ("payload.authorization.nonce", "1"),
        ("payload.authorization.from", "0x" + "00" * 19),
        ("payload.authorization.to", None),
        ("payload.authorization", []),
        ("payload.authorization", "0x"),
        ("payload.signature", None),
        ("payload.signature", "0x1"),
        ("payload.signature", 1),
        ("payload", {}),
        ("payload", {"permit2Authorization": {}, "signature": "0x"}),
    ],
)
def test_s23_a_payload_of_another_shape_is_refused(path, value):
    with pytest.raises(ProtocolError) as raised:
        read(buyer.changed(PAID, path, value))
    assert raised.value.reason == "invalid_payload"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"network": "base"}, "invalid_network"),
        ({"network": "eip155:0"}, "invalid_network"),
        ({"network": "eip155:01"}, "invalid_network"),
        ({"network": "eip155:31337 "}, "invalid_network"),
        ({"network": "EIP155:31337"}, "invalid_network"),
        ({"asset": "USDC"}, "invalid_payload"),
        ({"extra": {}}, "invalid_payment_requirements"),
        ({"extra": {"name": "USDC"}}, "invalid_payment_requirements"),
        ({"extra": {"name": "USDC", "version": 2}}, "invalid_payment_requirements"),
        ({"extra": {"name": None, "version": "2"}}, "invalid_payment_requirements"),
    ],
    ids=str,
)
def test_s22_terms_that_name_no_token_are_refused(changes, reason):
    with pytest.raises(ProtocolError) as raised:
        read(PAID, **changes)
    assert raised.value.reason == reason


@given(st.integers(1, 2**256 - 1))
def test_s22_only_the_exact_amount_pays(amount):
    if amount == 50_000:
        check_terms(read(PAID), requirements(amount="50000"), NOW)
    else:
        assert refusal(PAID, amount=str(amount)) == VALUE


def test_s22_another_recipient_is_not_paid():
    assert refusal(PAID, payTo=PAYER.address) == RECIPIENT


@pytest.mark.parametrize("amount", ["0", "05", "5e4", "50000.0", "", "-50000"])
def test_s23_terms_without_a_canonical_amount_are_not_paid(amount):
    assert refusal(PAID, amount=amount) == "invalid_payload"


def test_f21_an_authorization_must_live_long_enough_to_be_mined():
    enough = NOW + 60 - LEAST_VALIDITY
    check_terms(read(PAID), requirements(), enough)
    assert refusal(PAID, enough + 1) == BEFORE
    assert refusal(PAID, NOW + 60) == BEFORE
    assert refusal(PAID, NOW + 10**9) == BEFORE


def test_f21_an_authorization_that_is_not_valid_yet_is_refused():
    early = paid(validAfter=str(NOW + 1))
    assert refusal(early) == AFTER
    check_terms(read(early), requirements(), NOW + 2)
    assert refusal(paid(validAfter=str(NOW))) == AFTER  # the token wants a block that is strictly later
    assert refusal(paid(validAfter=str(2**256 - 1), validBefore=str(2**256 - 1))) == AFTER


def test_f21_the_largest_numbers_overflow_nothing():
    for_ever = paid(validBefore=str(2**256 - 1))
    assert check_terms(read(for_ever), requirements(), NOW) is None
    assert check_signature(read(for_ever)) is None


def test_the_digest_names_signature_and_authorization():
    digests = {read(payment).digest() for payment in (PAID, buyer.mirrored(PAID), paid(), paid(value="1"))}
    assert len(digests) == 4
    assert read(PAID).digest() == read(buyer.changed(PAID, "payload.authorization.to", SHOP.lower())).digest()
    assert len({read(PAID, network=network).digest() for network in ("eip155:31337", "eip155:1")}) == 2
