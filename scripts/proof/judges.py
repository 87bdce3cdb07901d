"""Who says whether a mutant is noticed: the callback lab, or forge's suites with the mutant in the artifact's place."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.callback_lab.battery import run_battery
from scripts.callback_lab.bench import Bench
from scripts.callback_lab.checks_own import checks_of
from scripts.callback_lab.node import open_node
from scripts.callback_lab.opening import Given, Stage, open_bench, open_crook, set_stage
from scripts.callback_lab.subject import PROPS, Subject
from scripts.compile import Artifact, compile_contracts
from scripts.proof.notices import Check, Notice, Suites
from scripts.solc import ROOT
from scripts.solc.foundry import forge

CROOK = "MisbehavingCallback"
OUT = ROOT / "var" / "forge" / "out"
NOTHING = 0
"""The coinbase with which nothing is missing."""
_FAILED = re.compile(r"^\[FAIL.*?\] ((?:test|invariant)\w*)\(", re.MULTILINE)


class FalseAlarm(Exception):
    """Something is said against a contract of which nothing is missing."""


@dataclass(frozen=True, slots=True)
class Judges:
    """Both, ready: a devnet with the lab's props on it, and forge's artifacts as the sources are."""

    stage: Stage
    props: dict[str, Artifact]
    _silent: set[tuple[str, Notice]] = field(default_factory=set)

    def verdict(self, artifact: Artifact, number: int, notice: Notice) -> str:
        """What the one who must notice says against a contract with the guard of this number missing; or nothing.

        Raises FalseAlarm if the same is said with no guard missing.
        """
        if (artifact.name, notice) not in self._silent:
            if said := self._said(artifact, NOTHING, notice):
                raise FalseAlarm(f"{artifact.name}, of which nothing is missing: {said}")
            self._silent.add((artifact.name, notice))
        return self._said(artifact, number, notice)

    def _said(self, artifact: Artifact, coinbase: int, notice: Notice) -> str:
        match notice:
            case Check():
                return self._failure(artifact, coinbase, notice.name)
            case Suites():
                return failed_test(artifact, coinbase, notice.files)
            case _:
                raise ValueError(f"nobody is asked: {notice.reason}")

    def _failure(self, artifact: Artifact, coinbase: int, check: str) -> str:
        """What the check of this name finds; the others are not tried."""
        node = self.stage.node
        with node.undone():
            bench = self._open(artifact)
            node.rpc("anvil_setCoinbase", _address(coinbase))
            node.rpc("anvil_mine", "0x1")
            (verdict,) = run_battery(bench, [one for one in checks_of(bench.name) if one.name == check])
            node.rpc("anvil_setCoinbase", _address(NOTHING))
            return verdict.failure

    def _open(self, artifact: Artifact) -> Bench:
        if artifact.name == CROOK:
            return open_crook(self.stage, artifact)
        subject = Subject(artifact, (ROOT / artifact.source).read_text(), self.props)
        return open_bench(self.stage, subject, Given({}, ()))


@contextmanager
def open_judges() -> Iterator[Judges]:
    """Raises CompilerMissing and ToolMissing where they cannot be asked."""
    props = compile_contracts(sources=PROPS)
    with open_node(None) as node:
        yield Judges(set_stage(node, props), props)


def failed_test(artifact: Artifact, coinbase: int, files: str) -> str:
    """The first test that fails in these suites with the contract in the place of its artifact; empty when none.

    The suites deploy from forge's artifacts, which must be up to date (`forge build`); forge compiles nothing for it.
    """
    with _swapped(OUT / f"{artifact.name}.sol" / f"{artifact.name}.json", artifact.bytecode):
        suites = f"tests/contracts/forge/{files}"
        run = forge("test", "--match-path", suites, FOUNDRY_BLOCK_COINBASE=_address(coinbase))
    failed = _FAILED.search(run.stdout)
    return failed[1] if failed else ""


@contextmanager
def _swapped(path: Path, code: str) -> Iterator[None]:
    """Other creation code in one of forge's artifacts."""
    kept = path.read_text()
    artifact = json.loads(kept)
    artifact["bytecode"]["object"] = code
    try:
        path.write_text(json.dumps(artifact))
        yield
    finally:
        path.write_text(kept)


def _address(number: int) -> str:
    return f"0x{number:040x}"
