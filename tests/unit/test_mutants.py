"""What `make mutation` changes in the code, and what it leaves alone."""

import ast

import pytest

from tests.mutation.mutants import Mutant, of_file


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("if a:\n    b", {"if True:\n    b", "if False:\n    b"}),
        ("a < b", {"a <= b"}),
        ("a is not b", {"a is b"}),
        ("f(a or b, 1)", {"f((a and b), 1)", "pass"}),
        ("x = (a - b) * 2", {"x = ((a + b)) * 2"}),
        ("x = not a", {"x = a"}),
        ("raise E('x')", {"pass"}),
        ("await work.orders.save(order)", {"pass"}),
        ("def f():\n    return True", {"def f():\n    return False"}),
        ("x = [a for a in b if good(a)]", {"x = [a for a in b if True]"}),
    ],
)
def test_each_kind_of_decision_is_turned(source, expected):
    assert {one.applied(source) for one in of_file("x.py", source)} == expected


@pytest.mark.parametrize(
    "source",
    ["log.warning('late')", "x: int | None = None", "x = 'a' + b", "'''What it is.'''", "import a", "while True: ..."],
)
def test_what_decides_nothing_stays(source):
    assert of_file("x.py", source) == []


def test_columns_count_bytes_so_that_other_alphabets_do_no_harm():
    source = "x = 'é…', a == b\ny = 1\n"
    assert [one.applied(source) for one in of_file("x.py", source)] == ["x = 'é…', a != b\ny = 1\n"]


def test_a_change_over_several_lines_keeps_what_is_around_it():
    source = "if (\n    a\n    and b\n):\n    c = 1\n"
    changed = {one.applied(source) for one in of_file("x.py", source)}
    assert all(ast.parse(text) for text in changed)
    assert Mutant("x.py", (2, 4), (3, 9), "False").applied(source) == "if (\n    False\n):\n    c = 1\n"
