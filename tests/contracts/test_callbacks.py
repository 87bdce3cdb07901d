"""The battery on every callback in `contracts/callbacks/`: a new one is covered without a line here."""

import pytest

from scripts.callback_lab.battery import BATTERY, Check, run_battery
from scripts.callback_lab.bench import Bench
from scripts.callback_lab.checks_own import OWN_CHECKS
from scripts.callback_lab.lab import action_gas_used
from scripts.callback_lab.node import Node
from scripts.callback_lab.opening import Given, open_bench, set_stage
from scripts.callback_lab.subject import find_subject
from scripts.solc import ROOT, CompilerMissing
from tests.conftest import missing

CALLBACKS = sorted((ROOT / "contracts" / "callbacks").glob("*.sol"))
OWN = [(path, check) for path in CALLBACKS for check in OWN_CHECKS.get(path.stem, ())]


@pytest.fixture(scope="module", params=CALLBACKS, ids=lambda path: path.stem)
def bench(request: pytest.FixtureRequest, lab_node: Node) -> Bench:
    """Each callback in turn, deployed with the arguments of its line in scripts/deploy.py."""
    try:
        subject = find_subject(str(request.param))
        return open_bench(set_stage(lab_node, subject.props), subject, Given({}, ()))
    except CompilerMissing as error:
        missing(str(error))
        raise


@pytest.mark.timeout(600)
@pytest.mark.parametrize("check", BATTERY, ids=lambda check: f"{check.threat} {check.name}")
def test_callback_withstands(bench: Bench, check: Check) -> None:
    (verdict,) = run_battery(bench, [check])
    assert not verdict.failure, "\n".join((verdict.failure, *verdict.trace, f"to mend: {check.mend}"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("bench", "check"), OWN, indirect=["bench"], ids=lambda one: getattr(one, "name", one))
def test_callback_keeps_what_it_alone_promises(bench: Bench, check: Check) -> None:
    (verdict,) = run_battery(bench, [check])
    assert not verdict.failure, "\n".join((verdict.failure, *verdict.trace, f"to mend: {check.mend}"))


@pytest.mark.timeout(600)
def test_every_action_keeps_a_tenth_of_its_gas_in_reserve(bench: Bench) -> None:
    used = action_gas_used(bench)
    assert used, "no action of it can be run"
    assert max(used.values()) <= bench.action_gas() * 9 // 10


def test_checks_have_names_of_their_own() -> None:
    assert len({check.name for check in BATTERY}) == len(BATTERY)
    assert {check.threat for check in BATTERY} >= {f"C{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13)}
