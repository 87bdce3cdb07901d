"""Each guard of the contracts has somebody who notices when it is missing; `make check-contracts` asks for all."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.callback_lab.battery import run_battery
from scripts.callback_lab.checks_own import checks_of
from scripts.callback_lab.opening import open_crook
from scripts.proof.guards import Survey, find_guards
from scripts.proof.judges import CROOK, Judges, open_judges
from scripts.proof.mutants import judged, unnamed
from scripts.proof.notices import NOTICED, Check, Suites
from scripts.proof.switches import every_mutant
from scripts.proof.weakenings import WEAKENINGS, Weakening
from scripts.solc import ROOT, CompilerMissing
from scripts.solc.foundry import ToolMissing, forge
from tests.conftest import missing

SAMPLE = {
    "BoundedCall._callBounded: if (!succeeded)",
    "PaymentGuard._requireCaller: isCaller[msg.sender]",
    "ProofAnchor.anchor: root != 0",
    "X402Callback.x402SpentPermit2: nonReentrant",
}
"""Those that every run of the tests tries."""
ADDED = "require(amount != 7, TokenNotListed(token));"


@pytest.fixture(scope="module")
def survey() -> Survey:
    try:
        return find_guards()
    except CompilerMissing as error:
        missing(str(error))
        raise


@pytest.fixture(scope="module")
def judges() -> Iterator[Judges]:
    """A devnet with the lab's props, and forge's artifacts, from the sources as they are."""
    try:
        forge("build")
        with open_judges() as opened:
            yield opened
    except (CompilerMissing, ToolMissing) as error:
        missing(str(error))


def test_every_guard_is_named_with_who_must_notice_it_and_nothing_else_is(survey: Survey) -> None:
    names = [guard.name for guard in survey.guards]
    assert unnamed(survey) == [], "say in scripts/proof/notices.py who notices when they are missing"
    assert sorted(NOTICED) == sorted(set(names)), "the guard moved: edit scripts/proof/notices.py"
    assert len(names) == len(NOTICED), "two guards of one name"


def test_a_guard_that_is_added_is_missed(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts")
    shutil.copy(ROOT / "foundry.toml", tmp_path)
    source = tmp_path / "contracts/base/PaymentGuard.sol"
    beginning = "        Bounds memory bounds = boundsOf[selector];\n"
    text = source.read_text()
    assert text.count(beginning) == 1
    source.write_text(text.replace(beginning, ADDED + beginning))
    assert unnamed(find_guards(root=tmp_path)) == ["PaymentGuard._requirePrice: amount != 7"]


def test_whoever_is_named_is_there() -> None:
    for name, notice in {**NOTICED, **{one.name: one.notice for one in WEAKENINGS}}.items():
        if isinstance(notice, Check):
            contract = name.partition(".")[0]
            known = checks_of("Subscription" if contract == "OneTokenCallback" else contract)
            assert notice.name in {check.name for check in known}, name
        if isinstance(notice, Suites):
            assert list((ROOT / "tests/contracts/forge").glob(notice.files)), name


@pytest.mark.parametrize("weakening", WEAKENINGS, ids=lambda one: one.name)
def test_every_weakening_fits_exactly_once(weakening: Weakening) -> None:
    text = (ROOT / weakening.unit).read_text()
    assert text.count(weakening.old) == 1, "the code moved: edit scripts/proof/weakenings.py"
    assert weakening.old != weakening.new


@pytest.mark.timeout(900)
def test_nothing_is_said_against_the_base_as_it_is(judges: Judges) -> None:
    with judges.stage.node.undone():
        bench = open_crook(judges.stage, judges.props[CROOK])
        assert [verdict.failure for verdict in run_battery(bench) if verdict.failure] == []


@pytest.mark.timeout(900)
def test_a_contract_without_a_guard_is_noticed(survey: Survey, judges: Judges) -> None:
    mutants = [mutant for mutant in every_mutant(survey) if mutant.name in SAMPLE]
    verdicts = list(judged(judges, survey, mutants))
    assert {verdict.mutant.name for verdict in verdicts} == SAMPLE
    assert [verdict.mutant.name for verdict in verdicts if not verdict.said] == []
