"""`paddock new callback Name`, in a copy of the checkout: what it writes passes as it stands, and nothing is lost."""

import json
from pathlib import Path

import pytest

from scripts.new.callback import new_callback
from scripts.new.writing import NewError
from tests.stack.checkouts import copy_checkout, run


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path)


@pytest.mark.timeout(900)
def test_a_new_callback_passes_the_lab_its_own_test_and_the_linters(checkout: Path) -> None:
    made = run(checkout, "server.cli", "new", "callback", "TipJar")
    assert made.returncode == 0, made.stderr
    for path in ("contracts/callbacks/TipJar.sol", "tests/contracts/test_tip_jar.py", "scripts/deploy.py"):
        assert f"wrote  {path}" in made.stdout
    lab = run(checkout, "server.cli", "callback-lab", "contracts/callbacks/TipJar.sol", "--json")
    assert lab.returncode == 0, lab.stdout + lab.stderr
    assert json.loads(lab.stdout)["contract"] == "TipJar"
    tests = run(checkout, "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts/test_tip_jar.py")
    assert tests.returncode == 0, tests.stdout
    covered = run(
        checkout, "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", "tests/contracts/test_callbacks.py"
    )
    assert "TipJar" in covered.stdout, "the battery covers it without a line"
    written = ["scripts/deploy.py", "tests/contracts/test_tip_jar.py"]
    for check in (["format", "--check", *written], ["check", *written]):
        linted = run(checkout, "ruff", *check)
        assert linted.returncode == 0, linted.stdout + linted.stderr
    formatted = run(checkout, "scripts.solc.foundry", "fmt", "--check", "contracts")
    assert formatted.returncode == 0, formatted.stdout


@pytest.mark.parametrize("name", ["", "X", "tipJar", "Tip Jar", "Tip-Jar", "../Tip", "T" * 41])
def test_a_name_that_is_none_is_refused(checkout: Path, name: str) -> None:
    with pytest.raises(NewError, match="as TipJar"):
        new_callback(name, checkout)


def test_nothing_is_ever_overwritten(checkout: Path) -> None:
    first = new_callback("TipJar", checkout)
    before = [path.read_text() for path in first]
    for name in ("TipJar", "AccessPass", "LaunchPass", "X402Callback", "TestUSD"):
        with pytest.raises(NewError, match=f"has a {name} already"):
            new_callback(name, checkout)
    first[0].unlink()
    with pytest.raises(NewError, match=r"test_tip_jar\.py has a TipJar already"):
        new_callback("TipJar", checkout)
    assert [path.read_text() for path in first[1:]] == before[1:]
    assert not first[0].exists()


def test_a_list_that_was_rebuilt_is_left_alone(checkout: Path) -> None:
    deploy = checkout / "scripts" / "deploy.py"
    deploy.write_text(deploy.read_text().replace("DEPLOYMENTS = (", "DEPLOYMENTS = tuple(["))
    with pytest.raises(NewError, match="no list DEPLOYMENTS"):
        new_callback("TipJar", checkout)
    assert not (checkout / "contracts/callbacks/TipJar.sol").exists()
