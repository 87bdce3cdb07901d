"""The bytecode scan's parts on programs assembled by hand, and on any bytes against py-evm."""

import pytest
from eth.vm import opcode_values as op
from hypothesis import given
from hypothesis import strategies as st

from server.services.contract_risk import scan
from server.services.evm import disassemble, on_cycles
from server.services.risk_rules import MAX_OFFSETS, RULES, Finding, score
from server.services.service import ServiceError
from tests.unit import services_oracle_evm as oracle

IMPLEMENTATION = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
RAW = bytes.fromhex(IMPLEMENTATION[2:])


def ids(report):
    return {finding.id for finding in report.findings}


def finding(report, wanted):
    return next(found for found in report.findings if found.id == wanted)


@given(st.binary(max_size=200))
def test_disassembly_agrees_with_py_evm_on_any_bytes(code):
    assert [instruction.offset for instruction in disassemble(code)] == oracle.opcode_offsets(code)


@given(st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=8, max_size=8))
def test_cycles_are_those_of_the_transitive_closure(successors):
    edges = dict(enumerate(successors))
    assert on_cycles(edges) == oracle.on_cycles(edges)


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_give_a_report_or_a_service_error(code):
    try:
        report = scan(code)
    except ServiceError:
        return
    assert 0 <= report.score <= 100
    assert report.reachable_instructions <= report.instructions
    assert report.score == min(100, sum(RULES[found.id].weight for found in report.findings))


def test_push_data_is_no_opcode():
    assert ids(scan(bytes([op.PUSH2, op.SELFDESTRUCT, op.DELEGATECALL, op.STOP]))) == set()


def test_an_operand_cut_off_by_the_end_is_padded_with_zeros():
    assert disassemble(bytes([op.PUSH3, 0x0A]))[0].constant == 0x0A0000


def test_code_behind_a_halt_that_nothing_jumps_to_is_hidden_not_reachable():
    report = scan(bytes([op.STOP, op.JUMPDEST, op.CALLER, op.SELFDESTRUCT]))
    assert ids(report) == {"hidden-code"}
    assert finding(report, "hidden-code").offsets == [3]
    assert report.reachable_instructions == 1


def test_a_pushed_jump_target_makes_code_reachable_and_a_push_without_jumpdest_does_not():
    jump = bytes([op.PUSH1, 4, op.JUMP, op.STOP])
    assert ids(scan(jump + bytes([op.JUMPDEST, op.CALLER, op.SELFDESTRUCT]))) == {"selfdestruct"}
    assert ids(scan(jump + bytes([op.POP, op.CALLER, op.SELFDESTRUCT]))) == {"hidden-code"}


def test_both_sides_of_a_conditional_jump_are_reachable():
    code = bytes([op.CALLVALUE, op.PUSH1, 6, op.JUMPI, op.ORIGIN, op.STOP, op.JUMPDEST, op.CREATE, op.STOP])
    assert ids(scan(code)) == {"tx-origin", "create"}


def test_an_undefined_opcode_halts():
    assert ids(scan(bytes([0x0C, op.ORIGIN]))) == set()


def test_callcode_is_found():
    assert finding(scan(bytes([op.GAS, op.CALLCODE])), "callcode").offsets == [1]


def test_a_call_in_a_backward_jump_is_in_a_loop_and_one_before_it_is_not():
    loop = bytes([op.CALL, op.JUMPDEST, op.CALL, op.PUSH1, 1, op.JUMP])
    assert finding(scan(loop), "call-in-loop").offsets == [2]


def test_a_function_called_from_two_places_is_no_loop():
    calls = bytes([op.PUSH1, 5, op.PUSH1, 13, op.JUMP, op.JUMPDEST, op.PUSH1, 11, op.PUSH1, 13, op.JUMP])
    report = scan(calls + bytes([op.JUMPDEST, op.STOP, op.JUMPDEST, op.CALL, op.POP, op.JUMP]))
    assert report.reachable_instructions == 13
    assert ids(report) == set()


def test_a_constant_that_happens_to_equal_an_earlier_jumpdest_is_no_loop():
    assert ids(scan(bytes([op.JUMPDEST, op.CALL, op.PUSH1, 0, op.SLOAD, op.STOP]))) == set()


@pytest.mark.parametrize(
    ("points", "rating"),
    [(0, "low"), (9, "low"), (10, "moderate"), (34, "moderate"), (35, "high"), (64, "high"), (65, "critical")],
)
def test_a_rating_begins_at_its_score(points, rating):
    assert score([Finding("x", "low", points, 1, [0], "")]) == (points, rating)


def test_all_gas_means_that_gas_is_pushed_right_before_the_call():
    assert ids(scan(bytes([op.GAS, op.CALL]))) == {"call-all-gas"}
    assert ids(scan(bytes([op.GAS, op.POP, op.PUSH2, 0xFF, 0xFF, op.CALL]))) == set()


def test_only_some_of_many_offsets_are_listed_and_all_are_counted():
    found = finding(scan(bytes([op.ORIGIN]) * 50), "tx-origin")
    assert (found.count, found.offsets) == (50, list(range(MAX_OFFSETS)))


