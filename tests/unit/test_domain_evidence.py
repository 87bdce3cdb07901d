"""F10, F11: only the pinned token's own events, in their order and shape, are evidence of a payment."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from protocol.payment import Method
from server.domain.calls import MOST_DATA, decode_event, describe_revert, encode_call
from server.domain.evidence import AUTHORIZATION_USED, TRANSFER, Mined, RawLog, Spend, TransferLog, topic, transfers_of
from tests.fakes.samples import TOKEN
from tests.unit.protocol_samples import PAYER, SHOP

NONCE = b"\7" * 32
LOOK_ALIKE = "0x" + "ee" * 20
USED = RawLog(TOKEN, (AUTHORIZATION_USED, topic(PAYER.address), NONCE), b"", 3)
MOVED = RawLog(TOKEN, (TRANSFER, topic(PAYER.address), topic(SHOP)), (50_000).to_bytes(32, "big"), 4)
SPEND = Spend(Method.EIP3009, TOKEN, PAYER.address, NONCE, SHOP, 50_000)
MINED = Mined("0xaa", True, 12, "0xbb", 60_000, (USED, MOVED))


def found(*logs, succeeded=True):
    return only(transfers_of(replace(MINED, logs=logs, succeeded=succeeded), SPEND))


def only(transfers):
    """The one there is, or None."""
    assert len(transfers) <= 1
    return transfers[0] if transfers else None


def test_the_transfer_after_the_used_authorization_is_the_payment():
    assert found(USED, MOVED) == TransferLog("0xaa", 4, 12, "0xbb", TOKEN, PAYER.address, SHOP, 50_000)


def test_a_transfer_of_another_amount_or_recipient_is_reported_as_it_is():
    """Whether it pays an order is decided by the order's terms, from what really moved."""
    less = replace(MOVED, data=(49_999).to_bytes(32, "big"))
    assert found(USED, less).amount == 49_999
    elsewhere = replace(MOVED, topics=(TRANSFER, topic(PAYER.address), topic(LOOK_ALIKE)))
    assert found(USED, elsewhere).recipient.lower() == LOOK_ALIKE


def test_events_of_others_in_between_do_not_matter():
    noise = RawLog(LOOK_ALIKE, (TRANSFER, topic(SHOP), topic(PAYER.address)), b"", 0)
    assert found(noise, USED, noise, MOVED, noise).amount == 50_000


OTHER_EVENT = RawLog(TOKEN, (b"\1" * 32,), b"", 9)


@pytest.mark.parametrize(
    "logs",
    [
        pytest.param((), id="no logs"),
        pytest.param((USED,), id="used without a transfer"),
        pytest.param((MOVED,), id="a transfer without an authorization"),
        pytest.param((MOVED, USED), id="in the other order"),
        pytest.param((USED, OTHER_EVENT, MOVED), id="another event of the token in between"),
        pytest.param((replace(USED, address=LOOK_ALIKE), MOVED), id="a look-alike's authorization"),
        pytest.param((USED, replace(MOVED, address=LOOK_ALIKE)), id="a look-alike's transfer"),
        pytest.param((replace(USED, topics=(*USED.topics[:2], b"\x08" * 32)), MOVED), id="another nonce"),
        pytest.param((replace(USED, topics=(USED.topics[0], topic(SHOP), NONCE)), MOVED), id="another payer"),
        pytest.param((replace(USED, topics=USED.topics[:2]), MOVED), id="an authorization without a nonce"),
        pytest.param((replace(USED, topics=(*USED.topics, NONCE)), MOVED), id="an authorization with more topics"),
        pytest.param((USED, replace(MOVED, topics=(*MOVED.topics, NONCE))), id="an ERC-721 transfer"),
        pytest.param((USED, replace(MOVED, topics=MOVED.topics[:2])), id="a transfer to nobody"),
        pytest.param((USED, replace(MOVED, topics=())), id="an anonymous event"),
    ],
)
def test_f11_what_only_looks_like_a_payment_is_none(logs):
    assert found(*logs) is None


def test_f10_logs_of_a_failed_transaction_prove_nothing():
    assert found(USED, MOVED, succeeded=False) is None


def test_each_payment_of_a_batch_finds_its_own_transfer():
    nonces = [bytes([n]) * 32 for n in range(1, 4)]
    logs = []
    for number, nonce in enumerate(nonces):
        logs.append(replace(USED, topics=(*USED.topics[:2], nonce), index=2 * number))
        logs.append(replace(MOVED, data=(number + 1).to_bytes(32, "big"), index=2 * number + 1))
    mined = replace(MINED, logs=tuple(logs))
    transfers = [only(transfers_of(mined, SPEND._replace(nonce=nonce))) for nonce in nonces]
    assert [(one.amount, one.log_index) for one in transfers] == [(1, 1), (2, 3), (3, 5)]


# ------------------------------------------------------------------------------------------------- reading logs

