"""Sign-in: the text of EIP-4361, the official client's header, and whose signature it is."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from protocol import sign_in
from protocol.erc6492 import Wrapped, wrap
from protocol.errors import ProtocolError
from protocol.headers import MAX_HEADER
from protocol.sign_in import EXTENSION, HEADER, Message, Proof, challenge, check, parse, read
from tests.stack import official, siwe

WALLET, STRANGER = Account.from_key("0x" + "61" * 32), Account.from_key("0x" + "62" * 32)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URI = "https://shop.example/v1/report"
CHALLENGE = challenge(
    domain="shop.example",
    uri=URI,
    statement="Get it again.",
    nonce="0a" * 32,
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=5),
    networks=["eip155:31337", "eip155:8453"],
)
REQUIRED = {"extensions": {EXTENSION: CHALLENGE}}
PLAIN = {
    "domain": "shop.example", "address": WALLET.address, "uri": URI, "version": "1", "chainId": "eip155:31337",
    "nonce": "abcdefgh", "issuedAt": "2026-03-01T12:00:00Z",
}  # fmt: skip
TEXT = f"""shop.example:8402 wants you to sign in with your Ethereum account:
{WALLET.address}

Get it again.

URI: https://shop.example/v1/report
Version: 1
Chain ID: 31337
Nonce: abcdefgh12345678
Issued At: 2026-03-01T12:00:00.000Z
Expiration Time: 2026-03-01T12:05:00.000Z
Not Before: 2026-03-01T11:59:00+00:00
Request ID: order 7
Resources:
- https://shop.example/v1/report
- ipfs://bafy/"""


def message(**changes) -> Message:
    return msgspec.convert(PLAIN | changes, Message)


def proof(**changes) -> Proof:
    return read(siwe.header(siwe.proof(WALLET, REQUIRED, **changes)))


# ---------------------------------------------------------------------------------------------------------- the text


def test_a_text_with_everything_is_parsed_and_written_again_to_the_letter():
    found = parse(TEXT)
    assert found.text() == TEXT
    assert msgspec.to_builtins(found) == {
        "domain": "shop.example:8402", "address": WALLET.address, "uri": URI, "version": "1",
        "chainId": "eip155:31337", "nonce": "abcdefgh12345678", "issuedAt": "2026-03-01T12:00:00.000Z",
        "statement": "Get it again.", "expirationTime": "2026-03-01T12:05:00.000Z",
        "notBefore": "2026-03-01T11:59:00+00:00", "requestId": "order 7",
        "resources": ["https://shop.example/v1/report", "ipfs://bafy/"],
    }  # fmt: skip


def test_a_text_with_the_least_has_two_empty_lines_in_place_of_a_statement():
    assert f"account:\n{WALLET.address}\n\n\nURI: " in message().text()
    assert parse(message().text()) == message()


words = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
lines = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=30)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(lambda m: m.isoformat(timespec="seconds") + "Z")
messages = st.builds(
    Message,
    domain=words,
    address=st.just(WALLET.address),
    uri=words,
    version=st.just("1"),
    chain_id=st.integers(1, 10**18).map(lambda number: f"eip155:{number}"),
    nonce=st.text(st.sampled_from("abcXYZ019"), min_size=8, max_size=40),
    issued_at=moments,
    statement=st.none() | lines,
    expiration_time=st.none() | moments,
    not_before=st.none() | moments,
    request_id=st.none() | lines,
    resources=st.none() | st.lists(words, min_size=1, max_size=3),
)


@given(messages)
def test_every_message_has_the_text_that_another_writer_gives_and_comes_back_from_it(given_message):
    text = given_message.text()
    assert text == siwe.text(**siwe.members(msgspec.to_builtins(given_message)))
    assert parse(text) == given_message
    assert given_message.digest() == _hash_eip191_message(encode_defunct(text=text))


@given(messages, messages)
def test_two_messages_never_share_a_text(one, other):
    assert (one.text() == other.text()) == (one == other)


@pytest.mark.parametrize("field", ["domain", "uri", "version", "nonce", "issuedAt", "statement", "expirationTime",
                                   "notBefore", "requestId"])  # fmt: skip
@pytest.mark.parametrize("bad", ["", "x\ny", "2026-03-01T12:00:00Z\nNonce: aaaaaaaa", "\x00", "ü" * 9, "a\rb"])
def test_a_member_that_would_leave_its_place_is_refused(field, bad):
    with pytest.raises(ProtocolError):
        message(**{field: bad}).text()


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("domain", "shop example"), ("uri", "https://x y"), ("version", "2"), ("nonce", "short"),
        ("nonce", "a-b-c-d-e"),
        ("chainId", "solana:1"), ("address", "0x12"), ("issuedAt", "2026-03-01"), ("issuedAt", "2026-03-01T12:00:00"),
        ("issuedAt", "yesterday"), ("resources", ["a b"]), ("resources", ["a", ""]),
    ],
)  # fmt: skip
def test_a_member_in_another_spelling_is_refused(field, bad):
    with pytest.raises(ProtocolError):
        message(**{field: bad}).text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (WALLET.address, WALLET.address.lower()), ("Version: 1", "Version: 2"), ("Chain ID: 31337", "Chain ID: 0"),
        ("Nonce: ", "Nonce:"), ("\n\nURI", "\nURI"), ("Resources:", "Resources: "),
        ("shop.example:8402 ", "http://x y "),
        ("- ipfs://bafy/", "-ipfs://bafy/"),
        ("Not Before: 2026-03-01T11:59:00+00:00\nRequest", "Request ID: 1\nRequest"),
        ("ipfs://bafy/", "ipfs://bafy/\n"),
    ],
)  # fmt: skip
def test_a_text_in_another_spelling_is_refused(old, new):
    assert old in TEXT
    with pytest.raises(ProtocolError):
        parse(TEXT.replace(old, new))


