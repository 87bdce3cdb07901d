"""What a payment costs on chain, compared with the figures that are kept in `tests/contracts/gas.json`.

To keep new figures: `cp var/forge/gas/GasTest.json tests/contracts/gas.json`, and say why in the commit.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.solc import ROOT
from scripts.solc.foundry import forge

KEPT = Path(__file__).with_name("gas.json")
MEASURED = ROOT / "var" / "forge" / "gas" / "GasTest.json"
TOLERANCE = 0.02
GOALS = {"two_step_subscription": 110_000, "two_step_calldata_subscription": 120_000, "atomic_subscription": 135_000}
"""The most that a payment with a light action may cost, whatever is kept."""


def figures(path: Path) -> dict[str, int]:
    """Gas by figure; forge writes numbers as strings."""
    return {name: int(gas) for name, gas in json.loads(path.read_text()).items()}


@pytest.mark.timeout(900)
def test_a_payment_costs_what_it_did(results: dict[str, Any]) -> None:
    assert any(suite.endswith(":GasTest") for suite in results), "compiled with all the others"
    MEASURED.unlink(missing_ok=True)
    run = forge("test", "--match-contract", "^GasTest$")
    assert MEASURED.exists(), run.stdout + run.stderr
    kept, measured = figures(KEPT), figures(MEASURED)
    assert sorted(kept) == sorted(measured)
    changed = {
        name: (kept[name], measured[name]) for name in kept if abs(measured[name] - kept[name]) > TOLERANCE * kept[name]
    }
    assert not changed, "gas changed (kept, measured); if it should, keep the new figures as this file says"


@pytest.mark.parametrize(("figure", "most"), GOALS.items())
def test_a_payment_is_as_cheap_as_is_promised(figure: str, most: int) -> None:
    assert figures(KEPT)[figure] <= most
