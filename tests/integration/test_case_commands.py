"""`paddock cases …` and `paddock refund` as the operator runs them, on SQLite and a devnet."""

import asyncio
import json
import sys

import pytest

from server import cli
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.application.cases import open_case
from server.domain.cases import CaseKind, CaseState, Outcome
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from tests.fakes import samples
from tests.fakes.samples import NOW


class Shell:
    """Runs commands in this process, and looks at their database."""

    def __init__(self, url, monkeypatch, capture):
        self.url, self._patch, self._capture = url, monkeypatch, capture

    def run(self, *words):
        """(exit status, standard output, standard error)."""
        self._patch.setattr(sys, "argv", ["paddock", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        output, errors = self._capture.readouterr()
        return ended.value.code, output, errors

    def ask(self, question):
        """The answer of an async function of a unit of work."""

        async def asked():
            db = SqlDatabase(self.url, SystemClock())
            try:
                async with db.begin("test") as work:
                    return await question(work)
            finally:
                await db.close()

        return asyncio.run(asked())


@pytest.fixture
def shell(anvil, deployments, sqlite_url, monkeypatch, capsys):
    given = {
        "DEVNET": "1",
        "RPC_URL": anvil.url,
        "DEPLOYMENTS": str(deployments),
        "DATABASE_URL": sqlite_url,
    }
    for name, value in given.items():
        monkeypatch.setenv(f"PADDOCK_{name}", value)
    return Shell(sqlite_url, monkeypatch, capsys)


@pytest.fixture
def blocked(shell, market):
    """The id of an order whose refund is blocked, and the id of its case."""
    order = samples.order(
        mode=DELEGATE,
        asset=market.asset.address,
        payment=PaymentState.SETTLED,
        fulfilment=FulfilmentState.FAILED,
        money_back=MoneyBackState.BLOCKED,
        paid_at=NOW,
    )

    async def put(work):
        await work.orders.add(order)
        return (await open_case(work, CaseKind.REFUND_BLOCKED, order.id, "the token \x1b[31mrefuses")).id

    return order.id, shell.ask(put)


def test_a_blocked_refund_is_asked_for_again_by_hand_and_its_case_is_resolved(shell, blocked):
    order_id, case_id = blocked
    status, _, errors = shell.run("refund", order_id)
    assert (status, "--retry" in errors) == (2, True)
    assert shell.run("refund", order_id, "--retry")[0] == 0
    status, _, errors = shell.run("refund", order_id, "--retry")
    assert (status, "on its way" in errors) == (2, True)

    async def look(work):
        jobs = await work.outbox.take(SystemClock().now(), SystemClock().now(), 9)
        return await work.orders.get(order_id), await work.cases.get(case_id), {job.topic for job in jobs}

    order, case, topics = shell.ask(look)
    assert (order.money_back, case.state, case.outcome) == (MoneyBackState.DUE, CaseState.RESOLVED, Outcome.REFUND)
    assert topics == {"refund", "follow"}


def test_cases_are_listed_shown_and_resolved(shell, blocked):
    order_id, case_id = blocked
    status, output, _ = shell.run("cases", "list")
    assert status == 0
    assert case_id in output
    assert order_id in output
    assert "\x1b" not in output, "what others wrote does not command the terminal"
    shown = json.loads(shell.run("cases", "show", case_id)[1])
    assert (shown["id"], shown["evidence"]["quote"]["id"]) == (case_id, order_id)
    assert shown["timeline"][0]["what"] == "opened"
    resolving = ("cases", "resolve", case_id, "--outcome")
    status, _, errors = shell.run(*resolving, "redelivery", "--reason", "here it is")
    assert (status, "nothing to deliver" in errors) == (2, True)
    assert shell.run(*resolving, "rejection", "--reason", "paid by other means", "--note", "by bank")[0] == 0
    assert "no case is open" in shell.run("cases", "list")[1]
    assert case_id in shell.run("cases", "list", "--all")[1]
    assert shell.run("cases", "show", "case-nobody")[0] == 2
    assert shell.run("refund", "nobody")[0] == 2
