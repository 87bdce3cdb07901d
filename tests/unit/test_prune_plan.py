"""What `paddock prune` would take: all that is about a dropped service, and nothing that is not."""

import ast
import re
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from scripts.prune.__main__ import modules
from scripts.prune.cutting import NotCut
from scripts.prune.plan import plan
from scripts.prune.sources import read
from scripts.solc import ROOT
from server.services import CATALOGUE, choices, merchant_order
from server.services.samples import SAMPLES

ABOUT = (
    r"tests/unit/test_service_(?!catalogue|arguments|schemas)\w+\.py",
    r"tests/(integration|simulation|e2e)/test_page_(render|services|steps)\.py",
    r"tests/e2e/test_payment_page\.py",  # one test, of an answer that is an image
    r"tests/unit/test_(tariffs|units_on_sale)\.py",
    r"tests/integration/test_pages\.py",
)
"""Where services that are no samples are bought: nowhere else, or a fork would lose what is tested there."""
SAMPLE_SLUGS = [one.slug for one in SAMPLES]


@pytest.fixture(scope="module")
def everything():
    """What goes when nothing is kept but the samples."""
    return plan(ROOT, modules(), SAMPLE_SLUGS, ())


def test_the_modules_are_those_that_the_catalogue_sells():
    assert not [one for one in (choices.SERVICE, merchant_order.SERVICE) if one in CATALOGUE], (
        "what modules beside them call so"
    )
    assert list(modules()) == [one.slug for one in CATALOGUE]
    for slug, module in modules().items():
        assert sys.modules[module].SERVICE.slug == slug


def test_only_tests_about_services_are_lost_whatever_is_dropped(everything):
    lost = [path.as_posix() for path in everything.tests]
    assert [path for path in lost if not any(re.fullmatch(one, path) for one in ABOUT)] == []


def test_nothing_that_is_left_names_a_service_that_is_dropped(everything):
    dropped = modules().keys() - set(SAMPLE_SLUGS)
    files = [modules()[slug].rpartition(".")[2] for slug in dropped]
    names = r"(?<![\w-])({})(?![\w-])|services[./]({})\b".format("|".join(dropped), "|".join(files))
    told = re.compile(names if dropped else "(?!)")  # of a fork that keeps a sample alone nothing else can be dropped
    pages = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ".env.example", "docs/services.md", "networks.toml")
    guides = (path.relative_to(ROOT) for path in (ROOT / "docs" / "guides").glob("*.md") if path.stem != "template")
    sources = (source.path for source in read(ROOT).values())
    left = {path for path in (*sources, *map(Path, pages), *guides) if path not in everything.removed}
    texts = {path: everything.written.get(path, (ROOT / path).read_text()) for path in left}
    own = {Path(__file__).relative_to(ROOT), Path("server/services/__init__.py")}
    assert {path: found[0] for path, text in texts.items() if path not in own and (found := told.search(text))} == {}


def parses(text):
    try:
        return bool(ast.parse(text).body)
    except SyntaxError:
        return False


def test_what_is_left_still_parses(everything):
    modules_left = {path: text for path, text in everything.written.items() if path.suffix == ".py"}
    assert Path("server/services/__init__.py") in modules_left
    assert [path for path, text in modules_left.items() if not parses(text)] == []


# ------------------------------------------------------------------------------------------------ a small checkout

