"""The disassembly on sale: py-evm says what the instructions are, and the price is counted again from the answer."""

import msgspec
import pytest
from eth.vm import mnemonics, opcode_values
from hypothesis import given
from hypothesis import strategies as st

from server.services.disassembly import METER, MOST, SERVICE, Disassembly, DisassemblyArguments, listing
from server.services.opcodes import NAMES
from tests.fakes.chain_reader import FakeChainReader
from tests.unit import services_oracle_evm as oracle
from tests.unit.services_oracle_context import PAYER, context
from tests.unit.services_oracle_contracts import COIN

ORACLE_NAMES = {opcode: getattr(mnemonics, name) for name, opcode in vars(opcode_values).items() if name.isupper()} | {
    opcode_values.SHA3: "KECCAK256"
}
NEWER = {0x1E: "CLZ", 0xFE: "INVALID"}
"""What py-evm has no mnemonic for: EIP-7939, and the byte that EIP-141 designates as invalid."""


async def disassembled(code=COIN, **arguments):
    chain = FakeChainReader(codes={PAYER: code})
    answer = await SERVICE.run(DisassemblyArguments(address=PAYER, **arguments), context(chain))
    return msgspec.json.decode(answer.body, type=Disassembly), answer.charge


def test_every_opcode_has_the_name_that_py_evm_gives_it():
    assert NAMES == ORACLE_NAMES | NEWER


@given(st.binary(max_size=200), st.integers(0, 210), st.integers(1, 60))
def test_any_code_is_listed_as_py_evm_reads_it(code, start, limit):
    body = oracle.without_metadata(code)
    offsets = [at for at in oracle.opcode_offsets(body) if at >= start]
    found = listing(code, PAYER, start, limit)
    assert [line.offset for line in found.instructions] == offsets[:limit]
    assert found.next == (offsets[limit] if len(offsets) > limit else None)
    for line in found.instructions:
        assert line.opcode == body[line.offset]
        assert line.name == (ORACLE_NAMES | NEWER).get(line.opcode)
        size = line.opcode - 0x5F if 0x60 <= line.opcode <= 0x7F else 0
        cut = body[line.offset + 1 : line.offset + 1 + size].ljust(size, b"\0")
        assert line.operand == ("0x" + cut.hex() if size else None)


async def test_a_contracts_code_is_listed_whole_without_its_metadata():
    found, charge = await disassembled(limit=MOST)
    assert [line.offset for line in found.instructions] == oracle.opcode_offsets(oracle.without_metadata(COIN))
    assert (found.code_size, found.next, found.address) == (len(COIN), None, PAYER)
    assert charge == found.listed * 1_500 // 1_000


async def test_pages_add_up_to_the_whole_and_each_pays_for_what_it_lists():
    whole, price = await disassembled(limit=MOST)
    lines, charged, start = [], 0, 0
    while start is not None:
        page, charge = await disassembled(start=start, limit=100)
        lines, charged, start = lines + page.instructions, charged + charge, page.next
        assert charge == METER.charge(len(page.instructions)) <= SERVICE.amount
    assert lines == whole.instructions
    assert price - len(whole.instructions) // 100 - 1 <= charged <= price


@pytest.mark.parametrize(("code", "start"), [(b"", 0), (COIN, 100_000)], ids=["no code", "behind the end"])
async def test_what_lists_nothing_costs_nothing(code, start):
    found, charge = await disassembled(code, start=start)
    assert (found.listed, found.instructions, found.next, charge) == (0, [], None, 0)


async def test_the_most_that_can_be_listed_costs_the_ceiling():
    found, charge = await disassembled(b"\x5b" * (2 * MOST), limit=MOST)
    assert (found.listed, found.next, charge) == (MOST, MOST, SERVICE.amount)
