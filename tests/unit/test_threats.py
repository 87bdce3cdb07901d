"""The threat model's table is kept honest: every row has a test, or says why not."""

import pytest

from tests import threats


def test_every_row_has_a_test_or_says_what_it_waits_for():
    assert threats.coverage(threats.written()).unproven == []


def test_no_row_is_stated_as_open_that_has_a_test():
    """Take its line out of tests/threats.toml."""
    assert threats.coverage(threats.written()).stale == []


@pytest.mark.parametrize(
    ("test", "rows"),
    [
        ("unit/test_x.py::test_s5_s6_many_at_once", {"S5", "S6"}),
        ("unit/test_x.py::TestS27::test_a_payer_waits[1]", {"S27"}),
        ("unit/test_x.py::TestF9Breaker::test_f9_it_opens", {"F9"}),
        ("unit/test_x.py::TestW6W7::test_both", {"W6", "W7"}),
        ("contracts/test_forge.py::test_forge_suite_passes[C13OwnershipTest]", {"C13"}),
        ("contracts/test_forge.py::test_forge_suite_passes[W11_ProofAnchorTest]", {"W11"}),
        ("contracts/test_forge.py::test_every_threat_has_a_suite[C1]", set()),
        ("unit/test_s1_x.py::test_an_id_inside_like_s4_counts_for_nothing", set()),
        ("unit/test_x.py::test_s123_is_no_row", set()),
        ("unit/test_x.py::TestSettler::test_g7_an_invariant_is_no_row", set()),
    ],
)
def test_a_tests_name_says_which_rows_it_proves(test, rows):
    assert threats.rows_of(test) == rows


def test_a_row_that_loses_its_last_test_is_found():
    left = [test for test in threats.written() if "S12" not in threats.rows_of(test)]
    found = threats.coverage(left)
    assert found.unproven == ["S12"]
    assert "WITHOUT A TEST: S12" in found.line()


def test_a_row_that_is_stated_and_gets_a_test_is_stale_and_an_unknown_id_is_an_error():
    stated = list(threats.table()["open"])
    found = threats.coverage([f"unit/test_x.py::test_{row.lower()}_is_proven_now" for row in stated])
    assert found.stale == stated
    with pytest.raises(ValueError, match="S77"):
        threats.coverage(["test_s77_nothing"])
