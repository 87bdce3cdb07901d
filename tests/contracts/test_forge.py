"""Runs forge's suites, one pytest test for each, so that a failing guard is named here too.

Ids are the suites' names, which begin with the id of the threat they answer: C1 wrong caller, C2 unlisted selector or
short calldata, C3 failed action swallowed, C4 foreign token or Permit2, C5 replay, and so on.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from scripts.solc import ROOT

FOLDER = Path(__file__).with_name("forge")


def suites() -> list[Any]:
    """Every suite that forge will find, as `path:Contract`."""
    found = []
    for path in sorted(FOLDER.rglob("*.t.sol")):
        for name in re.findall(r"^contract (\w+)", path.read_text(), re.MULTILINE):
            found.append(pytest.param(f"{path.relative_to(ROOT).as_posix()}:{name}", id=name))
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("suite", suites())
def test_forge_suite_passes(suite: str, results: dict[str, Any]) -> None:
    assert suite in results, f"forge did not run {suite}, but {sorted(results)}"
    outcomes = results[suite]["test_results"]
    failures = [
        f"{name}: {outcome['reason']} {outcome.get('counterexample') or ''}"
        for name, outcome in outcomes.items()
        if outcome["status"] != "Success"
    ]
    assert outcomes, f"{suite} has no tests"
    assert not failures, "\n".join(failures)


def test_every_suite_that_forge_ran_is_known_here(results: dict[str, Any]) -> None:
    assert sorted(results) == sorted(parameter.values[0] for parameter in suites())


@pytest.mark.parametrize("threat", [f"C{number}" for number in range(1, 14)])
def test_every_threat_has_a_suite_for_the_callback_and_one_for_the_executor(threat: str) -> None:
    named = {path.parent.name for path in FOLDER.rglob(f"{threat}_*.t.sol")}
    if threat == "C12":
        assert named == {"invariant"}, "one machine works both"
    else:
        assert "executor" in named, threat
        assert named & {"callback", "x402"}, threat
