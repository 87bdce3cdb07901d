"""Each guard that is taken out of a callback is noticed by the check that is for it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.callback_lab.battery import run_battery
from scripts.callback_lab.bench import Bench
from scripts.callback_lab.checks_own import checks_of
from scripts.callback_lab.node import open_node
from scripts.callback_lab.opening import Given, Stage, open_bench, open_crook, set_stage
from scripts.callback_lab.subject import PROPS, Subject
from scripts.compile import Artifact, compile_contracts
from scripts.solc import ROOT, CompilerMissing
from scripts.solc.foundry import ToolMissing
from tests.conftest import missing
from tests.contracts.mutants import BASE_MUTANTS, CALLBACK_MUTANTS, Mutant

CROOK = "contracts/mocks/hostile/MisbehavingCallback.sol"
BATCH = 8
SAMPLE = {"caller", "failure", "dispatch"}
"""Those that every run of the tests tries; `make check-contracts` tries all."""
EVERY = [*BASE_MUTANTS, *CALLBACK_MUTANTS]


def tried(mutants: list[Mutant]) -> list[object]:
    """One test for each; those beyond the sample are marked."""
    marks = {mutant.name: () if mutant.name in SAMPLE else (pytest.mark.every_mutant,) for mutant in mutants}
    return [pytest.param(mutant, id=mutant.name, marks=marks[mutant.name]) for mutant in mutants]


class Garage:
    """Compiles mutants, many in one run of the compiler, each in a folder of its own."""

    def __init__(self, folder: Path, wanted: list[Mutant]) -> None:
        self.folder, self.waiting = folder, wanted
        shutil.copy(ROOT / "foundry.toml", folder)

    def artifact(self, mutant: Mutant) -> Artifact:
        """The contract that shows the mutant: itself, or the misbehaving one on a mutated base."""
        unit = self._unit(mutant)
        if not (self.folder / unit).exists():
            position = self.waiting.index(mutant)
            batch = self.waiting[position : position + BATCH]
            compile_contracts(root=self.folder, sources=[self._write(one) for one in batch])
        (artifact,) = compile_contracts(root=self.folder, sources=[unit]).values()
        return artifact

    def _unit(self, mutant: Mutant) -> str:
        contract = mutant.file if mutant in CALLBACK_MUTANTS else CROOK
        return f"{EVERY.index(mutant)}/{contract}"

    def _write(self, mutant: Mutant) -> str:
        unit = self._unit(mutant)
        top = self.folder / unit.partition("/")[0]
        shutil.copytree(ROOT / "contracts", top / "contracts")
        path = top / mutant.file
        text = path.read_text()
        path.write_text(text.replace(mutant.old, mutant.new))
        return unit


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A devnet with the props, compiled from the sources as they are."""
    try:
        props = compile_contracts(sources=PROPS)
        with open_node(None) as node:
            yield set_stage(node, props)
    except (CompilerMissing, ToolMissing) as error:
        missing(str(error))


@pytest.fixture(scope="module")
def garage(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Garage:
    """Knows which mutants this run asks for, so that it compiles no others."""
    asking = [item for item in request.session.items if "garage" in getattr(item, "fixturenames", ())]
    chosen = [item.callspec.params["mutant"] for item in asking]
    return Garage(tmp_path_factory.mktemp("mutants"), [mutant for mutant in EVERY if mutant in chosen])


def failed(bench: Bench) -> dict[str, str]:
    """What the lab says against a contract, by check."""
    return {one.check.name: one.failure for one in run_battery(bench, checks_of(bench.name)) if one.failure}


@pytest.mark.parametrize("mutant", EVERY, ids=lambda mutant: mutant.name)
def test_every_edit_fits_exactly_once(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1, "the guard moved: edit tests/contracts/mutants.py"
    assert mutant.old != mutant.new


@pytest.mark.timeout(900)
def test_nothing_is_said_against_the_base_as_it_is(stage: Stage) -> None:
    artifact = compile_contracts(sources=PROPS)["MisbehavingCallback"]
    with stage.node.undone():
        assert failed(open_crook(stage, artifact)) == {}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", tried(BASE_MUTANTS))
def test_base_without_a_guard_is_noticed(mutant: Mutant, stage: Stage, garage: Garage) -> None:
    artifact = garage.artifact(mutant)
    with stage.node.undone():
        assert mutant.check in failed(open_crook(stage, artifact))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", tried(CALLBACK_MUTANTS))
def test_callback_without_a_guard_is_noticed(mutant: Mutant, stage: Stage, garage: Garage) -> None:
    subject = Subject(garage.artifact(mutant), (ROOT / mutant.file).read_text(), compile_contracts(sources=PROPS))
    with stage.node.undone():
        assert mutant.check in failed(open_bench(stage, subject, Given({}, ())))
