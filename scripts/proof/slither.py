"""Runs slither over the contracts; every finding must stand in `tests/contracts/slither.toml` with its reason."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.solc import ROOT
from scripts.solc.foundry import ToolMissing, find_tool, forge

TRIAGE = ROOT / "tests" / "contracts" / "slither.toml"
SUBJECTS = ("contracts/*.sol", "contracts/callbacks/*.sol", "contracts/x402/*.sol")


@dataclass(frozen=True, slots=True)
class Finding:
    """A detector's name, where it found something (`Contract.function`), and its words."""

    check: str
    place: str
    words: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A detector, the places where its findings are explained (none: everywhere), and the explanation."""

    check: str
    places: tuple[str, ...]
    reason: str

    def fits(self, finding: Finding) -> bool:
        """Whether this explains the finding."""
        somewhere = not self.places or any(finding.place.startswith(place) for place in self.places)
        return self.check == finding.check and somewhere


def main() -> int:
    """0 when every finding is explained and every explanation has a finding."""
    try:
        findings = analyse()
    except ToolMissing as error:
        print(f"slither: {error}", file=sys.stderr)
        return 1
    explained = triage()
    problems = [
        f"unexplained: {finding.check} at {finding.place}: {finding.words}"
        for finding in findings
        if not any(entry.fits(finding) for entry in explained)
    ]
    problems += [
        f"explained, but not found any more: {entry.check} at {', '.join(entry.places) or 'anywhere'}"
        for entry in explained
        if not any(entry.fits(finding) for finding in findings)
    ]
    print(
        "\n".join(problems) or f"slither: {len(findings)} findings, every one explained in {TRIAGE.relative_to(ROOT)}"
    )
    return 1 if problems else 0


def triage() -> list[Explained]:
    """What is explained."""
    rows = tomllib.loads(TRIAGE.read_text())["finding"]
    return [Explained(row["check"], tuple(row.get("places", ())), row["reason"]) for row in rows]


def analyse() -> list[Finding]:
    """What slither finds in our own sources. Raises ToolMissing where it, or forge, is not installed."""
    folders = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    slither = shutil.which("slither", path=folders)
    if slither is None:
        raise ToolMissing("no slither: run `make setup`")
    path = f"{find_tool('forge').parent}{os.pathsep}{folders}"
    with tempfile.TemporaryDirectory() as folder:
        out, answer = Path(folder) / "out", Path(folder) / "answer.json"
        sources = [source.relative_to(ROOT).as_posix() for each in SUBJECTS for source in sorted(ROOT.glob(each))]
        build = forge("build", *sources, "--build-info", FOUNDRY_OUT=str(out), FOUNDRY_CACHE_PATH=f"{folder}/cache")
        if build.returncode != 0:
            raise ToolMissing(f"forge could not build for it:\n{build.stdout}{build.stderr}")
        command = [slither, ".", "--foundry-ignore-compile", "--foundry-out-directory", str(out), "--fail-none"]
        environment = os.environ | {"PATH": path, "FOUNDRY_OUT": str(out)}
        run = subprocess.run(
            [*command, "--json", str(answer)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if not answer.exists():
            raise ToolMissing(f"it could not run:\n{run.stdout}{run.stderr}")
        found: dict[str, Any] = json.loads(answer.read_text())
    rows = found["results"].get("detectors", [])
    return [Finding(row["check"], place(row), row["description"].split("\n")[0]) for row in rows if is_ours(row)]


def is_ours(row: dict[str, Any]) -> bool:
    """Whether a finding is about more than the library."""
    files = {element["source_mapping"]["filename_relative"] for element in row["elements"]}
    return any(name.startswith("contracts/") for name in files)


def place(row: dict[str, Any]) -> str:
    """`Contract.function.variable` of a finding's first element."""
    names: list[str] = []
    element: dict[str, Any] | None = row["elements"][0]
    while element is not None and element["type"] not in ("pragma", "enum"):
        names.insert(0, element["name"])
        element = element.get("type_specific_fields", {}).get("parent")
    return ".".join(names)


if __name__ == "__main__":
    sys.exit(main())
