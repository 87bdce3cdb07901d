"""Deletes each guard of a contract once and sees a test of its fail: `python -m scripts.proof.mutants [NAME…]`."""

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

from scripts.compile import standard_input
from scripts.solc import ROOT, find_compiler, use_own_folder
from scripts.solc.foundry import forge

use_own_folder()
import solcx  # noqa: E402 - it looks at its folder when imported
from solcx.exceptions import SolcError  # noqa: E402

OUT = ROOT / "var" / "forge" / "out"
SUITES = "tests/contracts/forge"
GUARD = re.compile(
    r"require\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\);|_require\w+\([^;]*\);|delete [^;]*;"
    r"|(?<= )(?:nonReentrant|onlyOwner)(?= )"
    r"|(?:_target = address\(0\)|_entering = false|isConsumed\[[^;]*\] = true|owed\[msg.sender\] = 0);"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A source whose guards are deleted, the contracts that have them deployed, and the suites that must notice."""

    source: str
    deployed: tuple[str, ...]
    suites: str


def callback(name: str) -> Subject:
    """A callback, and the suite of its own name."""
    source = f"contracts/callbacks/{name}.sol"
    return Subject(source, (source,), f"{SUITES}/*/{name}.t.sol")


CALLBACK = ("contracts/mocks/hostile/MisbehavingCallback.sol",)
BASE = f"{SUITES}/{{callback,executor}}/*"
SUBJECTS = (
    Subject("contracts/DelegateExecutor.sol", ("contracts/DelegateExecutor.sol",), f"{SUITES}/executor/*"),
    callback("AccessPass"),
    callback("EscrowRelease"),
    callback("RevenueSplit"),
    callback("StakingVault"),
    callback("Subscription"),
    Subject(
        "contracts/base/OneTokenCallback.sol", ("contracts/callbacks/Subscription.sol",), f"{SUITES}/callbacks/Sub*"
    ),
    Subject("contracts/X402Callback.sol", CALLBACK, BASE),
    Subject("contracts/base/ActionFrame.sol", CALLBACK, BASE),
    Subject("contracts/base/BoundedCall.sol", CALLBACK, BASE),
    Subject("contracts/base/PaymentBooks.sol", CALLBACK, BASE),
    Subject("contracts/base/PaymentGuard.sol", CALLBACK, BASE),
)


def main(names: list[str]) -> int:
    """0 when every mutant was noticed."""
    chosen = [subject for subject in SUBJECTS if not names or Path(subject.source).stem in names]
    forge("build")
    survivors = [line for subject in chosen for line in mutate(subject)]
    print("\n".join(survivors) if survivors else "every guard that was deleted was missed by a test")
    return 1 if survivors else 0


def mutate(subject: Subject) -> Iterator[str]:
    """Each guard of a source, as `file:line: guard`, whose deletion no test notices."""
    text = (ROOT / subject.source).read_text()
    for found in GUARD.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        name = f"{subject.source}:{line}: {' '.join(found[0].split())}"
        fate = noticed(subject, text[: found.start()] + text[found.end() :])
        print(f"{fate or 'SURVIVED':<60.60} {name}", flush=True)
        if not fate:
            yield f"no test fails without {name}"


def noticed(subject: Subject, mutant: str) -> str | None:
    """The first test that fails with the mutant in the place of the source; None when all pass."""
    try:
        made = compile_mutant(subject, mutant)
    except SolcError as error:
        return f"does not compile: {' '.join(error.message.split())[:60]}"
    with swapped(made):
        run = forge("test", "--match-path", subject.suites)
    failed = re.search(r"^\[FAIL.*?\] (\w+\(.*?\))", run.stdout, re.MULTILINE)
    return failed[1] if failed else None


def compile_mutant(subject: Subject, mutant: str) -> dict[Path, str]:
    """The code of what has the source deployed, by forge's artifact; warnings do not count here."""
    with tempfile.TemporaryDirectory() as folder:
        copytree(ROOT / "contracts", Path(folder) / "contracts")
        (Path(folder) / "foundry.toml").write_text((ROOT / "foundry.toml").read_text())
        (Path(folder) / subject.source).write_text(mutant)
        request = standard_input(subject.deployed, Path(folder))
    output: dict[str, Any] = solcx.compile_standard(request, solc_binary=find_compiler())
    made = {}
    for unit in subject.deployed:
        name = Path(unit).stem
        made[OUT / f"{name}.sol" / f"{name}.json"] = output["contracts"][unit][name]["evm"]["bytecode"]["object"]
    return made


@contextmanager
def swapped(made: dict[Path, str]) -> Iterator[None]:
    """Other code in forge's artifacts, from which the suites deploy; forge compiles nothing for it."""
    kept = {path: path.read_text() for path in made}
    try:
        for path, code in made.items():
            artifact = json.loads(kept[path])
            artifact["bytecode"]["object"] = f"0x{code}"
            path.write_text(json.dumps(artifact))
        yield
    finally:
        for path, text in kept.items():
            path.write_text(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