# -------------------------------------------------------------------------------------------------------- the header


async def test_the_official_client_answers_our_challenge_and_we_read_its_header(monkeypatch):
    official.lend_siwe(monkeypatch)
    sdk = official.extension("sign_in_with_x")
    chosen = {**CHALLENGE["info"], **CHALLENGE["supportedChains"][1]}
    sent = sdk.encode_siwx_header(await sdk.create_siwx_payload(chosen, WALLET, URI + "?month=3"))
    found = read(sent)
    assert (found.chain_id, found.nonce, found.resources) == ("eip155:8453", "0a" * 32, [URI])
    check(found, domain="shop.example", uri=URI, networks=["eip155:8453"], now=NOW)
    assert await sign_in.signer(found) == WALLET.address


async def test_the_official_server_reads_the_header_that_we_do():
    sdk = official.extension("sign_in_with_x")
    assert (EXTENSION, HEADER.lower()) == (sdk.SIGN_IN_WITH_X, sdk.SIGN_IN_WITH_X.lower())
    sent = siwe.header(siwe.proof(WALLET, REQUIRED))
    theirs = sdk.parse_siwx_header(sent).model_dump(by_alias=True, exclude_none=True)
    assert theirs == msgspec.to_builtins(read(sent))
    schema = official.extension("sign_in_with_x.schema").build_siwx_schema()
    assert set(CHALLENGE["schema"]["properties"]) == set(schema["properties"])
    assert set(CHALLENGE["schema"]["required"]) == set(schema["required"])


@pytest.mark.parametrize(
    "header", ["", "%%%", "bm90IGpzb24=", siwe.header({}), siwe.header(PLAIN), "A" * (MAX_HEADER + 4)]
)
def test_a_header_of_another_shape_is_refused(header):
    with pytest.raises(ProtocolError, match=HEADER):
        read(header)


def test_a_proof_of_another_kind_of_chain_is_refused():
    with pytest.raises(ProtocolError, match="invalid_siwx_unsupported_chain"):
        proof(type="ed25519")


# -------------------------------------------------------------------------------------------------------- the checks


def checked(given_proof, now=NOW, domain="shop.example", uri=URI, networks=("eip155:31337",)):
    return check(given_proof, domain=domain, uri=uri, networks=networks, now=now)


def test_a_fresh_answer_is_accepted_to_the_end_of_its_time():
    for now in (NOW, NOW + timedelta(minutes=5) - timedelta(milliseconds=1), NOW - timedelta(seconds=5)):
        assert checked(proof(), now) is None
    assert checked(proof(notBefore="2026-03-01T12:00:00Z")) is None


@pytest.mark.parametrize(
    ("changes", "expected", "code"),
    [
        ({"domain": "evil.example"}, {}, "domain_mismatch"),
        ({"uri": URI + "/2"}, {}, "uri_mismatch"),
        ({"chainId": "eip155:1"}, {}, "chain_id"),
        ({}, {"now": NOW - timedelta(seconds=6)}, "issued_at_in_future"),
        ({}, {"now": NOW + timedelta(minutes=5)}, "expired"),
        ({"notBefore": "2026-03-01T12:00:01Z"}, {}, "not_yet_valid"),
        ({"issuedAt": "2026-02-30T12:00:00Z"}, {}, "message"),
        ({"expirationTime": "never"}, {}, "message"),
        ({}, {"domain": "evil.example"}, "domain_mismatch"),
        ({}, {"networks": ["eip155:8453"]}, "chain_id"),
    ],
)
def test_an_answer_for_something_else_or_at_another_time_is_refused(changes, expected, code):
    with pytest.raises(ProtocolError, match=f"invalid_siwx_{code}:"):
        checked(proof(**changes), **expected)


# ----------------------------------------------------------------------------------------------------- the signature


async def test_the_signer_is_the_wallet_that_signed_in_any_letter_case():
    made = siwe.proof(WALLET, REQUIRED)
    assert await sign_in.signer(read(siwe.header(made))) == WALLET.address
    assert await sign_in.signer(read(siwe.header(made | {"address": WALLET.address.lower()}))) == WALLET.address


@pytest.mark.parametrize(
    "changes",
    [
        {"address": STRANGER.address},
        {"statement": "Give me everything."},
        {"statement": None},
        {"nonce": "0b" * 32},
        {"expirationTime": "2036-03-01T12:00:00Z"},
        {"resources": []},
        {"signature": "0x"},
        {"signature": "0x" + "00" * 65},
        {"signature": "not hex"},
    ],
)
async def test_an_answer_changed_after_it_was_signed_is_refused(changes):
    with pytest.raises(ProtocolError):
        await sign_in.signer(read(siwe.header(siwe.proof(WALLET, REQUIRED) | changes)))


@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_smart_wallets_own_signature_is_shown_to_it_without_wrapping(wrapped):
    asked = []

    async def accepts(address, digest, signature):
        asked.append((address, digest, signature))
        return signature == b"by both owners"

    def signed(own):
        content = wrap(Wrapped(STRANGER.address, b"deploy", own)) if wrapped else own
        return read(siwe.header(siwe.proof(WALLET, REQUIRED) | {"signature": "0x" + content.hex()}))

    good = signed(b"by both owners")
    assert await sign_in.signer(good, accepts) == WALLET.address
    assert asked == [(WALLET.address, good.digest(), b"by both owners")]
    with pytest.raises(ProtocolError, match="invalid_siwx_signature"):
        await sign_in.signer(signed(b"by one of them"), accepts)
    with pytest.raises(ProtocolError, match="invalid_siwx_signature"):
        await sign_in.signer(good)
