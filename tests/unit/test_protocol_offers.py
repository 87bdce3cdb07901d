"""Signed offers: the digest of the specification, the signer, and nothing else taken for an offer."""

import contextlib

import msgspec
import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from protocol import offers
from protocol.errors import ProtocolError
from protocol.offers import SCHEMA, Offer, SignedOffer, declaration, offer_of, offers_in
from tests.unit.protocol_samples import ENTRY, NOW, requirements

SELLER = Account.from_key("0x" + "51" * 32)
URL = "https://shop.example/v1/report"
OFFER = offer_of(requirements(), URL, NOW + 60)
OTHERS = {
    "version": 2,
    "resource_url": URL + "/2",
    "scheme": "upto",
    "network": "eip155:1",
    "asset": "0x" + "ab" * 20,
    "pay_to": "0x" + "cd" * 20,
    "amount": "50001",
    "valid_until": NOW + 61,
}


def signed(offer: Offer) -> SignedOffer:
    return SignedOffer(payload=offer, signature="0x" + bytes(SELLER.unsafe_sign_hash(offer.digest()).signature).hex())


def by_hand(payload: dict) -> bytes:
    """The digest, written out from the specification's types."""
    kind = (
        "Offer(uint256 version,string resourceUrl,string scheme,string network,string asset,string payTo,"
        "string amount,uint256 validUntil)"
    )
    separator = keccak(
        keccak(b"EIP712Domain(string name,string version,uint256 chainId)")
        + keccak(b"x402 offer")
        + keccak(b"1")
        + (1).to_bytes(32, "big")
    )
    texts = ("resourceUrl", "scheme", "network", "asset", "payTo", "amount")
    struct = keccak(kind.encode()) + payload["version"].to_bytes(32, "big")
    struct += b"".join(keccak(payload[name].encode()) for name in texts)
    struct += payload.get("validUntil", 0).to_bytes(32, "big")
    return keccak(b"\x19\x01" + separator + keccak(struct))


@pytest.mark.parametrize("valid_until", [NOW + 60, 0])
def test_the_digest_is_that_of_the_specification(valid_until):
    offer = offer_of(requirements(), URL, valid_until)
    assert offer.digest() == by_hand(msgspec.to_builtins(offer))


def test_a_signer_is_found_once_for_as_long_as_the_offer_is_the_same(monkeypatch):
    asked, recover = [], offers.recover
    monkeypatch.setattr(offers, "recover", lambda *given: asked.append(given) or recover(*given))
    offer = signed(offer_of(requirements(), URL + "/kept", NOW))
    again = msgspec.convert(msgspec.to_builtins(offer), SignedOffer)
    assert offer.signer() == again.signer() == SELLER.address
    assert len(asked) == 1


@pytest.mark.parametrize("field", OTHERS)
def test_what_is_known_of_one_offer_is_not_said_of_another(field):
    offer = signed(OFFER)
    assert offer.signer() == SELLER.address
    other = msgspec.structs.replace(offer, payload=msgspec.structs.replace(OFFER, **{field: OTHERS[field]}))
    found = None
    with contextlib.suppress(ProtocolError):
        found = other.signer()
    assert found != SELLER.address


def test_no_more_signers_are_kept_than_a_process_has_room_for():
    for number in range(1100):
        signed(offer_of(requirements(), f"{URL}/{number}", NOW)).signer()
    assert offers._signer.cache_info().currsize <= 1024


def test_an_offer_repeats_the_entry_and_leaves_out_an_end_that_it_has_not():
    assert msgspec.to_builtins(OFFER) == {
        "version": 1, "resourceUrl": URL, "scheme": "exact", "network": ENTRY["network"], "asset": ENTRY["asset"],
        "payTo": ENTRY["payTo"], "amount": ENTRY["amount"], "validUntil": NOW + 60,
    }  # fmt: skip
    assert "validUntil" not in msgspec.to_builtins(offer_of(requirements(), URL, 0))


def test_the_signer_is_recovered():
    assert signed(OFFER).signer() == SELLER.address


