"""W1: a sample of the soak (`make soak`): one run for each process and database, killed where it hurts."""

from dataclasses import replace

import pytest

from tests.soak.plans import FACILITATOR, SERVER, WORKER, Point, plan
from tests.soak.runs import Stage, run

SAMPLE = {
    "sqlite": (
        Point(SERVER, "settled", "before"),
        Point(FACILITATOR, "settlement signed", "after"),
        Point(WORKER, "refund signed", "before"),
    ),
    "postgres": (
        Point(SERVER, "claim", "after"),
        Point(FACILITATOR, "broadcast", "after"),
        Point(WORKER, "callback done", "before"),
    ),
}


@pytest.fixture
def stage(request, own_anvil, market, deployments):
    database = request.getfixturevalue(f"{request.param}_url")
    broker = request.getfixturevalue("valkey_url") if request.param == "postgres" else ""
    return Stage(own_anvil, market, deployments, database, broker)


@pytest.mark.parametrize(
    ("stage", "point"),
    [(database, point) for database, points in SAMPLE.items() for point in points],
    indirect=["stage"],
    ids=str,
)
async def test_w1_a_process_killed_among_purchases_loses_and_doubles_nothing(stage, point, tmp_path):
    ended = await run(replace(plan(point, seed=1), occurrence=1), stage, tmp_path)
    assert ended.killed, f"no process died at {point}"