FILES = {
    "server/services/__init__.py": """
        from server.services import apple, pear, sample

        CATALOGUE = (
            apple.SERVICE,
            pear.SERVICE,
            sample.SERVICE,
        )
        """,
    "server/services/samples.py": "from server.services import sample\n\nSAMPLES = (sample.SERVICE,)\n",
    "server/services/apple.py": "from server.services import core, tree\n\nSERVICE = core.TABLE + tree.KIND\n",
    "server/services/pear.py": "from server.services import tree\n\nSERVICE = tree.KIND\n",
    "server/services/sample.py": "SERVICE = 1\n",
    "server/services/core.py": 'TABLE = open("kernels.tsv")\n',
    "server/services/tree.py": 'KIND = open("leaves.tsv")\n',
    "server/services/data/kernels.tsv": "",
    "server/services/data/leaves.tsv": "",
    "server/bootstrap.py": "from server.services import CATALOGUE, samples\n",
    "scripts/tour.py": """
        MODELS = {"apple": "fruit", "pear": "fruit"}


        def steps():
            return (Step("one", "apple"), Step("two", "pear"))
        """,
    "docs/services.md": "# On sale\n\n| kind | service |\n|---|---|\n| fruit | `apple`: red |\n| fruit | `pear` |\n",
    "tests/orchard.py": "WORMS = 3\n",
    "tests/unit/test_service_apple.py": """
        from server.services import apple


        def test_an_apple():
            assert apple.SERVICE


        def test_arithmetic():
            assert 1 + 1 == 2
        """,
    "tests/unit/test_fruit.py": """
        import json
        from datetime import date, timedelta

        import pytest

        from server.services import apple, pear
        from tests.orchard import WORMS

        PEEL = json.loads("1")
        \"\"\"Of apples.\"\"\"


        def peeled():
            return apple.SERVICE, PEEL, WORMS, timedelta(1)


        @pytest.fixture
        def basket():
            return peeled()


        def test_a_basket(basket):
            assert basket


        @pytest.mark.parametrize("slug", ["apple", "pear"])
        def test_each(slug):
            assert slug


        @pytest.mark.parametrize(("path", "status"), [("/v1/apple?n=1", 402), ("/v1/apples", 404)])
        def test_a_route(path, status):
            assert path, status


        def test_a_page():
            assert "/services/apple"


        def test_a_pear():
            assert pear.SERVICE, date.today()
        """,
}
SLUGS = {name: f"server.services.{name}" for name in ("apple", "pear", "sample")}


@pytest.fixture
def checkout(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(dedent(text).lstrip("\n"))
    return tmp_path


def pruned(checkout, *keep):
    """What would be done, with the paths as text."""
    done = plan(checkout, SLUGS, ["sample"], keep)
    return {path.as_posix() for path in done.removed}, {path.as_posix(): text for path, text in done.written.items()}


def test_a_service_goes_with_modules_data_and_tests_that_only_it_used(checkout):
    removed, written = pruned(checkout, "pear", "sample")
    gone = {"server/services/apple.py", "server/services/core.py", "server/services/data/kernels.tsv"}
    assert removed == gone | {"tests/unit/test_service_apple.py", "tests/orchard.py"}
    assert "apple" not in written["server/services/__init__.py"]
    assert written["docs/services.md"] == FILES["docs/services.md"].replace("| fruit | `apple`: red |\n", "")


def test_of_a_file_about_several_only_what_names_the_dropped_goes(checkout):
    text = pruned(checkout, "pear", "sample")[1]["tests/unit/test_fruit.py"]
    assert re.findall(r"(?:def|import) (.+?)[(\n]", text) == [
        "date",
        "pytest",
        "pear",
        "test_each",
        "test_a_route",
        "test_a_pear",
    ]
    assert '["pear"]' in text
    assert '[("/v1/apples", 404)]' in text
    assert "PEEL" not in text
    assert "Of apples" not in text


def test_lists_of_scripts_become_shorter(checkout):
    text = pruned(checkout, "pear", "sample")[1]["scripts/tour.py"]
    assert text == dedent(FILES["scripts/tour.py"]).lstrip("\n").replace('"apple": "fruit", ', "").replace(
        'Step("one", "apple"), ', ""
    )


def test_what_another_service_uses_stays(checkout):
    removed, written = pruned(checkout, "apple", "sample")
    assert removed == {"server/services/pear.py"}
    assert "test_a_pear" not in written["tests/unit/test_fruit.py"]
    assert "test_a_basket" in written["tests/unit/test_fruit.py"]


def test_a_sample_that_is_not_kept_leaves_the_catalogue_and_nothing_else(checkout):
    removed, written = pruned(checkout, "apple", "pear")
    assert (removed, list(written)) == (set(), ["server/services/__init__.py"])
    assert "sample" not in written["server/services/__init__.py"]


def test_who_keeps_everything_changes_nothing(checkout):
    assert pruned(checkout, *SLUGS) == (set(), {})


def test_a_script_that_cannot_do_without_a_dropped_service_is_told_where(checkout):
    (checkout / "scripts" / "buy.py").write_text('def buy():\n    fetch("/v1/apple")\n')
    with pytest.raises(NotCut, match=r"scripts/buy\.py:1 names what goes"):
        pruned(checkout, "pear")
    assert pruned(checkout, "apple")[0] == {"server/services/pear.py"}
