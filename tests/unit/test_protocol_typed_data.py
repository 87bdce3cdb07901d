"""Our typed data is EIP-712 as eth-account has it, for every token, chain and authorization."""

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from protocol.typed_data import (
    RECEIVE_TYPE,
    TRANSFER_TYPE,
    TokenDomain,
    Transfer,
    authorization_digest,
    domain_separator,
    order_nonce,
    typed_digest,
)

uint256 = st.integers(0, 2**256 - 1)
bytes32 = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20).map(to_checksum_address)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
domains = st.builds(TokenDomain, texts, texts, st.integers(1, 2**63), addresses)
transfers = st.builds(Transfer, addresses, addresses, uint256, uint256, uint256, bytes32)
FIELDS = (
    ("from", "address"),
    ("to", "address"),
    ("value", "uint256"),
    ("validAfter", "uint256"),
    ("validBefore", "uint256"),
    ("nonce", "bytes32"),
)


def oracle(domain: TokenDomain, transfer: Transfer, primary: str) -> tuple[bytes, bytes]:
    """Domain separator and digest, by eth-account."""
    named = dict(zip(("name", "version", "chainId", "verifyingContract"), domain, strict=True))
    types = {primary: [{"name": name, "type": kind} for name, kind in FIELDS]}
    message = {name: value for (name, _), value in zip(FIELDS, transfer, strict=True)}
    signable = encode_typed_data(domain_data=named, message_types=types, message_data=message)
    return signable.header, keccak(b"\x19\x01" + signable.header + signable.body)


@pytest.mark.parametrize(
    ("primary", "type_hash"),
    [("TransferWithAuthorization", TRANSFER_TYPE), ("ReceiveWithAuthorization", RECEIVE_TYPE)],
)
@given(domain=domains, transfer=transfers)
def test_f5_an_authorizations_digest_is_eth_accounts(primary, type_hash, domain, transfer):
    separator, digest = oracle(domain, transfer, primary)
    assert domain_separator(domain) == separator
    assert authorization_digest(domain, transfer, type_hash) == digest


@given(domain=domains, transfer=transfers)
def test_c9_to_transfer_and_to_receive_are_different_signatures(domain, transfer):
    assert authorization_digest(domain, transfer) != authorization_digest(domain, transfer, RECEIVE_TYPE)


@given(one=st.tuples(domains, transfers), two=st.tuples(domains, transfers))
def test_f1_two_authorizations_share_a_digest_only_if_they_are_the_same(one, two):
    assert (authorization_digest(*one) == authorization_digest(*two)) == (one == two)


@given(domain=domains, transfer=transfers)
def test_the_letter_case_of_an_address_does_not_matter(domain, transfer):
    lower = transfer._replace(payer=transfer.payer.lower(), to=transfer.to.lower())
    assert authorization_digest(domain, lower) == authorization_digest(domain, transfer)


def test_usdc_on_base_has_the_domain_that_is_published():
    usdc = TokenDomain("USD Coin", "2", 8453, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")
    published = "02fa7265e7c5d81118673727957699e4d68f74cd74b7db77da710fe8a2c7834f"
    assert domain_separator(usdc).hex() == published


@given(st.dictionaries(st.sampled_from("abcdef"), uint256, min_size=1))
def test_a_flat_struct_is_hashed_with_its_type(values):
    fields = dict.fromkeys(values, "uint256")
    domain = {"name": "n", "version": "1", "chainId": 1}
    digest = typed_digest(domain, "Thing", fields, values)
    assert digest != typed_digest(domain, "Other", fields, values)
    assert digest != typed_digest({**domain, "chainId": 2}, "Thing", fields, values)
    changed = {name: value ^ 1 for name, value in values.items()}
    assert digest != typed_digest(domain, "Thing", fields, changed)


KINDS = {
    "uint256": uint256,
    "address": addresses,
    "bytes32": bytes32,
    "bytes": st.binary(max_size=80),
    "string": texts,
}
structs = st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=8).flatmap(
    lambda kinds: st.tuples(st.just(kinds), st.tuples(*(KINDS[kind] for kind in kinds)))
)


@given(
    structs, addresses, st.sampled_from([(), ("chainId",), ("verifyingContract",), ("chainId", "verifyingContract")])
)
def test_a_flat_struct_is_hashed_as_wallets_hash_it(struct, contract, more):
    fields = {f"field{index}": kind for index, kind in enumerate(struct[0])}
    message = dict(zip(fields, struct[1], strict=True))
    whole = {"name": "ünïcode", "version": "2", "chainId": 8453, "verifyingContract": contract}
    domain = {name: whole[name] for name in ("name", "version", *more)}
    types = {"Thing": [{"name": name, "type": kind} for name, kind in fields.items()]}
    known = encode_typed_data(domain_data=domain, message_types=types, message_data=message)
    assert typed_digest(domain, "Thing", fields, message) == keccak(b"\x19\x01" + known.header + known.body)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint256", -1),
        ("uint256", 2**256),
        ("bytes32", b"short"),
        ("bytes32", "0x00"),
        ("address", "0x12"),
        ("int8", 1),
    ],
)
def test_what_its_type_cannot_hold_is_not_hashed(kind, value):
    with pytest.raises((KeyError, ValueError, OverflowError)):
        typed_digest({"name": "n"}, "Thing", {"a": kind}, {"a": value})


def test_f24_payout_and_refund_of_an_order_share_one_nonce_and_orders_share_none():
    assert order_nonce("order-1") == keccak(b"order-1")
    assert order_nonce("order-1") != order_nonce("order-2")
    assert order_nonce("ü") == keccak("ü".encode())
