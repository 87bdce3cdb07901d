"""Compiles the contracts by py-solc-x and caches what came out by the hash of everything that went in."""

import hashlib
import json
import os
import posixpath
import re
import sys
import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.solc import ROOT, CompilerMissing, find_compiler, pinned_version, use_own_folder

use_own_folder()
import solcx  # noqa: E402 - it looks at its folder when imported
from solcx.exceptions import SolcError  # noqa: E402

SOURCES = ("contracts/*.sol", "contracts/callbacks/*.sol", "contracts/x402/*.sol", "contracts/mocks/*.sol")
HOSTILE = ("contracts/mocks/hostile/*.sol",)
"""What only tests deploy: compiled when a test asks for it."""
CACHE = ROOT / "var" / "cache" / "contracts"
OUTPUT = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]

_IMPORT = re.compile(r"""^\s*import\s+(?:[^"';]*?\bfrom\s+)?["']([^"']+)["']""", re.MULTILINE)


class CompileError(Exception):
    """The compiler refused or warned of a source; the message is the compiler's."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One deployable contract.

    `bytecode` and `runtime` are 0x-prefixed; immutables in `runtime` are zero. `source_hash` changes with the source,
    anything it imports, the compiler's version and its settings.
    """

    name: str
    source: str
    abi: list[dict[str, Any]]
    bytecode: str
    runtime: str
    source_hash: str


def compile_contracts(
    report: Callable[[str], None] = lambda line: None,
    root: Path = ROOT,
    sources: Iterable[str] = SOURCES,
    remappings: tuple[str, ...] = (),
) -> dict[str, Artifact]:
    """Every deployable contract in `sources`, glob patterns below `root`, by name.

    `remappings` are solc's, `prefix=target`. `report` is told what was compiled or cached. Raises CompileError, and
    CompilerMissing where there is no compiler.
    """
    artifacts: list[Artifact] = []
    stale: dict[str, str] = {}
    for unit, source_hash in source_hashes(root, sources, remappings).items():
        cached = _load(source_hash)
        if cached is None:
            stale[unit] = source_hash
        else:
            artifacts += cached
            report(f"cached    {unit}")
    if stale:
        artifacts += _compile(stale, root, report, remappings)
    return {artifact.name: artifact for artifact in artifacts}


def source_hashes(
    root: Path = ROOT, sources: Iterable[str] = SOURCES, remappings: tuple[str, ...] = ()
) -> dict[str, str]:
    """The hash of every source that is compiled: over itself, all it imports, the compiler's version and settings."""
    settings = _settings(root, remappings)
    paths = sorted(path for pattern in sources for path in root.glob(pattern))
    units = [path.relative_to(root).as_posix() for path in paths]
    return {unit: _hash(sources_of(root, unit, remappings), settings) for unit in units}


def _settings(root: Path, remappings: tuple[str, ...]) -> dict[str, Any]:
    """The compiler's settings, which `foundry.toml` holds for forge too."""
    profile = tomllib.loads((root / "foundry.toml").read_text())["profile"]["default"]
    settings = {
        "evmVersion": profile["evm_version"],
        "viaIR": profile["via_ir"],
        "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
    }
    return settings | ({"remappings": list(remappings)} if remappings else {})


def sources_of(root: Path, unit: str, remappings: tuple[str, ...] = ()) -> dict[str, str]:
    """A source and all it imports, by the names that the compiler knows them by. Raises CompileError."""
    sources: dict[str, str] = {}
    waiting = [unit]
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        folder = ROOT / "node_modules" if name.startswith("@") else root
        try:
            sources[name] = (folder / name).read_text()
        except FileNotFoundError:
            raise CompileError(f"{name}, imported by {unit}, is not there: run `npm ci --ignore-scripts`") from None
        for target in _IMPORT.findall(sources[name]):
            relative = target.startswith(".")
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
            waiting.append(beside if relative else _remapped(target, remappings))
    return sources


def _remapped(target: str, remappings: tuple[str, ...]) -> str:
    """An import's path after the remapping with the longest prefix, as solc chooses it."""
    pairs = [remapping.partition("=")[::2] for remapping in remappings]
    fitting = [pair for pair in pairs if target.startswith(pair[0])]
    if not fitting:
        return target
    prefix, replacement = max(fitting, key=lambda pair: len(pair[0]))
    return replacement + target.removeprefix(prefix)


