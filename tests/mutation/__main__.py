"""`make mutation`: a sample of all mutants that a seed chooses, each shown to the tests that reach its line."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path

from tests.mutation.mutants import CORE, Mutant, all_mutants

TOP = Path(__file__).resolve().parents[2]
FOLDERS = ("tests/unit", "tests/simulation", "tests/conformance", "tests/integration")
LONGEST = 600.0
"""Seconds of tests, as long as they took under watch, that a mutant is shown at most: most die in the first."""
KEPT = Path("var/mutation")


class Verdict(StrEnum):
    """What became of a mutant. Only the first two count as noticed."""

    KILLED = "killed"
    ENDLESS = "endless"
    SURVIVED = "SURVIVED"
    UNREACHED = "UNREACHED"


@dataclass(frozen=True)
class Reach:
    """Tests by file and line, and the seconds that each takes."""

    seconds: dict[str, float]
    lines: dict[str, dict[str, list[str]]]

    def tests(self, mutant: Mutant) -> list[str]:
        """Who reaches the line, one of each file by turns and the quick ones first, as long as there is time.

        A line that ran at the import, before any test, is reached by whoever comes to its file.
        """
        lines = self.lines.get(mutant.path, {})
        found = lines.get(str(mutant.line), [])
        if str(mutant.line) in lines and not found:
            found = sorted({test for tests in lines.values() for test in tests})
        files: dict[str, list[str]] = {}
        for test in sorted(found, key=lambda one: self.seconds[one]):
            files.setdefault(test.partition("::")[0], []).append(test)
        by_turns = [test for turn in zip_longest(*files.values()) for test in turn if test]
        left, chosen = LONGEST, []
        for test in by_turns:
            if (left := left - self.seconds[test]) > 0:
                chosen.append(test)
        return chosen


def main() -> int:
    """1 when fewer than nine of ten are noticed."""
    sample, seed = int(os.environ.get("SAMPLE") or 200), int(os.environ.get("SEED") or 1)
    only = (os.environ.get("ONLY") or "").split()
    everything = [one for one in all_mutants(TOP) if not only or any(one.path.startswith(word) for word in only)]
    chosen = random.Random(seed).sample(everything, min(sample, len(everything)))
    with tempfile.TemporaryDirectory(prefix="paddock-mutation-") as folder:
        copy = _copied(Path(folder) / "checkout")
        reach = _reach(copy)
        verdicts = list(_judged(chosen, reach, copy))
    counts = Counter(verdicts)
    noticed = counts[Verdict.KILLED] + counts[Verdict.ENDLESS]
    print(f"{dict(counts)}: {noticed} of {len(chosen)} noticed, {noticed / len(chosen):.1%}; "
          f"{len(everything)} mutants in all, seed {seed}")  # fmt: skip
    return 0 if noticed >= 0.9 * len(chosen) else 1


def _judged(chosen: Sequence[Mutant], reach: Reach, copy: Path) -> Iterator[Verdict]:
    began = time.monotonic()
    for number, mutant in enumerate(sorted(chosen, key=str), 1):
        verdict, by = _judge(mutant, reach.tests(mutant), copy)
        spent = time.monotonic() - began
        print(f"{number}/{len(chosen)} {verdict:<9} {mutant} [{by}] ({spent:.0f} s)")
        yield verdict


def _judge(mutant: Mutant, tests: Sequence[str], copy: Path) -> tuple[Verdict, str]:
    """The mutant's fate, and who noticed it or how many did not."""
    if not tests:
        return Verdict.UNREACHED, "no test"
    path = copy / mutant.path
    source = path.read_text()
    path.write_text(mutant.applied(source))
    listed = copy / "var" / "tests.txt"
    listed.write_text("\n".join(tests))
    try:
        run = _pytest(copy, ["-x", "-q", "--tb=no", "-rfE", f"@{listed}"], 2 * LONGEST)
    except subprocess.TimeoutExpired:
        return Verdict.ENDLESS, "time"
    finally:
        path.write_text(source)
    if run.returncode == 0:
        return Verdict.SURVIVED, f"{len(tests)} tests"
    named = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return Verdict.KILLED, named[0].split(" - ")[0] if named else (run.stdout + run.stderr)[-200:]


def _copied(copy: Path) -> Path:
    """The checkout as it stands, to be broken."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    for name in names:
        if (TOP / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(TOP / name, copy / name)
    (copy / "var").mkdir()
    (copy / "node_modules").symlink_to(TOP / "node_modules")
    return copy


def _reach(copy: Path) -> Reach:
    """Read from the last run where nothing has changed since; otherwise every test runs once under watch."""
    kept = TOP / KEPT / "reach.json"
    sources = [path for place in (*CORE, "tests") for path in _files(TOP / place)]
    if not kept.exists() or kept.stat().st_mtime < max(path.stat().st_mtime for path in sources):
        print("every test runs once, to see which lines it comes to …")
        kept.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.mutation.reach", str(copy / "var" / "reach.json"), *FOLDERS]
        if subprocess.run(command, cwd=copy, check=False).returncode:
            print("what failed above judges no mutant")
        shutil.copyfile(copy / "var" / "reach.json", kept)
    return Reach(**json.loads(kept.read_text()))


def _files(place: Path) -> list[Path]:
    return list(place.rglob("*.py")) if place.is_dir() else [place]


def _pytest(copy: Path, arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.exit(main())