SHARE = [{"name": "to", "type": "address"}, {"name": "keys", "type": "bytes4[]"}]
ABI = (
    {
        "type": "event",
        "name": "PassMinted",
        "inputs": [
            {"name": "orderId", "type": "bytes32", "indexed": True},
            {"name": "payer", "type": "address", "indexed": True},
            {"name": "expiresAt", "type": "uint64", "indexed": False},
        ],
    },
    {
        "type": "event",
        "name": "Named",
        "inputs": [
            {"name": "name", "type": "string", "indexed": True},
            {"name": "ids", "type": "uint8[2]", "indexed": True},
            {"name": "note", "type": "string", "indexed": False},
            {"name": "shares", "type": "tuple[]", "indexed": False, "components": SHARE},
        ],
    },
    {"type": "error", "name": "SoldOut", "inputs": [{"name": "supply", "type": "uint256"}]},
    {"type": "error", "name": "Unfair", "inputs": [{"name": "to", "type": "tuple", "components": SHARE}]},
    {"type": "error", "name": "Told", "inputs": [{"name": "why", "type": "string"}]},
    {"type": "error", "name": "Deep", "inputs": [{"name": "all", "type": "uint256[][][]"}]},
    {"type": "error", "name": "Refused", "inputs": [{"name": "by", "type": "bytes32"}]},
    {"type": "function", "name": "mint", "inputs": []},
)
SOLD_OUT = encode_call("SoldOut(uint256)", 7)[:32]
ERROR, TOLD, DEEP = (keccak(text)[:4] for text in (b"Error(string)", b"Told(string)", b"Deep(uint256[][][])"))
UNFAIR = keccak(b"Unfair((address,bytes4[]))")[:4]
NO_TEXT = encode(["bytes"], [b"\xff\xfe"])
ABSURD = (32).to_bytes(32, "big") + (2**255).to_bytes(32, "big")


def test_an_event_is_decoded_by_its_abi():
    signature = encode_call("PassMinted(bytes32,address,uint64)", NONCE, SHOP, 5)
    from_abi = decode_event(ABI, (keccak(b"PassMinted(bytes32,address,uint64)"), NONCE, topic(SHOP)), signature[-32:])
    assert from_abi.name == "PassMinted"
    assert from_abi.values == {"orderId": "0x" + NONCE.hex(), "payer": SHOP, "expiresAt": 5}
    assert decode_event(ABI, (), b"") is None
    assert decode_event(ABI, (b"\1" * 32,), b"") is None


NAMED = keccak(b"Named(string,uint8[2],string,(address,bytes4[])[])"), NONCE, b"\5" * 32
SHARES = [(SHOP, [b"abcd"])]


def test_an_events_tuples_are_lists_and_what_a_topic_cannot_hold_is_its_hash():
    data = encode(["string", "(address,bytes4[])[]"], ["ours", SHARES])
    assert decode_event(ABI, NAMED, data).values == {
        "name": "0x" + NONCE.hex(),
        "ids": "0x" + "05" * 32,
        "note": "ours",
        "shares": [[SHOP, ["0x61626364"]]],
    }


@pytest.mark.parametrize(
    ("topics", "data"),
    [
        (NAMED[:2], encode(["string", "(address,bytes4[])[]"], ["ours", SHARES])),
        ((*NAMED, NONCE), encode(["string", "(address,bytes4[])[]"], ["ours", SHARES])),
        (NAMED, encode(["bytes", "(address,bytes4[])[]"], [b"\xff", SHARES])),
        (NAMED, encode(["string", "(address,bytes4[])[]"], ["long" * 2048, SHARES])),
        (NAMED, (64).to_bytes(32, "big") * 2 + (2**255).to_bytes(32, "big")),
        (NAMED, b""),
    ],
    ids=["a topic too few", "one too many", "no text", "too long", "a length beyond everything", "nothing"],
)
def test_c8_an_event_that_its_contract_did_not_write_as_the_abi_does_is_none(topics, data):
    """The callback is a stranger's contract, and took its payment: what it logs may not stop the order."""
    assert decode_event(ABI, topics, data) is None


@pytest.mark.parametrize(("size", "read"), [(MOST_DATA, True), (MOST_DATA + 32, False)])
def test_c8_an_event_is_read_up_to_exactly_the_most_bytes(size, read):
    whole = encode(["string", "(address,bytes4[])[]"], ["ours", SHARES]).ljust(size, b"\0")
    assert (decode_event(ABI, NAMED, whole) is not None) is read


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (encode_call("SoldOut(uint256)", 7), "SoldOut(7)"),
        (encode_call("Error(string)", "insufficient balance"), "insufficient balance"),
        (encode_call("Panic(uint256)", 17), "Panic(17)"),
        (b"", "reverted without a reason"),
        (b"\x12\x34", "0x1234"),
        (bytes(range(200)), "0x" + bytes(range(36)).hex()),
        (encode_call("Refused(bytes32)", SOLD_OUT), "Refused(SoldOut(…))"),
        (encode_call("Refused(bytes32)", NONCE), f"Refused(0x{NONCE.hex()})"),
        (encode_call("mint()"), "0x" + encode_call("mint()").hex()),
        (encode_call("SoldOut(uint256)", 7)[:20], "0x" + encode_call("SoldOut(uint256)", 7)[:20].hex()),
        (encode_call("Error(string)", "x")[:40], "0x" + encode_call("Error(string)", "x")[:36].hex()),
        (encode_call("Error(string)", "\0no\x1b[2J\nway"), "no [2J way"),
        (encode_call("Error(string)", "no " * 200), "no " * 99 + "no…"),
        (encode_call("Error(string)", "no" * 8192), "0x" + encode_call("Error(string)", "no" * 8192)[:36].hex()),
        (ERROR + ABSURD, "0x" + (ERROR + ABSURD)[:36].hex()),
        (ERROR + NO_TEXT, "0x" + (ERROR + NO_TEXT)[:36].hex()),
        (TOLD + NO_TEXT, "0x" + (TOLD + NO_TEXT)[:36].hex()),
        (TOLD + encode(["string"], ["a\0b"]), "Told(a b)"),
        (UNFAIR + encode(["(address,bytes4[])"], SHARES), f"Unfair(['{SHOP}', ['0x61626364']])"),
        (DEEP + encode(["uint256[][][]"], [[[[1]]]]), "0x" + (DEEP + encode(["uint256[][][]"], [[[[1]]]]))[:36].hex()),
    ],
)
def test_revert_data_is_told_in_words_and_never_at_length(data, words):
    assert describe_revert(ABI, data) == words
