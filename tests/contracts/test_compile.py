"""Compiling: what is compiled, what the hash depends on, what is kept, and what is said when it cannot be done."""

import shutil
from pathlib import Path

import pytest

from scripts.compile import HOSTILE, SOURCES, CompileError, compile_contracts, source_hashes
from scripts.solc import ROOT, find_compiler, pinned_version
from scripts.solc.foundry import find_tool, forge


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources somewhere else, to be edited."""
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts")
    shutil.copy(ROOT / "foundry.toml", tmp_path)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def changed(copy: Path) -> set[str]:
    before, after = source_hashes(), source_hashes(copy)
    return {unit for unit in before if after[unit] != before[unit]}


def test_every_contract_has_code_and_the_goat_entries_have_their_published_selectors() -> None:
    artifacts = compile_contracts(sources=(*SOURCES, *HOSTILE))
    assert {"AccessPass", "BatchSettler", "DelegateExecutor", "TestUSD", "TwoFacedWallet"} <= set(artifacts)
    assert not {"X402Callback", "Permit2Proxy"} & set(artifacts), "abstract"
    hashes = source_hashes(sources=(*SOURCES, *HOSTILE))
    for artifact in artifacts.values():
        assert len(artifact.runtime) > 100
        assert (len(artifact.runtime) - 2) // 2 <= 24_576, f"{artifact.name} exceeds EIP-170"
        assert artifact.source_hash == hashes[artifact.source]
    names = {entry.get("name") for entry in artifacts["AccessPass"].abi}
    assert {"x402SpentEip3009", "x402SpentPermit2", "PassMinted", "SoldOut", "CallerNotListed"} <= names


def test_hostile_contracts_are_compiled_for_whoever_asks_for_them() -> None:
    hostile = compile_contracts(sources=HOSTILE)
    assert set(hostile) == {path.stem for path in (ROOT / "contracts/mocks/hostile").glob("*.sol")}
    assert not set(hostile) & set(compile_contracts()), "a deployment need not wait for them"


def test_a_second_compilation_takes_everything_from_the_cache() -> None:
    first = compile_contracts()
    lines: list[str] = []
    assert compile_contracts(report=lines.append) == first
    assert lines
    assert all(line.startswith("cached") for line in lines)


def test_copied_sources_have_the_same_hashes(copy: Path) -> None:
    assert source_hashes(copy) == source_hashes()


def test_an_edit_changes_the_hash_of_what_it_reaches_and_of_nothing_else(copy: Path) -> None:
    edit(copy / "contracts/BatchSettler.sol", "RESULT_GAS = 5_000", "RESULT_GAS = 6_000")
    assert changed(copy) == {"contracts/BatchSettler.sol"}


def test_an_edit_of_something_imported_changes_all_that_import_it(copy: Path) -> None:
    edit(copy / "contracts/base/PaymentGuard.sol", "uint128 minimum;", "uint128  minimum;")
    callbacks = {path.relative_to(copy).as_posix() for path in (copy / "contracts/callbacks").glob("*.sol")}
    assert changed(copy) == {"contracts/X402Callback.sol", *callbacks}


def test_an_edit_of_the_settings_changes_everything(copy: Path) -> None:
    edit(copy / "foundry.toml", 'evm_version = "cancun"', 'evm_version = "prague"')
    assert changed(copy) == set(source_hashes())


def test_an_edited_source_is_compiled_again_and_comes_out_different(copy: Path) -> None:
    edit(copy / "contracts/mocks/SmartWallet.sol", "bytes4(0xffffffff)", "bytes4(0xfffffffe)")
    artifact = compile_contracts(root=copy)["SmartWallet"]
    assert artifact.runtime != compile_contracts()["SmartWallet"].runtime


def test_a_mistake_is_told_in_the_compilers_words(copy: Path) -> None:
    edit(copy / "contracts/mocks/SmartWallet.sol", "return isOurs ?", "return isTheirs ?")
    with pytest.raises(CompileError, match="isTheirs"):
        compile_contracts(root=copy)


def test_a_warning_is_an_error(copy: Path) -> None:
    edit(copy / "contracts/mocks/SmartWallet.sol", "bool isOurs =", "uint256 unused; bool isOurs =")
    with pytest.raises(CompileError, match="Unused local variable"):
        compile_contracts(root=copy)


def test_a_missing_import_says_what_to_do(copy: Path) -> None:
    edit(copy / "contracts/mocks/SmartWallet.sol", "interfaces/IERC1271.sol", "interfaces/IERC9999.sol")
    with pytest.raises(CompileError, match="npm ci"):
        compile_contracts(root=copy)


def test_the_compiler_is_of_the_pinned_version_and_forge_uses_the_same() -> None:
    assert find_compiler().is_file()
    assert find_tool("anvil").is_file()
    answer = forge("config", "--json")
    assert answer.returncode == 0, answer.stderr
    assert str(find_compiler()) in answer.stdout
    assert pinned_version() == "0.8.37"


def test_sources_are_formatted() -> None:
    answer = forge("fmt", "--check", "contracts", "tests/contracts/forge")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_no_contract_is_longer_than_three_hundred_lines() -> None:
    long = [path for path in (ROOT / "contracts").rglob("*.sol") if len(path.read_text().splitlines()) > 300]
    assert not long
