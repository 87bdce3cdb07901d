"""What ports.TransactionSigner guarantees, by a key in hex, a keystore and a remote signer over real HTTP."""

import json
import threading
import time
import traceback
from contextlib import asynccontextmanager

import pytest
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from protocol.signatures import recover
from server.adapters.keys import open_signer
from server.adapters.remote_signer import RemoteSigner
from server.domain.errors import ConfigurationError
from server.domain.outages import SignerUnavailable
from server.key_sources import read_key_source
from server.ports import Call, Fees
from tests.fakes.chain import decode_transaction
from tests.stack.processes import free_port
from tests.stack.signing_machine import TOKEN, Machine, run_machine

NAME = "PADDOCK_DELEGATE"
PASSWORD = "pass word of the keystore"
SHOP, TOKEN_CONTRACT = Account.create().address, Account.create().address
FEES = Fees(3_000_000_000, 1_000_000_000)
CALL = Call(SHOP, TOKEN_CONTRACT, b"\xa9\x05\x9c\xbb" + bytes(64))
DIGEST = keccak(b"a payout")


@pytest.fixture
def machine():
    with run_machine() as found:
        yield found


@pytest.fixture
def source(request, tmp_path):
    """The settings of a key in the form that the test names, as (source, address)."""

    def made(form):
        key, files = Account.create(), {"password": PASSWORD + "\n", "token": TOKEN + "\n"}
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        if form == "hex":
            given = {f"{NAME}_KEY": "0x" + key.key.hex()}
        elif form == "keystore":
            (tmp_path / "key.json").write_text(json.dumps(Account.encrypt(key.key, PASSWORD, "pbkdf2", 10)))
            given = {
                f"{NAME}_KEYSTORE": str(tmp_path / "key.json"),
                f"{NAME}_PASSWORD_FILE": str(tmp_path / "password"),
            }
        else:
            key = request.getfixturevalue("machine").key
            given = {
                f"{NAME}_SIGNER": request.getfixturevalue("machine").source.lower(),
                f"{NAME}_SIGNER_TOKEN_FILE": str(tmp_path / "token"),
            }
        return read_key_source(given, NAME, ""), key.address

    return made


@pytest.fixture(params=["hex", "keystore", "remote"])
async def signer(request, source):
    """ports.TransactionSigner in each of its forms."""
    made, address = source(request.param)
    async with open_signer(made) as found:
        assert found.address == address
        yield found


# ------------------------------------------------------------------------------------------------------ every signer


async def test_a_transaction_is_signed_with_exactly_the_fields_asked_for(signer):
    signed = await signer.sign(31337, 7, CALL, 250_000, FEES)
    read = decode_transaction(signed.raw)
    assert (read.sender, read.nonce, read.to, read.data) == (signer.address, 7, CALL.to, CALL.data)
    fields = TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()
    assert (fields["gas"], fields["value"], fields["chainId"]) == (250_000, 0, 31337)
    assert (fields["maxFeePerGas"], fields["maxPriorityFeePerGas"]) == (FEES.max_fee, FEES.priority)
    assert signed.hash == "0x" + keccak(signed.raw).hex()


async def test_a_digest_is_signed_as_contracts_and_buyers_check_it(signer):
    signature = await signer.sign_digest(DIGEST)
    assert recover(DIGEST, signature) == signer.address


async def test_f15_the_same_may_be_asked_again_and_is_the_same(signer):
    assert await signer.sign(31337, 7, CALL, 1, FEES) == await signer.sign(31337, 7, CALL, 1, FEES)
    assert await signer.sign_digest(DIGEST) == await signer.sign_digest(DIGEST)


async def test_a_call_with_every_kind_of_byte_is_signed_unchanged(signer):
    call = Call(SHOP, TOKEN_CONTRACT, bytes(range(256)) * 40)
    assert decode_transaction((await signer.sign(31337, 0, call, 10**7, FEES)).raw).data == call.data


# ------------------------------------------------------------------------------------------------ hostile and absent


@asynccontextmanager
async def machine_signer(machine, timeout=2.0):
    """A remote signer of that machine's key, closed at the end."""
    signer = RemoteSigner(machine.url, machine.key.address, TOKEN, timeout)
    yield signer
    await signer.close()


def changed(**fields):
    return lambda asked: asked | fields


THIEF = Account.create()


@pytest.mark.parametrize(
    "bend",
    [
        changed(to=THIEF.address),
        changed(nonce=8),
        changed(value=1),
        changed(data="0x"),
        changed(gas=9_999_999),
        changed(maxFeePerGas=10**18),
        changed(maxPriorityFeePerGas=1),
        changed(chainId=1),
        changed(accessList=[{"address": THIEF.address, "storageKeys": []}]),
    ],
    ids=["recipient", "nonce", "value", "data", "gas", "fee", "priority", "chain", "access list"],
)
async def test_s29_a_remote_signer_that_changes_a_transaction_is_refused(machine, bend):
    machine.bend = bend
    async with machine_signer(machine) as signer:
        with pytest.raises(SignerUnavailable, match="another transaction"):
            await signer.sign(31337, 7, CALL, 250_000, FEES)


async def test_a_remote_signer_that_signs_another_digest_is_refused(machine):
    machine.bend = lambda asked: asked | {"digest": "0x" + keccak(b"all the money").hex()}
    async with machine_signer(machine) as signer:
        with pytest.raises(SignerUnavailable, match="something else"):
            await signer.sign_digest(DIGEST)


