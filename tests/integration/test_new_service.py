"""`paddock new service name`, in a copy of the checkout: what it writes passes as it stands, and nothing is lost."""

from pathlib import Path

import pytest

from scripts.new.service import CATALOGUE, new_service
from scripts.new.writing import NewError, with_entry
from tests.stack.checkouts import copy_checkout, done


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path)


@pytest.mark.parametrize("name", ["word-count", "a-name-of-forty-characters-which-is-most-ok"[:40]])
def test_a_new_service_passes_the_every_service_suite_its_own_test_and_the_checks(checkout: Path, name: str) -> None:
    module = name.replace("-", "_")
    written = [f"server/services/{module}.py", f"tests/unit/test_service_{module}.py", CATALOGUE]
    said = done(checkout, "server.cli", "new", "service", name)
    for path in written:
        assert f"wrote  {path}" in said
    tests = ("tests/unit/test_service_catalogue.py", written[1])
    suite = done(checkout, "pytest", "-p", "no:cacheprovider", "-v", *tests)
    assert f"test_the_example_satisfies_the_arguments[{name}]" in suite, "the suite covers it without a line"
    assert f"{written[1]}::test_the_answer_is_what_counting_by_hand_gives" in suite
    done(checkout, "ruff", "format", "--check", *written)
    done(checkout, "ruff", "check", *written)


@pytest.mark.parametrize(
    "name", ["", "Word", "word_count", "word count", "9-lives", "word-", "class", "../word", "w" * 41]
)
def test_a_name_that_is_none_is_refused(checkout: Path, name: str) -> None:
    before = (checkout / CATALOGUE).read_text()
    with pytest.raises(NewError, match="as word-count"):
        new_service(name, checkout)
    assert (checkout / CATALOGUE).read_text() == before


def test_nothing_is_ever_overwritten(checkout: Path) -> None:
    first = new_service("word-count", checkout)
    before = [path.read_text() for path in first]
    for name in ("word-count", "wallet-report", "contract-disassembly", "schemas"):
        with pytest.raises(NewError, match=f"has a {name} already"):
            new_service(name, checkout)
    first[0].unlink()
    with pytest.raises(NewError, match=r"test_service_word_count\.py has a word-count already"):
        new_service("word-count", checkout)
    assert [path.read_text() for path in first[1:]] == before[1:]
    assert not first[0].exists()


def test_a_list_of_one_that_stands_on_one_line_grows() -> None:
    one = "CATALOGUE: tuple[Service, ...] = (tide.SERVICE,)\n"
    two = "CATALOGUE: tuple[Service, ...] = (\n    tide.SERVICE,\n    moon.SERVICE,\n)\n"
    assert with_entry(one, CATALOGUE, "CATALOGUE", "    moon.SERVICE,\n") == two


@pytest.mark.parametrize("text", ["from server.services import (", "CATALOGUE: tuple[Service, ...] = ("])
def test_a_list_that_was_rebuilt_is_left_alone(checkout: Path, text: str) -> None:
    catalogue = checkout / CATALOGUE
    changed = catalogue.read_text().replace(text, text.replace("(", "[("))
    catalogue.write_text(changed)
    with pytest.raises(NewError, match="has no list"):
        new_service("word-count", checkout)
    assert catalogue.read_text() == changed
    assert not (checkout / "server/services/word_count.py").exists()
