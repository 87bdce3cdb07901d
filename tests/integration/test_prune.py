"""`paddock prune`, in a clone: what is kept is sold and green, what is dropped is nowhere, and nothing else is lost."""

from pathlib import Path

import pytest

from scripts.prune.__main__ import modules
from server.services import CATALOGUE
from server.services.samples import SAMPLES
from tests.stack.checkouts import clone_checkout, commit, done, run

KEPT = CATALOGUE[-1].slug if len(CATALOGUE) == 1 else next(one.slug for one in CATALOGUE if one not in SAMPLES)
DROPPED = {one.slug for one in CATALOGUE} - {one.slug for one in SAMPLES} - {KEPT}
NEW = "-".join(("letter", "count"))
"""Not written out, or prune would take this test as being about it."""
SUITES = (
    "tests/unit/test_service_catalogue.py",
    "tests/unit/test_units_on_sale.py",
    "tests/unit/test_tariffs.py",
    "tests/unit/test_documentation.py",
    "tests/unit/test_launch_checklist.py",
    "tests/unit/test_prune_plan.py",
    "tests/unit/test_threats.py",
    "tests/simulation/test_offers.py",
)
"""What looks at all that is on sale, at the pages, or at other tests."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    return clone_checkout(tmp_path_factory.mktemp("fork") / "checkout")


def files(checkout: Path) -> dict[Path, str]:
    """What is in the clone, as text."""
    suffixes = (".py", ".md", ".csv", ".tsv")
    found = (path for path in checkout.rglob("*") if path.suffix in suffixes)
    return {path: path.read_text() for path in found if not {"node_modules", "var"} & set(path.parts)}


def test_what_cannot_be_pruned_is_refused_with_what_to_do_and_nothing_changes(checkout: Path) -> None:
    before = files(checkout)
    unknown = run(checkout, "server.cli", "prune", "--keep", KEPT, "--keep", "nothing-such")
    assert unknown.returncode == 2
    assert "nothing-such: not in the catalogue, which has" in unknown.stderr
    assert all(slug in unknown.stderr for slug in modules())
    assert run(checkout, "server.cli", "prune").returncode == 2, "what to keep must be said"
    (checkout / "mine.txt").write_text("not committed")
    refused = run(checkout, "server.cli", "prune", "--keep", KEPT)
    assert (refused.returncode, "first mine.txt: commit or stash" in refused.stderr) == (2, True)
    dry = done(checkout, "server.cli", "prune", "--keep", KEPT, "--dry-run")
    assert "nothing was changed" in dry
    (checkout / "mine.txt").unlink()
    assert files(checkout) == before


@pytest.mark.timeout(1_200)
def test_a_fork_with_one_service_is_whole_and_grows_again(checkout: Path) -> None:
    before = files(checkout)
    told = done(checkout, "server.cli", "prune", "--keep", KEPT)
    after = files(checkout)
    for path in before.keys() - after.keys():
        assert f"remove  {path.relative_to(checkout)}" in told
    for path in (path for path, text in after.items() if text != before[path]):
        assert f"change  {path.relative_to(checkout)}" in told
    for slug in DROPPED:
        assert not (checkout / modules()[slug].replace(".", "/")).with_suffix(".py").exists()
        assert f"`{slug}`" not in after[checkout / "docs" / "services.md"]
    for sample in SAMPLES:
        assert f"`{sample.slug}`" in after[checkout / "docs" / "services.md"]
    for check in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["scripts.limits"]):
        done(checkout, *check)
    done(checkout, "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", "tests")
    done(checkout, "pytest", "-q", "-p", "no:cacheprovider", *SUITES)
    done(checkout, "server.cli", "new", "service", NEW)
    done(
        checkout,
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        SUITES[0],
        f"tests/unit/test_service_{NEW.replace('-', '_')}.py",
    )
    commit(checkout)
    done(checkout, "server.cli", "prune", "--keep", KEPT)
    assert files(checkout) == after, "what was added goes as it came"