async def test_a_remote_signer_with_another_key_is_refused(machine):
    async with machine_signer(machine) as signer:
        machine.sign, address = Machine(THIEF).sign, machine.key.address
        assert address == signer.address
        for attempt in (signer.sign_digest(DIGEST), signer.sign(31337, 7, CALL, 250_000, FEES)):
            with pytest.raises(SignerUnavailable, match="another key"):
                await attempt


ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def mirrored(signed):
    raw = bytes.fromhex(signed["signature"][2:])
    s = ORDER - int.from_bytes(raw[32:64], "big")
    return {"signature": "0x" + (raw[:32] + s.to_bytes(32, "big") + bytes([55 - raw[64]])).hex()}


def mirrored_transaction(signed):
    fields = TypedTransaction.from_bytes(HexBytes(signed["raw"])).as_dict()
    fields |= {"s": ORDER - fields["s"], "v": 1 - fields["v"]}
    return {"raw": "0x" + TypedTransaction.from_dict(fields).encode().hex()}


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("digest", mirrored),
        ("digest", lambda signed: {"signature": signed["signature"][:-2]}),
        ("digest", lambda signed: {"signature": "0x" + "00" * 65}),
        ("transaction", mirrored_transaction),
        ("transaction", lambda signed: {"raw": signed["raw"] + "00"}),
        ("transaction", lambda signed: {"raw": signed["raw"][:-2]}),
        ("transaction", lambda signed: {"raw": "0x"}),
        ("transaction", lambda signed: {"raw": "0x02c0"}),
        ("transaction", lambda signed: {"raw": signed["raw"][2:]}),
        *[("both", answer) for answer in (lambda _: {}, lambda _: [], lambda _: b"<html>", lambda _: {"raw": 7})],
    ],
)
async def test_an_answer_that_is_no_canonical_signature_is_refused(machine, asked, answer):
    machine.answer = answer
    async with machine_signer(machine) as signer:
        if asked in ("digest", "both"):
            with pytest.raises(SignerUnavailable):
                await signer.sign_digest(DIGEST)
        if asked in ("transaction", "both"):
            with pytest.raises(SignerUnavailable):
                await signer.sign(31337, 7, CALL, 250_000, FEES)


async def test_s29_a_remote_signer_that_redirects_gets_no_second_request(machine):
    with run_machine() as elsewhere:
        machine.status, machine.headers = 307, {"Location": f"{elsewhere.url}/sign/digest"}
        async with machine_signer(machine) as signer:
            with pytest.raises(SignerUnavailable, match="307"):
                await signer.sign_digest(DIGEST)
        assert elsewhere.asked == []


async def test_a_remote_signer_that_hangs_holds_up_nobody_for_long(machine):
    machine.gate = threading.Event()
    async with machine_signer(machine, timeout=0.3) as signer:
        begun = time.monotonic()
        with pytest.raises(SignerUnavailable, match="cannot be reached"):
            await signer.sign_digest(DIGEST)
        assert time.monotonic() - begun < 2


async def test_s29_no_error_of_a_signer_shows_its_token(machine, tmp_path):
    wrong = "wr0ng-token-nobody-should-see"
    gone = f"http://127.0.0.1:{free_port()}/vault-path-of-the-operator"
    for url, status in ((machine.url, "403"), (gone, "cannot be reached")):
        signer = RemoteSigner(url, machine.key.address, wrong)
        with pytest.raises(SignerUnavailable, match=status) as raised:
            await signer.sign_digest(DIGEST)
        shown = "".join(traceback.format_exception(raised.value))
        assert wrong not in shown
        assert "vault-path" not in shown
        await signer.close()


# ---------------------------------------------------------------------------------------------------- opening a key


@pytest.mark.parametrize(
    ("break_it", "named"),
    [
        (lambda at: (at / "password").write_text("wrong"), "PADDOCK_DELEGATE_PASSWORD_FILE"),
        (lambda at: (at / "key.json").write_text("{}"), "PADDOCK_DELEGATE_KEYSTORE"),
        (lambda at: (at / "key.json").write_text("0x" + "11" * 32), "PADDOCK_DELEGATE_KEYSTORE"),
        (lambda at: (at / "key.json").unlink(), "PADDOCK_DELEGATE_KEYSTORE"),
        (lambda at: (at / "password").write_bytes(b"\xff"), "PADDOCK_DELEGATE_KEYSTORE"),
    ],
    ids=["wrong password", "no keystore", "a bare key", "no file", "no text"],
)
async def test_s29_a_keystore_that_cannot_be_opened_is_named_without_its_secrets(source, tmp_path, break_it, named):
    made, _ = source("keystore")
    break_it(tmp_path)
    with pytest.raises(ConfigurationError, match=named) as raised:
        async with open_signer(made):
            pass
    shown = "".join(traceback.format_exception(raised.value))
    assert PASSWORD not in shown
    assert "11" * 32 not in shown


@pytest.mark.parametrize("key", ["0x1234", "not-a-key-but-secret", "0x" + "00" * 32, "0x" + "ff" * 32, ""])
async def test_s29_a_key_that_is_none_is_named_and_not_quoted(key):
    with pytest.raises(ConfigurationError, match="PADDOCK_DELEGATE_KEY") as raised:
        async with open_signer(read_key_source({f"{NAME}_KEY": key}, NAME, "")):
            pass
    assert not key or key not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("token", ["", "\n", "two\nlines", "schl\u00fcssel"])
async def test_a_token_file_holds_one_token(source, tmp_path, token):
    made, _ = source("remote")
    (tmp_path / "token").write_text(token)
    with pytest.raises(ConfigurationError, match="PADDOCK_DELEGATE_SIGNER_TOKEN_FILE"):
        async with open_signer(made):
            pass


@pytest.mark.parametrize("form", ["hex", "keystore", "remote"])
async def test_a_key_that_everybody_knows_is_refused_in_every_form(source, form):
    made, address = source(form)
    with pytest.raises(ConfigurationError, match="public devnet key"):
        async with open_signer(made, frozenset({address})):
            pass