def test_the_score_stops_at_a_hundred():
    code = bytes([op.ORIGIN, op.CALLCODE, op.DELEGATECALL, op.CREATE, op.CREATE2, op.JUMPDEST, op.GAS, op.CALL])
    code += bytes([op.PUSH1, 5, op.JUMPI, op.SELFDESTRUCT, op.SELFDESTRUCT])
    weights = 12 + 20 + 25 + 2 + 5 + 10 + 4 + 30 + 3
    assert weights == 111
    report = scan(code)
    assert sum(found.weight for found in report.findings) == weights
    assert (report.score, report.rating) == (100, "critical")


@pytest.mark.parametrize("compare", [op.EQ, op.SUB, op.XOR])
@pytest.mark.parametrize("between", [[], [op.DUP2]])
def test_a_selector_is_a_compared_push_that_feeds_a_jump(compare, between):
    entry = [op.DUP1, op.PUSH4, 0x40, 0xC1, 0x0F, 0x19, *between, compare, op.PUSH2, 0, 0]
    report = scan(bytes([*entry, op.JUMPI]))
    assert [(e.selector, e.signature, e.offset) for e in report.functions] == [
        ("0x40c10f19", "mint(address,uint256)", 1)
    ]
    assert ids(report) == {"can-mint"}
    assert scan(bytes([*entry, op.JUMP])).functions == []


def test_a_selector_that_begins_with_a_zero_byte_is_a_push3():
    # balanceOf(address,uint256) of ERC-1155
    code = bytes([op.PUSH3, 0xFD, 0xD5, 0x8E, op.EQ, op.PUSH1, 0, op.JUMPI])
    assert scan(code).functions[0].signature == "balanceOf(address,uint256)"


@pytest.mark.parametrize(
    ("selector", "rule"),
    [
        ("8456cb59", "can-pause"),  # pause()
        ("f9f92be4", "can-blacklist"),  # blacklist(address)
        ("3659cfe6", "can-upgrade"),  # upgradeTo(address)
        ("4f1ef286", "can-upgrade"),  # upgradeToAndCall(address,bytes)
        ("f2fde38b", "has-owner"),  # transferOwnership(address)
        ("40c10f19", "can-mint"),  # mint(address,uint256)
        ("9dc29fac", "can-seize"),  # burn(address,uint256)
        ("69fe0e2d", "can-set-fees"),  # setFee(uint256)
    ],
)
def test_selectors_as_public_registries_list_them_raise_their_finding(selector, rule):
    code = bytes([op.PUSH4, *bytes.fromhex(selector), op.EQ, op.PUSH1, 0, op.JUMPI])
    assert ids(scan(code)) == {rule}


@pytest.mark.parametrize(
    "selector", ["e3ee160e", "cf092995", "ef55bec6", "5a049a70", "e94a0102", "a9059cbb", "d505accf"]
)
def test_transfers_by_signature_are_named_and_weigh_nothing(selector):
    report = scan(bytes([op.PUSH4, *bytes.fromhex(selector), op.EQ, op.PUSH1, 0, op.JUMPI]))
    assert report.functions[0].signature
    assert report.findings == []


@pytest.mark.parametrize(
    ("standard", "before", "behind"),
    [
        ("EIP-1167", "363d3d373d3d3d363d73", "5af43d82803e903d91602b57fd5bf3"),
        ("ERC-7511", "365f5f375f5f365f73", "5af43d5f5f3e5f3d91602a57fd5bf3"),
    ],
)
def test_a_clone_is_named_with_its_implementation_and_is_no_free_delegatecall(standard, before, behind):
    code = bytes.fromhex(before) + RAW + bytes.fromhex(behind)
    report = scan(code)
    assert (report.proxy.standard, report.proxy.implementation) == (standard, IMPLEMENTATION)
    assert ids(report) == {"clone"}
    other = scan(code[:-2] + b"\x5b\x00")
    assert other.proxy is None
    assert "delegatecall" in ids(other)


def test_an_account_delegated_by_eip_7702_is_named():
    report = scan(bytes.fromhex("ef0100") + RAW)
    assert (report.proxy.standard, report.proxy.implementation) == ("EIP-7702", IMPLEMENTATION)
    assert ids(report) == {"delegated-account"}


@pytest.mark.parametrize(
    ("slot", "standard"),
    [
        ("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc", "EIP-1967"),
        ("a3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50", "EIP-1967"),
        ("c5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7", "EIP-1822"),
    ],
)
def test_a_standard_slot_with_one_delegatecall_is_an_upgradeable_proxy(slot, standard):
    proxy = bytes([op.GAS, op.PUSH32, *bytes.fromhex(slot), op.SLOAD, op.DELEGATECALL])
    report = scan(proxy)
    assert (report.proxy.standard, report.proxy.implementation, report.proxy.offset) == (standard, None, 1)
    assert ids(report) == {"upgradeable-proxy"}
    assert ids(scan(proxy + bytes([op.DELEGATECALL]))) == {"upgradeable-proxy", "delegatecall"}
    assert scan(proxy[:-1]).proxy is None
