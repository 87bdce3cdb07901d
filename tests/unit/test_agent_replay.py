"""Explaining and replaying a policy: what is said of a URL, a listing, and yesterday's purchases; nothing is signed."""

from pathlib import Path

import pytest

from agent import approvals
from agent.decisions import Verdict
from agent.policy import Policy
from agent.policy_file import parse
from agent.replay import replay
from tests.fakes.seller import ORIGIN, World, policy

URL = f"{ORIGIN}/v1/echo"


def told(world: World, **rules: str) -> list[tuple[str, str]]:
    """What a policy with those rules says to what the world's buyer signed."""
    found = replay(world.buyer.store, Policy(parse(policy(**rules))))
    return [(one.decision.verdict, one.decision.rule) for one in found]


def test_a_replay_names_the_purchases_that_a_stricter_policy_would_have_stopped(tmp_path: Path) -> None:
    world = World(tmp_path)
    for path in ("echo", "quotes", "echo"):
        assert world.buyer.buy(f"{ORIGIN}/v1/{path}").status == "delivered"
    assert told(world) == [("allow", "merchants[0].routes[0]")] * 3
    stricter = replay(world.buyer.store, Policy(parse(policy().replace("/v1/*", "/v1/quotes"))))
    assert [one.bought.url for one in stricter if one.decision.verdict is Verdict.DENY] == [URL, URL]
    assert told(world, per_call="0.04") == [("deny", "limits.per_call")] * 3
    assert told(world, above="0.01") == [("ask", "approval.above")] * 3


def test_a_replay_counts_budgets_at_their_time_and_what_it_stops_costs_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(3):
        world.buyer.buy(URL)
    world.seller.clock.sleep(24 * 3600 + 1)
    world.buyer.buy(URL)
    allowed, stopped = ("allow", "merchants[0].routes[0]"), ("deny", "limits.per_day")
    assert told(world, per_day="0.10") == [allowed, allowed, stopped, allowed]


def test_a_replay_gives_back_what_was_refunded(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.seller.mode = "DELEGATE"
    world.seller.paid.append("undone")
    assert world.buyer.buy(URL).status == "refunded"
    world.seller.clock.sleep(1)
    assert world.buyer.buy(f"{URL}?n=2").status == "delivered"
    assert [verdict for verdict, _ in told(world, per_task="0.05")] == ["allow", "allow"]


def test_a_replay_leaves_refusals_and_questions_out_and_takes_what_a_person_approved_at_its_signature(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, above="0.01")
    waiting = world.buyer.buy(URL).purchase_id or ""
    assert told(world) == []
    world.seller.clock.sleep(3600)
    with world.buyer.store.begin() as connection:
        approvals.refuse(connection, waiting, world.seller.clock.now())
    world.buyer.resume(waiting)
    world.buyer.buy(f"{ORIGIN}/elsewhere")
    assert told(world) == []


def test_a_replay_writes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.buyer.buy(URL)
    world.buyer.close()
    before = (tmp_path / "agent.db").read_bytes()
    world = World(tmp_path)
    assert told(world, per_call="0.04") == [("deny", "limits.per_call")]
    world.buyer.close()
    assert (tmp_path / "agent.db").read_bytes() == before


def test_an_explanation_lists_every_rule_up_to_the_one_that_fires_and_signs_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, per_call="0.01")
    (explained,) = world.buyer.explain(URL)
    assert explained.decision.rule == "limits.per_call"
    rules = [finding.rule for finding in explained.findings]
    assert rules == [
        *("hours", "merchant", "transport", "route", "scheme", "network", "asset"),
        *("recipient", "freshness", "mode", "price"),
    ]
    assert [finding.decision for finding in explained.findings[:-1]] == [None] * 10
    assert world.signer.signed == []


@pytest.mark.parametrize(
    ("prepare", "rule"),
    [
        (lambda world: None, "merchants[0].routes[0]"),
        (lambda world: world.buyer.stop(), "switch.stopped"),
        (lambda world: world.buyer.buy(f"{URL}?n=1"), "limits.per_task"),
    ],
    ids=["allowed", "stopped", "spent"],
)
def test_an_explanation_agrees_with_the_purchase_that_follows(tmp_path: Path, prepare: object, rule: str) -> None:
    world = World(tmp_path, per_task="0.05")
    assert callable(prepare)
    prepare(world)
    (explained,) = world.buyer.explain(URL)
    signed = len(world.signer.signed)
    assert explained.decision.rule == rule
    assert world.buyer.buy(URL).rule == rule
    assert len(world.signer.signed) == signed + (explained.decision.verdict is Verdict.ALLOW)


def test_what_is_dear_is_explained_as_a_question_and_what_is_free_not_at_all(tmp_path: Path) -> None:
    world = World(tmp_path, above="0.01")
    (explained,) = world.buyer.explain(URL)
    assert explained.decision.verdict is Verdict.ASK
    assert world.buyer.consider(explained.terms).rule == "approval.above"  # type: ignore[arg-type]
    world.seller.handle_unpaid = lambda request: world.seller.elsewhere(request)
    assert world.buyer.explain(URL) == []
