"""Verification against what solc made of a source with immutables, and what solc says of its own metadata file."""

import hashlib
import json

import msgspec
import pytest
from eth_utils.crypto import keccak

from server.services import code_verification
from server.services.arguments import parse_arguments
from server.services.code_verification import VerificationReport, ipfs_hash
from server.services.service import ServiceError
from tests.fakes.chain_reader import FakeChainReader
from tests.unit import services_oracle_till as till
from tests.unit.services_oracle_context import context

AT = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
REFERENCES = [*till.KEEPER, *till.LIMIT]
KEEPER, LIMIT = bytes(12) + b"\xab" * 20, (7).to_bytes(32, "big")
APPENDED = 53
"""Bytes of metadata: what the last two bytes of the code say, and themselves."""


def deployed():
    """The code with both immutables filled in, as the constructor leaves it."""
    code = bytearray(till.RUNTIME)
    for places, value in ((till.KEEPER, KEEPER), (till.LIMIT, LIMIT)):
        for one in places:
            assert code[one["start"] : one["start"] + one["length"]] == bytes(32)
            code[one["start"] : one["start"] + one["length"]] = value
    return bytes(code)


async def ask(code=None, **given):
    body = json.dumps({"address": AT} | given).encode()
    arguments = parse_arguments(code_verification.SERVICE, b"", body, "application/json")
    reader = FakeChainReader(codes={AT: deployed() if code is None else code})
    answer = await code_verification.SERVICE.run(arguments, context(reader))
    return msgspec.json.decode(answer.body, type=VerificationReport)


def text(code):
    return "0x" + bytes(code).hex()


async def test_what_solc_compiled_is_what_stands_there_once_immutables_are_taken_out():
    report = await ask(bytecode=text(till.RUNTIME), immutables=REFERENCES)
    assert (report.verified, report.comparison.verdict) == (True, "exact")
    assert (report.comparison.first_difference, report.comparison.differing) == (None, 0)
    assert [one.value for one in report.comparison.immutables] == [text(KEEPER)] * 2 + [text(LIMIT)] * 2
    assert (report.code_hash, report.code_size) == (text(keccak(deployed())), len(deployed()))
    assert report.comparison.given_hash == text(keccak(till.RUNTIME))
    assert report.metadata.compiler == report.comparison.given_metadata.compiler == "0.8.37"
    assert report.metadata_matches is None


async def test_immutables_that_are_not_named_are_differences():
    report = await ask(bytecode=text(till.RUNTIME), immutables=till.KEEPER)
    first = min(one["start"] for one in till.LIMIT)
    assert (report.verified, report.comparison.verdict) == (False, "different")
    assert (report.comparison.first_difference, report.comparison.differing) == (first + 31, 2)


async def test_a_comment_changes_the_metadata_and_not_the_code():
    report = await ask(bytecode=text(till.COMMENTED), immutables=REFERENCES)
    assert (report.verified, report.comparison.verdict, report.comparison.differing) == (True, "other metadata", 0)
    assert report.comparison.given_metadata.hash != report.metadata.hash


@pytest.mark.parametrize(
    ("change", "first", "count"),
    [
        (lambda code: code[:40] + bytes([code[40] ^ 1]) + code[41:], 40, 1),
        (lambda code: code[:-APPENDED] + b"\x00" + code[-APPENDED:], len(till.RUNTIME) - APPENDED, 1),
        (lambda code: code[: -APPENDED - 3] + code[-APPENDED:], len(till.RUNTIME) - APPENDED - 3, 3),
    ],
    ids=["one byte", "one more", "three fewer"],
)
async def test_other_code_differs_from_where_it_does(change, first, count):
    report = await ask(change(deployed()), bytecode=text(till.RUNTIME), immutables=REFERENCES)
    assert (report.verified, report.comparison.verdict) == (False, "different")
    assert (report.comparison.first_difference, report.comparison.differing) == (first, count)


async def test_the_metadata_file_is_the_one_that_the_code_names():
    report = await ask(metadata=till.METADATA)
    assert (report.verified, report.metadata_matches, report.comparison) == (True, True, None)
    source = json.loads(till.METADATA)["sources"]["Till.sol"]
    assert source["keccak256"] == text(keccak(till.SOURCE.encode()))


async def test_another_metadata_file_contradicts_code_that_is_the_same():
    report = await ask(metadata=till.METADATA + "\n", bytecode=text(till.RUNTIME), immutables=REFERENCES)
    assert (report.verified, report.metadata_matches, report.comparison.verdict) == (False, False, "exact")


async def test_code_that_names_no_metadata_matches_none():
    report = await ask(till.RUNTIME[:-APPENDED], metadata=till.METADATA)
    assert (report.verified, report.metadata_matches, report.metadata) == (False, False, None)


def test_the_hash_of_a_file_is_that_which_ipfs_gives_it():
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

    def named(content):
        number, written = int.from_bytes(ipfs_hash(content), "big"), ""
        while number:
            number, digit = divmod(number, 58)
            written = alphabet[digit] + written
        return written

    assert named(b"hello world") == "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"
    urls = json.loads(till.METADATA)["sources"]["Till.sol"]["urls"]
    assert f"dweb:/ipfs/{named(till.SOURCE.encode())}" in urls
    assert ipfs_hash(b"")[2:] == hashlib.sha256(b"\x0a\x06\x08\x02\x12\x00\x18\x00").digest()
    with pytest.raises(ServiceError, match="more than 262144 bytes"):
        ipfs_hash(bytes(262_145))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "give bytecode, metadata or both"),
        ({"bytecode": "0x6"}, "bytecode"),
        ({"bytecode": "0x60", "address": AT[:-1] + "c"}, "checksum"),
        ({"metadata": "{}", "immutables": REFERENCES}, "immutables: they are places in bytecode"),
        ({"bytecode": "0x6000", "immutables": [{"start": 1, "length": 2}]}, "immutables: 2 bytes from 1 on"),
        ({"bytecode": "0x6000", "immutables": [{"start": 0, "length": 1}]}, "immutables: 1 bytes from 0 on"),
        ({"bytecode": "0x6000", "immutables": [{"start": 0, "length": 33}]}, "immutables"),
    ],
)
async def test_bad_input_is_refused_with_the_field(given, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(**given)
    assert refused.value.status == 422


async def test_an_address_without_a_contract_is_not_verified():
    with pytest.raises(ServiceError, match="no contract at") as refused:
        await ask(b"", bytecode="0x6000")
    assert refused.value.status == 404


async def test_the_example_is_the_deterministic_deployment_proxy():
    code = bytes.fromhex(code_verification.PROXY_CODE[2:])
    assert len(code) == 69
    assert keccak(code).hex() == "2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989"
