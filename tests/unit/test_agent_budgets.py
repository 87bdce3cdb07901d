"""Budgets: what is held, for how long, and what ends it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.budgets import Budget, Hold, HoldState, move, reserve
from agent.errors import WalletError
from tests.fakes.seller import ORIGIN, TOKEN, World

URL = f"{ORIGIN}/v1/echo"
NETWORK = "eip155:31337"


def day(world: World, task: str = "default") -> int:
    return world.buyer.budgets(NETWORK, TOKEN, task)["limits.per_day"].spent


def test_a13_the_task_budget_ends_many_small_calls(tmp_path: Path) -> None:
    world = World(tmp_path, per_task="0.20")
    outcomes = [world.buyer.buy(URL, task="research") for _ in range(5)]
    assert [outcome.status for outcome in outcomes] == ["delivered"] * 4 + ["refused"]
    assert outcomes[-1].rule == "limits.per_task"
    assert world.buyer.buy(URL, task="other").status == "delivered"
    assert len(world.signer.signed) == 5


def test_a13_the_day_budget_ends_them_over_all_tasks_and_opens_again_a_day_later(tmp_path: Path) -> None:
    world = World(tmp_path, per_day="0.20")
    statuses = [world.buyer.buy(URL, task=f"task-{n}").status for n in range(5)]
    assert statuses == ["delivered"] * 4 + ["refused"]
    world.seller.clock.sleep(24 * 3600 - 1)
    assert world.buyer.buy(URL, task="late").rule == "limits.per_day"
    world.seller.clock.sleep(2)
    assert world.buyer.buy(URL, task="next day").status == "delivered"


@pytest.mark.parametrize(
    ("rule", "rules"),
    [
        ("limits.per_session", {"limits": ', per_session = "0.20"'}),
        ("limits.per_domain", {"limits": ', per_domain = "0.20"'}),
        ("limits.in_all", {"limits": ', in_all = "0.20"'}),
        ("merchants[0].per_day", {"more": 'per_day = "0.20"'}),
    ],
)
def test_a13_every_other_budget_ends_them_as_well(tmp_path: Path, rule: str, rules: dict[str, str]) -> None:
    world = World(tmp_path, **rules)
    outcomes = [world.buyer.buy(URL, task=f"task-{n}") for n in range(6)]
    assert [outcome.status for outcome in outcomes] == ["delivered"] * 4 + ["refused"] * 2
    assert outcomes[-1].rule == rule
    assert len(world.signer.signed) == 4
    assert world.buyer.budgets(NETWORK, TOKEN, origin=ORIGIN)[rule] == (200_000, 200_000)


def test_a13_budgets_of_a_day_open_again_and_the_one_of_all_never_does(tmp_path: Path) -> None:
    world = World(tmp_path, more='per_day = "0.05"', limits=', per_domain = "0.05", in_all = "0.10"')
    assert world.buyer.buy(URL).status == "delivered"
    assert world.buyer.buy(URL).rule == "limits.per_domain"
    world.seller.clock.sleep(24 * 3600 + 1)
    assert world.buyer.buy(URL).status == "delivered"
    world.seller.clock.sleep(24 * 3600 + 1)
    assert world.buyer.buy(URL).rule == "limits.in_all"


def test_a13_a_session_is_one_run_of_the_agent_or_what_was_named(tmp_path: Path) -> None:
    world = World(tmp_path, limits=', per_session = "0.05"')
    assert [world.buyer.buy(URL).status for _ in range(2)] == ["delivered", "refused"]
    again = world.restarted(limits=', per_session = "0.05"')
    assert [again.buy(URL).status for _ in range(2)] == ["delivered", "refused"]
    named = [world.restarted("nightly", limits=', per_session = "0.05"') for _ in range(2)]
    assert [buyer.buy(URL).status for buyer in named] == ["delivered", "refused"]


def test_holds_of_an_older_version_go_on_counting(tmp_path: Path) -> None:
    """A file without the columns that name session and host."""
    world = World(tmp_path)
    world.buyer.buy(URL)
    world.buyer.close()
    with closing(sqlite3.connect(tmp_path / "agent.db")) as file:
        file.execute("ALTER TABLE holds DROP COLUMN session")
        file.execute("ALTER TABLE holds DROP COLUMN host")
        file.commit()
    world.buyer = world.restarted()
    assert day(world) == 50_000
    assert world.buyer.buy(URL).status == "delivered"


def test_a12_a_crash_while_reserved_holds_the_money_until_the_authorization_is_dead(tmp_path: Path) -> None:
    world = World(tmp_path, per_task="0.05")

    def crash(domain: object, transfer: object) -> bytes:
        raise WalletError("the machine lost power")

    world.signer.sign_transfer = crash  # type: ignore[method-assign]
    with pytest.raises(WalletError):
        world.buyer.buy(URL)
    world.buyer = world.restarted(per_task="0.05")
    assert world.buyer.buy(URL).rule == "limits.per_task"
    assert [outcome.status for outcome in world.buyer.resume()] == ["in_doubt"]
    assert day(world) == 50_000
    world.seller.clock.sleep(61)
    assert [outcome.status for outcome in world.buyer.resume()] == ["failed"]
    assert day(world) == 0


def test_a_payment_whose_answer_was_lost_stays_held_until_it_is_dead(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.seller.paid.extend(["402"] * 9)
    assert world.buyer.buy(URL).status == "in_doubt"
    assert day(world) == 50_000
    world.seller.clock.sleep(59)
    assert world.buyer.resume()[0].status == "in_doubt"
    assert day(world) == 50_000
    world.seller.clock.sleep(2)
    assert world.buyer.resume()[0].status == "failed"
    assert day(world) == 0


def test_g7_a_sellers_word_alone_releases_nothing(tmp_path: Path) -> None:
    """The seller says 402 "failed" and settles behind our back: the chain shows it, and the money counts as spent."""
    world = World(tmp_path)
    world.seller.paid.extend(["402"] * 99)
    world.buyer.buy(URL)
    (transfer,) = world.signer.signed
    world.seller.chain.move(transfer)
    world.seller.clock.sleep(600)
    (outcome,) = world.buyer.resume()
    assert outcome.status == "in_doubt"
    assert "the money has moved on chain" in outcome.detail
    assert day(world) == 50_000


def test_nothing_is_released_while_the_chain_cannot_be_asked(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.seller.paid.extend(["402"] * 99)
    world.buyer.buy(URL)
    world.seller.clock.sleep(600)
    world.seller.chain.down = True
    (outcome,) = world.buyer.resume()
    assert outcome.status == "in_doubt"
    assert day(world) == 50_000


def test_a_refund_gives_the_budget_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.seller.mode = "DELEGATE"
    world.seller.paid.append("undone")
    assert world.buyer.buy(URL).status == "refunded"
    assert day(world) == 0


def test_amounts_beyond_64_bits_are_held_exactly(tmp_path: Path) -> None:
    """A token of 18 decimals passes SQLite's integers at ten units."""
    world = World(tmp_path)
    now, big = world.seller.clock.now(), 10**30 + 1
    hold = Hold(
        purchase_id="pur_1",
        network=NETWORK,
        asset=TOKEN,
        amount=big,
        task="default",
        session="one",
        origin=ORIGIN,
        payer=world.signer.address,
        nonce="0x" + "01" * 32,
        valid_before=now,
    )
    with world.buyer.store.begin() as connection:
        reserve(connection, hold, [Budget("limits.per_task", big, "this task", column="task", value="default")], now)
    assert day(world) == big


def test_g5_a_transaction_keeps_other_writers_out_from_its_first_moment(tmp_path: Path) -> None:
    """Without this two processes could both read the sum before either has written its hold."""
    world = World(tmp_path)
    with (
        closing(sqlite3.connect(tmp_path / "agent.db", timeout=0)) as other,
        world.buyer.store.begin(),
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_a_hold_moves_only_along_its_table(tmp_path: Path) -> None:
    world = World(tmp_path)
    bought = world.buyer.buy(URL).purchase_id or ""
    with world.buyer.store.begin() as connection:
        assert not move(connection, bought, HoldState.POSSIBLE)
        assert move(connection, bought, HoldState.RELEASED)
        assert not move(connection, bought, HoldState.POSSIBLE)
        assert move(connection, bought, HoldState.SETTLED)
