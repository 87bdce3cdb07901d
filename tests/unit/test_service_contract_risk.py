"""The contract risk scan against solc's own output and py-evm, and what it refuses."""

import msgspec
import pytest

from server.services import contract_risk
from server.services.arguments import parse_arguments
from server.services.contract_risk import RiskReport, scan
from server.services.service import ServiceError
from tests.fakes.chain_reader import FakeChainReader
from tests.unit import services_oracle_contracts as compiled
from tests.unit import services_oracle_evm as oracle
from tests.unit.services_oracle_context import context

CONTRACTS = {
    "treasury": compiled.TREASURY,
    "coin": compiled.COIN,
    "shell": compiled.SHELL,
    "factory": compiled.FACTORY,
}
EXPECTED = {
    "treasury": (
        {
            "selfdestruct": 30,
            "delegatecall": 25,
            "tx-origin": 12,
            "call-in-loop": 10,
            "call-all-gas": 4,
            "has-owner": 3,
        },
        84,
        "critical",
    ),
    "coin": ({}, 0, "low"),
    "shell": ({"upgradeable-proxy": 15, "can-upgrade": 15}, 30, "moderate"),
    "factory": ({"create2": 5, "call-all-gas": 4}, 9, "low"),
}
"""By hand, from each contract's source and the published weights."""

IMPLEMENTATION = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def finding(report, wanted):
    return next(found for found in report.findings if found.id == wanted)


@pytest.mark.parametrize("name", CONTRACTS)
def test_findings_weights_score_and_rating_are_those_derived_from_the_source(name):
    report = scan(CONTRACTS[name])
    weights, score, rating = EXPECTED[name]
    assert {found.id: found.weight for found in report.findings} == weights
    assert (report.score, report.rating) == (score, rating)


@pytest.mark.parametrize("code", CONTRACTS.values(), ids=CONTRACTS)
def test_selectors_are_those_that_solc_lists(code):
    assert {entry.selector for entry in scan(code).functions} == set(compiled.SELECTORS[code])


@pytest.mark.parametrize("code", CONTRACTS.values(), ids=CONTRACTS)
def test_well_known_selectors_have_the_signature_of_the_source(code):
    named = {entry.selector: entry.signature for entry in scan(code).functions if entry.signature}
    assert named.items() <= compiled.SELECTORS[code].items()
    known = {"transferOwnership(address)", "transfer(address,uint256)", "upgradeTo(address)"}
    assert set(named.values()) >= known & set(compiled.SELECTORS[code].values())


@pytest.mark.parametrize(
    ("name", "rule", "mnemonic"),
    [
        ("treasury", "selfdestruct", "SELFDESTRUCT"),
        ("treasury", "delegatecall", "DELEGATECALL"),
        ("treasury", "tx-origin", "ORIGIN"),
        ("treasury", "call-in-loop", "CALL"),
        ("factory", "create2", "CREATE2"),
        ("factory", "call-all-gas", "CALL"),
    ],
)
def test_offsets_are_where_py_evm_finds_the_opcode(name, rule, mnemonic):
    offsets = oracle.offsets_of(CONTRACTS[name], mnemonic)
    assert finding(scan(CONTRACTS[name]), rule).offsets == offsets
    assert offsets


@pytest.mark.parametrize("code", CONTRACTS.values(), ids=CONTRACTS)
def test_everything_solc_wrote_is_reachable_except_the_invalid_before_the_metadata(code):
    report = scan(code)
    instructions = oracle.opcode_offsets(oracle.without_metadata(code))
    assert report.instructions == len(instructions)
    assert report.reachable_instructions == len(instructions) - 1


@pytest.mark.parametrize("code", CONTRACTS.values(), ids=CONTRACTS)
def test_metadata_is_cut_off_and_read(code):
    match = oracle.SOLC_METADATA.search(code)
    metadata = scan(code).metadata
    assert metadata.size == len(code) - match.start()
    assert metadata.hash == "0x" + match["hash"].hex()
    assert metadata.compiler == "0.8.37"


def test_bytes_that_only_look_like_metadata_stay_code():
    named_otherwise = bytes.fromhex("00" + "a1" + "6161" + "4100" + "0005")
    for code in (named_otherwise, bytes.fromhex("00a164fefefefe0005"), bytes.fromhex("6000ff0003")):
        assert scan(code).metadata is None


def test_the_coin_is_an_erc20():
    assert scan(compiled.COIN).standards == ["ERC-20"]
    assert scan(compiled.TREASURY).standards == []


def test_the_code_hash_is_the_published_keccak_256_of_one_zero_byte():
    assert scan(b"\0").code_hash == "0xbc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a"


async def ask(chain=None, **given):
    body = msgspec.json.encode(given)
    arguments = parse_arguments(contract_risk.SERVICE, b"", body, "application/json")
    answer = await contract_risk.SERVICE.run(arguments, context(chain or FakeChainReader()))
    return msgspec.json.decode(answer.body, type=RiskReport)


async def test_code_at_an_address_gives_the_report_of_that_code():
    chain = FakeChainReader(codes={IMPLEMENTATION: compiled.TREASURY})
    by_address = await ask(chain, address=IMPLEMENTATION.lower())
    by_code = await ask(bytecode="0x" + compiled.TREASURY.hex())
    assert by_address.address == IMPLEMENTATION
    assert by_code.address is None
    assert by_address == msgspec.structs.replace(by_code, address=IMPLEMENTATION)


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        ({}, 422, "exactly one of bytecode and address"),
        ({"bytecode": "0x00", "address": IMPLEMENTATION}, 422, "exactly one of bytecode and address"),
        ({"bytecode": "0x"}, 422, "bytecode: "),
        ({"bytecode": "0x0"}, 422, "bytecode: "),
        ({"bytecode": "6000"}, 422, "bytecode: "),
        ({"bytecode": "0xzz"}, 422, "bytecode: "),
        ({"bytecode": "0x" + "00" * 49_153}, 422, "bytecode: "),
        ({"bytecode": "0xef00"}, 422, "EIP-3541"),
        ({"bytecode": "0x" + compiled.SHELL_CREATION.hex()}, 422, "creation code"),
        ({"address": "0x12"}, 422, "address: "),
        ({"address": IMPLEMENTATION.replace("C51812dc", "c51812dC")}, 422, "checksum"),
        ({"address": IMPLEMENTATION}, 404, "no contract"),
    ],
)
async def test_what_cannot_be_scanned_is_refused_with_a_reason(given, status, says):
    with pytest.raises(ServiceError) as refused:
        await ask(**given)
    assert refused.value.status == status
    assert says in refused.value.detail


async def test_code_longer_than_any_contract_is_refused_at_an_address_too():
    with pytest.raises(ServiceError, match="longer"):
        await ask(FakeChainReader(codes={IMPLEMENTATION: b"\0" * 49_153}), address=IMPLEMENTATION)


async def test_an_unreachable_chain_is_not_the_buyers_fault():
    with pytest.raises(ConnectionError):
        await ask(FakeChainReader(unavailable=ConnectionError()), address=IMPLEMENTATION)
