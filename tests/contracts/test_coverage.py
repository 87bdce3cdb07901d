"""What is called reached of a contract is what forge's suites reach, in every kind of function, and nothing else."""

import shutil

import pytest

from scripts.proof.coverage import enough, reach, table
from scripts.solc import ROOT
from scripts.solc.foundry import ToolMissing

CONTRACT = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

contract One {
    uint256 public kept;

    error Small();

    modifier big(uint256 given) {
        if (given < 10) revert Small();
        _;
    }

    function keep(uint256 given) external big(given) {
        require(given != 50, Small());
        kept = given > 100 ? given > 200 ? 200 : 100 : given;
    }

    function twice(uint256 given) external pure returns (uint256 found) {
        unchecked {
            found = given * 2;
        }
        if (given == 7) {
            found = 0;
        }
    }

    function size() external returns (uint256 found) {
        (bool done, ) = address(this).staticcall(abi.encodeCall(this.twice, (1)));
        assembly ("memory-safe") { found := returndatasize() }
        if (!done || found != 32) {
            kept = 1;
        }
    }

    function never() external view returns (uint256) {
        return kept;
    }
}
"""
SUITE = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {One} from "contracts/One.sol";

contract OneTest {
    function test_small_is_refused() external {
        One one = new One();
        try one.keep(9) { revert("not refused"); } catch {}
        one.keep(%s);
        one.size();
        require(one.kept() == %s && one.twice(2) == 4);
    }
}
"""


@pytest.fixture
def folder(tmp_path):
    """A repository with one contract and one suite."""
    root = tmp_path / "root"
    (root / "contracts").mkdir(parents=True)
    (root / "tests" / "contracts" / "forge").mkdir(parents=True)
    shutil.copy(ROOT / "foundry.toml", root)
    (root / "contracts" / "One.sol").write_text(CONTRACT)
    return root


def lines(root, into, given, kept):
    """Where the suite never came, for a call that keeps so much."""
    (root / "tests" / "contracts" / "forge" / "One.t.sol").write_text(SUITE % (given, kept))
    points, missed = reach(into, root)
    assert not enough(points, missed)
    assert enough(points, [])
    assert list(table(points, missed))[-1].split()[0] == "all"
    return {(CONTRACT.splitlines()[point.line - 1].strip(), point.answer) for point in missed}


NEVER = {
    ("require(given != 50, Small());", "false"),
    ("if (given == 7) {", "true"),
    ("found = 0;", ""),
    ("return kept;", ""),
    ("if (!done || found != 32) {", "true"),
    ("kept = 1;", ""),
}
"""By the last two, what a call returned is there after a mark as it was before it."""
TERNARY = "kept = given > 100 ? given > 200 ? 200 : 100 : given;"


@pytest.mark.parametrize(
    ("given", "kept", "also"),
    [
        (20, 20, {(TERNARY, "true"), (TERNARY, "false")}),
        (150, 100, {(TERNARY, "true"), (TERNARY, "false")}),
        (300, 200, {(TERNARY, "false")}),
    ],
)
def test_statements_and_answers_that_no_suite_reaches_are_named(folder, tmp_path, given, kept, also):
    assert lines(folder, tmp_path / "copy", given, kept) == NEVER | also


def test_a_suite_that_cannot_run_is_no_coverage(folder, tmp_path):
    (folder / "tests" / "contracts" / "forge" / "One.t.sol").write_text("contract")
    with pytest.raises(ToolMissing, match="could not run the marked copy"):
        reach(tmp_path / "copy", folder)
