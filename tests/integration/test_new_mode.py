"""`paddock new mode NAME`, in a copy of the checkout: what it writes works on both sides, and nothing is lost."""

from pathlib import Path

import pytest

from scripts.new.mode import BUYER, GUIDE, SELLER, new_mode
from scripts.new.service import new_service
from scripts.new.writing import NewError
from tests.stack.checkouts import copy_checkout, done

LISTS = (SELLER, BUYER, GUIDE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["TIP_JAR"])
def test_a_new_mode_passes_the_every_mode_suite_its_own_test_and_the_checks(checkout: Path, name: str) -> None:
    module = name.lower()
    files = [f"server/payments/{module}.py", f"agent/payments/{module}.py", f"tests/simulation/test_mode_{module}.py"]
    said = done(checkout, "server.cli", "new", "mode", name)
    for path in (*files, *LISTS):
        assert f"wrote  {path}" in said
    tests = ("tests/simulation/test_every_mode.py", files[2])
    suite = done(checkout, "pytest", "-p", "no:cacheprovider", "-v", "-k", f"{name} or {module} or same_modes", *tests)
    for test in (
        "is_delivered_and_its_books",
        "goes_back",
        "is_refused_and_nothing_is_claimed",
        "the_same_payment_again",
    ):
        assert any(test in line and f"{name}]" in line for line in suite.splitlines()), "it is covered without a line"
    assert f"{files[2]}::test_it_is_paid_to_the_merchant_and_the_receipt_names_it" in suite
    assert "test_seller_and_agent_list_the_same_modes_each_once PASSED" in suite
    written = [*files, SELLER, BUYER]
    done(checkout, "ruff", "format", "--check", *written)
    done(checkout, "ruff", "check", *written)


@pytest.mark.timeout(600)
def test_what_is_sold_in_a_new_mode_is_bought_on_a_devnet_by_the_bundled_agent(checkout: Path) -> None:
    new_mode("TIP", checkout)
    (service, *_) = new_service("word-count", checkout)
    service.write_text(service.read_text().replace("    run=run,\n", '    run=run,\n    mode="TIP",\n'))
    bought = done(checkout, "pytest", "-p", "no:cacheprovider", "-v", "-k", "TIP", "tests/e2e/test_every_mode.py")
    assert "test_the_bundled_agent_buys_in_the_mode_and_proves_it[TIP] PASSED" in bought


@pytest.mark.parametrize("name", ["", "tip", "Tip", "TIP-JAR", "TIP JAR", "9LIVES", "TIP_", "IF", "../TIP", "T" * 17])
def test_a_name_that_is_none_is_refused(checkout: Path, name: str) -> None:
    before = [(checkout / path).read_text() for path in LISTS]
    with pytest.raises(NewError, match="as TIP"):
        new_mode(name, checkout)
    assert [(checkout / path).read_text() for path in LISTS] == before


def test_nothing_is_ever_overwritten(checkout: Path) -> None:
    first = new_mode("TIP", checkout)
    before = [path.read_text() for path in first]
    for name in ("TIP", "DIRECT", "ATOMIC", "PERMIT2", "MODE"):
        with pytest.raises(NewError, match=f"has a {name} already"):
            new_mode(name, checkout)
    with pytest.raises(NewError, match="has a PaymentMode already"):
        new_mode("PAYMENT_MODE", checkout)
    first[0].unlink()
    with pytest.raises(NewError, match=r"agent/payments/tip\.py has a TIP already"):
        new_mode("TIP", checkout)
    assert [path.read_text() for path in first[1:]] == before[1:]
    assert not first[0].exists()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (SELLER, "MODES: tuple[PaymentMode, ...] = ("),
        (BUYER, "MODES: tuple[Mode, ...] = ("),
        (SELLER, "from server.payments."),
        (GUIDE, "`, `agent/payments/"),
    ],
)
def test_a_list_that_was_rebuilt_is_left_alone(checkout: Path, path: str, text: str) -> None:
    changed = (checkout / path).read_text().replace(text, text[:-1] + "[" + text[-1])
    (checkout / path).write_text(changed)
    with pytest.raises(NewError, match="has no"):
        new_mode("TIP", checkout)
    assert (checkout / path).read_text() == changed
    assert not (checkout / "server/payments/tip.py").exists()