def _hash(closure: dict[str, str], settings: dict[str, Any]) -> str:
    """One hash over sources, settings and compiler version."""
    text = json.dumps([pinned_version(), settings, closure], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _load(key: str) -> list[Artifact] | None:
    """What the cache has under a key."""
    try:
        rows = json.loads((CACHE / f"{key}.json").read_text())
        return [Artifact(**row) for row in rows]
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _store(key: str, artifacts: Iterable[Artifact]) -> None:
    """Write to the cache in one move, so that a reader never sees half a file."""
    CACHE.mkdir(parents=True, exist_ok=True)
    target = CACHE / f"{key}.json"
    partial = target.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps([asdict(artifact) for artifact in artifacts]))
    partial.replace(target)


def standard_input(units: Iterable[str], root: Path = ROOT, remappings: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the compiler is asked for these sources, in its standard JSON; an explorer verifies by the same."""
    sources = {name: {"content": text} for unit in units for name, text in sources_of(root, unit, remappings).items()}
    settings = _settings(root, remappings) | {"outputSelection": {unit: {"*": OUTPUT} for unit in units}}
    return {"language": "Solidity", "sources": sources, "settings": settings}


def compile_alone(unit: str) -> dict[str, Artifact]:
    """The deployable contracts of one source, from exactly its `standard_input`, by name; cached on their own.

    Code that was made together with other sources may differ from it. Raises CompileError and CompilerMissing.
    """
    (source_hash,) = source_hashes(sources=[unit]).values()
    made = _load(f"alone-{source_hash}")
    if made is None:
        output = _standard_json(find_compiler(), standard_input([unit]))
        made = list(_artifacts(unit, source_hash, output["contracts"][unit]))
        _store(f"alone-{source_hash}", made)
    return {artifact.name: artifact for artifact in made}


def _compile(
    stale: dict[str, str], root: Path, report: Callable[[str], None], remappings: tuple[str, ...]
) -> list[Artifact]:
    """Compile sources, given with their hashes, in one run of the compiler, and cache each."""
    compiler = find_compiler()
    report(f"compiler  solc {pinned_version()} ({'npm' if compiler.name == 'npm-solc' else 'native'})")
    output = _standard_json(compiler, standard_input(stale, root, remappings))
    artifacts: list[Artifact] = []
    for unit, source_hash in stale.items():
        made = list(_artifacts(unit, source_hash, output["contracts"].get(unit, {})))
        _store(source_hash, made)
        artifacts += made
        report(f"compiled  {unit}")
    return artifacts


def _standard_json(compiler: Path, request: dict[str, Any]) -> dict[str, Any]:
    """One call of the compiler by py-solc-x; a warning of our own sources is an error."""
    try:
        output: dict[str, Any] = solcx.compile_standard(request, solc_binary=compiler)
    except SolcError as error:
        raise CompileError(error.message) from error
    warnings = [
        problem["formattedMessage"]
        for problem in output.get("errors", ())
        if problem.get("sourceLocation", {}).get("file", "").startswith("contracts/")
    ]
    if warnings:
        raise CompileError("\n".join(warnings))
    return output


def _artifacts(unit: str, source_hash: str, contracts: dict[str, Any]) -> Iterable[Artifact]:
    """The deployable contracts of one source; abstract ones and interfaces have no bytecode."""
    for name, contract in contracts.items():
        bytecode = contract["evm"]["bytecode"]["object"]
        if bytecode:
            runtime = contract["evm"]["deployedBytecode"]["object"]
            yield Artifact(name, unit, contract["abi"], f"0x{bytecode}", f"0x{runtime}", source_hash)


def main() -> int:
    """`python -m scripts.compile`."""
    started = time.monotonic()
    try:
        artifacts = compile_contracts(report=print)
    except (CompileError, CompilerMissing) as error:
        print(f"compile: {error}", file=sys.stderr)
        return 1
    for artifact in artifacts.values():
        size = (len(artifact.runtime) - 2) // 2
        print(f"{artifact.name:<18} {size:>6,} bytes  {artifact.source_hash[:12]}  {artifact.source}")
    print(f"{len(artifacts)} contracts ready in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
