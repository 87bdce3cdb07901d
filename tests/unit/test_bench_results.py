"""Figures of a bench: medians, spreads, ratios, goals, the file and the tables."""

import json

import pytest
from rich.console import Console

from scripts.bench import table
from scripts.bench.results import Goal, Limit, Result, Spread, write

FASTER = Goal("≥ 3 × Python SDK", (Limit("python-sdk", least=3.0),))
BOTH = Goal("≥ 3 × Python SDK and ≥ Hono", (Limit("python-sdk", least=3.0), Limit("hono", least=1.0)))
SOONER = Goal("≤ 0.35 × TypeScript", (Limit("typescript", most=0.35),))
TITLES = {
    "P1 paddock": "Paddock", "P1 python-sdk": "Python SDK 2.25.0", "P1 hono": "Hono", "P6 paddock": "Another Paddock"
}  # fmt: skip


def result(paddock=(30.0, 10.0, 20.0), goal=FASTER, **peers):
    values = {"paddock": paddock, **{name.replace("_", "-"): list(given) for name, given in peers.items()}}
    return Result("P1", "402s", "per second", goal, values)


def test_a_spread_has_the_median_and_the_ends_whatever_the_order():
    assert Spread.of([5, 1, 100, 2, 3]) == Spread(median=3, min=1, max=100)


def test_the_median_of_an_even_number_of_rounds_is_between_the_two_in_the_middle():
    assert Spread.of([4, 1, 2, 100]).median == 3


def test_a_ratio_is_paddocks_median_over_the_peers():
    found = result(paddock=(30, 10, 20), python_sdk=(5, 4, 900), hono=(40, 40, 40))
    assert found.ratios == {"python-sdk": 4.0, "hono": 0.5}


@pytest.mark.parametrize(("ratio", "met"), [(2.999, False), (3.0, True), (7.0, True)])
def test_a_goal_of_at_least_is_met_from_its_bound_on(ratio, met):
    assert FASTER.met({"python-sdk": ratio}) is met


@pytest.mark.parametrize(("ratio", "met"), [(0.2, True), (0.35, True), (0.351, False)])
def test_a_goal_of_at_most_is_met_up_to_its_bound(ratio, met):
    assert SOONER.met({"typescript": ratio}) is met


@pytest.mark.parametrize(
    ("ratios", "met"),
    [
        ({"python-sdk": 4.0, "hono": 1.2}, True),
        ({"python-sdk": 4.0, "hono": 0.9}, False),
        ({"python-sdk": 2.0, "hono": 1.2}, False),
        ({"python-sdk": 4.0}, None),
        ({"python-sdk": 2.0}, False),
        ({}, None),
    ],
)
def test_a_goal_is_open_only_while_a_peer_is_not_measured_and_no_measured_one_breaks_it(ratios, met):
    assert BOTH.met(ratios) is met


@pytest.mark.parametrize(("seconds", "met"), [((61.0, 59.0, 60.0), True), ((61.0, 59.0, 60.5), False)])
def test_a_goal_without_a_peer_is_over_the_median_itself(seconds, met):
    found = result(paddock=seconds, goal=Goal("≤ 60 s", (Limit("paddock", most=60.0),)))
    assert found.met is met
    assert (found.record()["ratio"], found.record()["met"]) == (None, met)


def test_the_record_has_every_side_and_the_ratio_over_the_first_peer():
    found = result(python_sdk=(4.0, 5.0, 6.0), hono=(1.0, 1.0, 1.0)).record()
    assert found == {
        "id": "P1",
        "unit": "per second",
        "paddock": {"median": 20.0, "min": 10.0, "max": 30.0},
        "peers": {
            "python-sdk": {"median": 5.0, "min": 4.0, "max": 6.0},
            "hono": {"median": 1.0, "min": 1.0, "max": 1.0},
        },
        "ratio": 4.0,
        "rounds": 3,
        "goal": "≥ 3 × Python SDK",
        "met": True,
    }


def test_the_file_has_machine_rounds_and_figures_and_nothing_of_an_earlier_run(tmp_path):
    path = tmp_path / "var" / "bench.json"
    for figures in ([result(python_sdk=(1.0, 1.0, 1.0))] * 2, [result(goal=BOTH, python_sdk=(5.0, 5.0, 5.0))]):
        write(path, {"cores": 2}, 5, figures)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["machine"] == {"cores": 2}
    assert found["rounds"] == 5
    assert [(one["id"], one["met"]) for one in found["figures"]] == [("P1", None)]
    assert list(path.parent.iterdir()) == [path]


def printed(renderable):
    console = Console(width=160)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def row(text, wanted):
    return next([cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if wanted in line)


def test_the_table_has_a_row_for_each_side_with_its_spread_and_the_peers_ratio():
    text = printed(table.figures([result(paddock=(9000.0, 1.0, 6000.0), python_sdk=(3.0, 2000.0, 5000.0))], TITLES))
    assert "medians of interleaved rounds" in text
    assert row(text, "Paddock") == [
        "P1 402s, per second", "Paddock", "3", "6,000", "1.00 - 9,000", "", "≥ 3 × Python SDK", "met",
    ]  # fmt: skip
    assert row(text, "2.25.0") == ["", "Python SDK 2.25.0", "3", "2,000", "3.00 - 5,000", "3.00", "", ""]


@pytest.mark.parametrize(
    ("goal", "sdk", "word"),
    [(FASTER, 1.0, "met"), (FASTER, 10.0, "missed"), (BOTH, 1.0, "open"), (BOTH, 10.0, "missed")],
)
def test_the_table_calls_a_goal_met_missed_or_open(goal, sdk, word):
    text = printed(table.figures([result(goal=goal, python_sdk=(sdk,))], TITLES))
    assert row(text, "Paddock")[-1] == word


def test_the_second_table_says_what_each_side_does_in_each_figure():
    does = {"P1": {"paddock": "signs a quote", "python-sdk": "no quote"}, "P6": {"paddock": "books it"}}
    text = printed(table.deeds(does, TITLES))
    assert row(text, "signs a quote") == ["P1", "Paddock", "signs a quote"]
    assert row(text, "no quote") == ["P1", "Python SDK 2.25.0", "no quote"]
    assert row(text, "books it") == ["P6", "Another Paddock", "books it"]


@pytest.mark.parametrize(
    ("value", "text"), [(5431.2, "5,431"), (100.0, "100"), (62.74, "62.7"), (9.876, "9.88"), (0.1234, "0.12")]
)
def test_a_number_has_as_many_digits_as_it_deserves(value, text):
    assert table.shown(value) == text
