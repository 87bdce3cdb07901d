"""ERC-8004 feedback files: how large they may be, which scores there are, and how they name a payment."""

import json

import pytest

from protocol.errors import ProtocolError
from protocol.feedback import (
    BEST,
    MOST_BYTES,
    FeedbackFile,
    PaymentProof,
    as_uri,
    file_hash,
    in_uri,
    read_file,
    registry_name,
    score_of,
)
from protocol.hashing import keccak
from scripts.accounts import account

PROOF = PaymentProof(
    from_address=account("buyer").address,
    to_address=account("merchant").address,
    chain_id="31337",
    tx_hash="0x" + "ab" * 32,
    log_index=3,
)
FILE = FeedbackFile(
    client_address=f"eip155:31337:{account('buyer').address}",
    created_at="2026-03-01T12:00:00Z",
    value=87,
    proof_of_payment=PROOF,
)


def with_proof(**changes):
    told = json.loads(FILE.encode())
    told["proofOfPayment"] |= changes
    return json.dumps(told).encode()


def sized(length):
    return FILE.encode().ljust(length)


def test_a_file_is_read_as_it_was_written():
    assert read_file(FILE.encode()) == FILE


def test_a_file_has_so_many_bytes_and_not_one_more():
    assert read_file(sized(MOST_BYTES)) == FILE
    with pytest.raises(ProtocolError, match=str(MOST_BYTES)) as refused:
        read_file(sized(MOST_BYTES + 1))
    assert refused.value.reason == "invalid_feedback"


def test_addresses_and_hash_of_the_payment_come_in_their_usual_form():
    lower = with_proof(fromAddress=PROOF.from_address.lower(), txHash=PROOF.tx_hash.upper().replace("0X", "0x"))
    assert read_file(lower).proof_of_payment == PROOF


@pytest.mark.parametrize(
    ("name", "value"),
    [("fromAddress", "0x12"), ("toAddress", "nobody"), ("txHash", "0x" + "ab" * 31), ("txHash", "ab" * 33)],
)
def test_a_payment_that_cannot_be_one_is_refused_by_the_name_of_its_member(name, value):
    with pytest.raises(ProtocolError, match=f"proofOfPayment.{name}"):
        read_file(with_proof(**{name: value}))


@pytest.mark.parametrize(
    ("value", "decimals", "score"),
    [(0, 0, 0), (BEST, 0, BEST), (999, 1, 99), (BEST * 10**18, 18, BEST), (10**18 - 1, 18, 0)],
)
def test_a_value_is_a_score_rounded_down(value, decimals, score):
    assert score_of(value, decimals) == score


@pytest.mark.parametrize(("value", "decimals"), [(-1, 0), (BEST + 1, 0), (BEST * 10**18 + 1, 18), (1, 19), (1, -1)])
def test_any_other_value_is_no_score(value, decimals):
    with pytest.raises(ProtocolError, match="0 to 100"):
        score_of(value, decimals)


@pytest.mark.parametrize("number", ["1", "31337", "9" * 20])
def test_a_chain_is_named_by_its_number(number):
    assert read_file(with_proof(chainId=number)).proof_of_payment.network == f"eip155:{number}"


@pytest.mark.parametrize("number", ["", "-1", "0x1", "1e3", "\u00b2", "\u0661", "9" * 21])
def test_what_is_no_decimal_number_names_no_chain(number):
    proof = read_file(with_proof(chainId=number)).proof_of_payment
    with pytest.raises(ProtocolError, match="chainId"):
        _ = proof.network


def test_a_uri_holds_all_of_a_file():
    assert in_uri(as_uri(FILE.encode())) == FILE.encode()


def test_a_uri_longer_than_any_file_is_not_unpacked():
    longest = b"x" * (MOST_BYTES // 2 * 3)
    assert in_uri(as_uri(longest)) == longest
    assert in_uri(as_uri(longest + b"x")) is None


@pytest.mark.parametrize(
    "uri", ["", "https://paddock.test/file", "ipfs://file", as_uri(b"file") + "%", as_uri(b"f")[:-1]]
)
def test_any_other_uri_holds_nothing(uri):
    assert in_uri(uri) is None


def test_a_file_is_named_by_its_bytes_and_a_registry_by_its_network():
    assert file_hash(FILE.encode()) == "0x" + keccak(FILE.encode()).hex()
    assert registry_name("eip155:1", PROOF.to_address) == f"eip155:1:{PROOF.to_address}"
