"""Contract report and risk score against what solc says of the same contracts, and weights added up by hand."""

import json

import msgspec
import pytest
from eth_utils.crypto import keccak

from server.services import contract_report, contract_score
from server.services.arguments import parse_arguments
from server.services.contract_report import ContractReport
from server.services.contract_score import ScoreReport
from server.services.service import ServiceError
from tests.fakes.chain_reader import FakeChainReader
from tests.unit import services_oracle_contracts as compiled
from tests.unit.services_oracle_context import ASSET, context

AT = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
IMPLEMENTATION = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
CLONE = bytes.fromhex(f"363d3d373d3d3d363d73{IMPLEMENTATION[2:]}5af43d82803e903d91602b57fd5bf3")
POINTS = {
    compiled.TREASURY: {
        **{"selfdestruct": 30, "delegatecall": 25, "tx-origin": 12, "call-in-loop": 10, "call-all-gas": 4},
        "has-owner": 3,
    },
    compiled.COIN: {},
    compiled.SHELL: {"upgradeable-proxy": 15, "can-upgrade": 15},
    compiled.FACTORY: {"create2": 5, "call-all-gas": 4},
    CLONE: {"clone": 3},
}
"""By hand, from each contract's source and the published weights."""


def chain(code):
    return FakeChainReader(codes={AT: code}, balances={AT: 25 * 10**16}, tokens={AT: 1_500_000}, sent={AT: 4})


async def reported(code, query=f"address={AT}"):
    arguments = parse_arguments(contract_report.SERVICE, query.encode(), b"", "")
    answer = await contract_report.SERVICE.run(arguments, context(chain(code)))
    return msgspec.json.decode(answer.body, type=ContractReport)


async def scored(code=b"", **given):
    arguments = parse_arguments(contract_score.SERVICE, b"", json.dumps(given).encode(), "application/json")
    answer = await contract_score.SERVICE.run(arguments, context(chain(code)))
    return msgspec.json.decode(answer.body, type=ScoreReport)


@pytest.mark.parametrize("code", [compiled.TREASURY, compiled.COIN, compiled.SHELL, compiled.FACTORY])
async def test_code_and_functions_are_those_that_solc_made(code):
    report = await reported(code)
    assert (report.address, report.code_size, report.code_hash) == (AT, len(code), "0x" + keccak(code).hex())
    assert {one.selector for one in report.functions} == set(compiled.SELECTORS[code])
    for one in report.functions:
        assert one.signature is None or "0x" + keccak(text=one.signature).hex()[:8] == one.selector
    assert report.metadata.compiler == "0.8.37"


async def test_standards_and_proxies_are_named():
    assert (await reported(compiled.COIN)).standards == ["ERC-20"]
    shell, clone = (await reported(compiled.SHELL)).proxy, (await reported(CLONE)).proxy
    assert (shell.standard, shell.implementation) == ("EIP-1967", None)
    assert (clone.standard, clone.implementation) == ("EIP-1167", IMPLEMENTATION)
    assert (await reported(compiled.TREASURY)).proxy is None


async def test_what_it_holds_and_created_is_what_the_chain_says():
    report = await reported(compiled.COIN)
    assert (report.native_balance.atomic, report.native_balance.display) == ("250000000000000000", "0.25")
    assert (report.asset, report.asset_symbol, report.asset_balance.display) == (ASSET, "USDC", "1.5")
    assert report.nonce == 4


@pytest.mark.parametrize("code", POINTS, ids=["treasury", "coin", "shell", "factory", "clone"])
async def test_a_score_is_the_sum_of_its_reasons(code):
    report = await scored(code, address=AT)
    assert {one.id: one.points for one in report.reasons} == POINTS[code]
    assert report.score == sum(POINTS[code].values())
    assert (report.address, report.code_hash) == (AT, "0x" + keccak(code).hex())
    sent = await scored(bytecode="0x" + code.hex())
    assert (sent.address, sent.score, sent.reasons) == (None, report.score, report.reasons)


@pytest.mark.parametrize(("limit", "acceptable"), [(29, False), (30, False), (31, True), (101, True)])
async def test_a_contract_is_acceptable_below_the_buyers_limit(limit, acceptable):
    report = await scored(compiled.SHELL, address=AT, refuse_from=limit)
    assert (report.score, report.rating, report.refuse_from, report.acceptable) == (30, "moderate", limit, acceptable)


async def test_the_limit_is_where_moderate_begins_unless_given():
    assert [(await scored(code, address=AT)).acceptable for code in (compiled.FACTORY, compiled.SHELL)] == [True, False]
    assert (await scored(compiled.COIN, address=AT)).refuse_from == 10


@pytest.mark.parametrize(
    ("given", "says", "status"),
    [
        ({}, "exactly one of bytecode and address", 422),
        ({"address": AT, "bytecode": "0x00"}, "exactly one of bytecode and address", 422),
        ({"address": AT, "refuse_from": 0}, "refuse_from", 422),
        ({"address": AT, "refuse_from": 102}, "refuse_from", 422),
        ({"address": AT}, "no contract at", 404),
    ],
)
async def test_a_score_that_cannot_be_given_is_refused(given, says, status):
    with pytest.raises(ServiceError, match=says) as refused:
        await scored(**given)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("query", "says", "status"),
    [("", "address", 422), (f"address={AT[:-1]}c", "checksum", 422), (f"address={AT}", "no contract at", 404)],
)
async def test_a_report_that_cannot_be_given_is_refused(query, says, status):
    with pytest.raises(ServiceError, match=says) as refused:
        await reported(b"", query)
    assert refused.value.status == status
