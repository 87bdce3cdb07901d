"""`python -m scripts.prune --keep slug`, as `paddock prune` runs it."""

import argparse
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from scripts.prune.cutting import NotCut
from scripts.prune.plan import Plan, plan
from scripts.solc import ROOT
from server import services
from server.kit_commands import prune_options
from server.services.samples import SAMPLES


class PruneError(Exception):
    """Nothing was changed; the message says why and what to do."""


def modules() -> dict[str, str]:
    """The catalogue's modules by slug."""
    found = {id(one.SERVICE): one.__name__ for one in vars(services).values() if hasattr(one, "SERVICE")}
    return {one.slug: found[id(one)] for one in services.CATALOGUE if id(one) in found}


def planned(keep: Collection[str], root: Path = ROOT) -> Plan:
    """What would be done. Raises PruneError."""
    known = modules()
    if unknown := [slug for slug in keep if slug not in known]:
        raise PruneError(f"{', '.join(unknown)}: not in the catalogue, which has {', '.join(known)}")
    try:
        return plan(root, known, [one.slug for one in SAMPLES], keep)
    except NotCut as error:
        raise PruneError(str(error)) from None


def require_clean(root: Path) -> None:
    """Whatever is removed can be had again from git. Raises PruneError."""
    status = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=False)
    if status.returncode:
        raise PruneError("this is no git checkout, and what is removed could not be had again; `git init`, and commit")
    if changed := status.stdout.splitlines():
        raise PruneError(f"{len(changed)} files are not as committed, first {changed[0][3:]}: commit or stash them")


def write(done: Plan, root: Path) -> None:
    """Do it, and put what was written into its format."""
    for path in done.removed:
        (root / path).unlink()
    for path, text in done.written.items():
        (root / path).write_text(text)
    python = [str(path) for path in done.written if path.suffix == ".py"]
    ruff = [sys.executable, "-m", "ruff"]
    if python:
        subprocess.run([*ruff, "check", "--quiet", "--fix", "--select", "I", *python], cwd=root, check=True)
        subprocess.run([*ruff, "format", "--quiet", *python], cwd=root, check=True)


def tell(done: Plan) -> None:
    """Each file, and each test by its name."""
    for path in done.removed:
        print(f"remove  {path}")
    for path in sorted(done.written):
        print(f"change  {path}")
        for test in done.tests.get(path, ()):
            print(f"        without {test}")
    tests = sum(map(len, done.tests.values()))
    print(f"{len(done.removed)} files removed, {len(done.written)} changed; {tests} tests go with their services")


def main(arguments: list[str] | None = None) -> int:
    """0 when it was done or shown; 2 when nothing was, with the reason."""
    parser = argparse.ArgumentParser("paddock prune", description=__doc__)
    prune_options(parser)
    options = parser.parse_args(arguments)
    try:
        if not options.dry_run:
            require_clean(ROOT)
        done = planned(options.keep)
        if not options.dry_run:
            write(done, ROOT)
    except PruneError as error:
        print(f"prune: {error}; nothing was changed", file=sys.stderr)
        return 2
    tell(done)
    besides = [one.slug for one in SAMPLES if one.slug not in options.keep]
    print(f"on devnets only, since tests, demo and guides buy them: {', '.join(besides)}" if besides else "")
    print("nothing was changed" if options.dry_run else "next    git diff, make check, and commit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