@pytest.mark.parametrize("field", OTHERS)
def test_an_offer_with_any_member_changed_is_not_the_sellers(field):
    forged = msgspec.structs.replace(signed(OFFER), payload=msgspec.structs.replace(OFFER, **{field: OTHERS[field]}))
    try:
        assert forged.signer() != SELLER.address
    except ProtocolError:
        assert field == "version"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 0), ("network", "base"), ("network", "eip155:01"), ("pay_to", "native"), ("amount", "1e4"),
        ("amount", "0"), ("valid_until", -1), ("valid_until", 2**256),
    ],
)  # fmt: skip
def test_values_that_no_offer_can_have_are_refused(field, value):
    with pytest.raises(ProtocolError):
        msgspec.structs.replace(OFFER, **{field: value}).digest()


def test_an_offer_covers_its_own_entry_until_it_ends():
    assert OFFER.covers(requirements(), NOW + 59)
    assert OFFER.covers(requirements(asset=ENTRY["asset"].lower(), payTo=ENTRY["payTo"].upper().replace("X", "x")), NOW)
    assert not OFFER.covers(requirements(), NOW + 60)
    assert offer_of(requirements(), URL, 0).covers(requirements(), NOW + 10**9)


@pytest.mark.parametrize("field", ["scheme", "network", "asset", "payTo", "amount"])
def test_an_offer_covers_no_other_entry(field):
    assert not OFFER.covers(requirements(**{field: "0x" + "ab" * 20}), NOW)


def test_offers_come_back_from_a_402_as_they_were_put_there():
    offers = [signed(OFFER), msgspec.structs.replace(signed(OFFER), accept_index=1)]
    extensions = {"offer-receipt": msgspec.json.decode(msgspec.json.encode(declaration(offers)))}
    assert offers_in(extensions) == offers
    assert offers_in(None) == offers_in({}) == offers_in({"offer-receipt": {"info": {}}}) == []


def test_as_many_offers_as_are_read_are_read():
    assert len(offers_in({"offer-receipt": declaration([signed(OFFER)] * offers.MAX_OFFERS)})) == offers.MAX_OFFERS
    with pytest.raises(ProtocolError, match=f"at most {offers.MAX_OFFERS}"):
        offers_in({"offer-receipt": declaration([signed(OFFER)] * (offers.MAX_OFFERS + 1))})


def test_the_schema_names_what_an_offer_has():
    item = SCHEMA["properties"]["offers"]["items"]["properties"]
    wire = msgspec.to_builtins(signed(OFFER))
    assert set(item) == set(wire)
    assert set(item["payload"]["properties"]) == set(wire["payload"])


def test_an_offer_in_a_format_that_nobody_here_can_check_is_left_out():
    info = declaration([signed(OFFER)])["info"]
    info["offers"].insert(0, {"format": "jws", "signature": "e30.e30.c2ln"})
    assert offers_in({"offer-receipt": {"info": info}}) == [signed(OFFER)]


@pytest.mark.parametrize(
    "extension",
    [
        None,
        {},
        {"info": None},
        {"info": {"offers": {}}},
        {"info": {"offers": [1]}},
        {"info": {"offers": [{"format": "eip712", "signature": "0x"}]}},
        {"info": {"offers": [{"format": "eip712", "signature": "0x", "payload": {"version": 1}}]}},
        declaration([signed(OFFER)] * 17),
    ],
)
def test_what_is_no_offer_is_refused(extension):
    with pytest.raises(ProtocolError, match="invalid_offer"):
        offers_in({"offer-receipt": extension})


def test_an_offer_with_a_member_that_nobody_signed_is_refused():
    info = declaration([signed(OFFER)])["info"]
    info["offers"][0]["payload"]["discount"] = "100"
    with pytest.raises(ProtocolError, match="discount"):
        offers_in({"offer-receipt": {"info": info}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["eip712", "info", "offers"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["info", "offers", "format", "payload", "signature"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_read_or_refused(value):
    with contextlib.suppress(ProtocolError):
        assert isinstance(offers_in({"offer-receipt": value}), list)
