"""The EVM read another way: py-evm says which bytes are opcodes, and graphs are closed by brute force."""

import re

from eth.vm import opcode_values
from eth.vm.code_stream import CodeStream

SOLC_METADATA = re.compile(rb"\xa2\x64ipfs\x58\x22(?P<hash>.{34})\x64solc\x43(?P<version>.{3})\x00\x33\Z", re.DOTALL)


def without_metadata(code):
    match = SOLC_METADATA.search(code)
    return code[: match.start()] if match else code


def opcode_offsets(code):
    """Offsets that py-evm takes for opcodes, not PUSH data."""
    stream = CodeStream(code)
    return [at for at in range(len(code)) if stream.is_valid_opcode(at)]


def offsets_of(code, mnemonic):
    """Where an opcode stands, metadata left out."""
    body = without_metadata(code)
    wanted = getattr(opcode_values, mnemonic)
    return [at for at in opcode_offsets(body) if body[at] == wanted]


def on_cycles(edges):
    """Nodes that reach themselves, by transitive closure (Warshall 1962)."""
    reach = {a: {b: b in edges[a] for b in edges} for a in edges}
    for middle in edges:
        for a in edges:
            for b in edges:
                reach[a][b] = reach[a][b] or (reach[a][middle] and reach[middle][b])
    return {node for node in edges if reach[node][node]}
