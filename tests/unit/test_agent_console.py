"""The buyer console: what its pages show, and what an answer on them does."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from agent import approvals, switch
from agent.approvals import ApprovalState
from agent.wallet import sign_digest
from tests.fakes.seller import ORIGIN, World, account
from tests.stack.console_visit import Visit, part

URL = f"{ORIGIN}/v1/echo?text=dear"
APPROVER = account("approver")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world whose seller asks for more than the agent may pay by itself."""
    world = World(tmp_path)
    world.seller.amount = 600_000
    return world


def ask(world: World) -> str:
    outcome = world.buyer.buy(URL)
    assert outcome.status == "waiting"
    return outcome.purchase_id or ""


def stored(world: World, question: str) -> approvals.Approval:
    with world.buyer.store.begin() as connection:
        return approvals.approval(connection, question)


async def test_the_overview_shows_wallet_budgets_switch_what_waits_and_decisions(world: World) -> None:
    world.seller.amount = 50_000
    world.buyer.buy(f"{ORIGIN}/v1/echo", task="research")
    world.seller.amount = 600_000
    waiting = ask(world)
    shown = await (await Visit(world).enter()).read("/")
    assert world.signer.address in shown
    assert 'aria-label="task research, limits.per_task">1 %' in shown
    assert "<strong>0.05</strong> of 20 used, 19.95 left" in shown
    assert "The agent may sign" in shown
    assert f'href="/approvals#{waiting}"' in shown
    assert shown.count('<td class="cell-verdict">') == 2


async def test_a_full_budget_is_a_full_bar(world: World) -> None:
    world.seller.amount = 50_000
    world.buyer.buy(f"{ORIGIN}/v1/echo", task="research")
    shown = await (await Visit(world, per_task="0.05").enter()).read("/")
    assert '<li class="full">' in shown
    assert "<strong>0.05</strong> of 0.05 used, 0 left" in shown


async def test_each_budget_of_the_policy_is_a_bar_of_its_own(world: World) -> None:
    world.seller.amount = 50_000
    world.buyer.buy(f"{ORIGIN}/v1/echo", task="research")
    limits = ', per_session = "3.00", per_domain = "10.00", in_all = "500.00"'
    shown = await (await Visit(world, limits=limits, more='per_day = "0.06"').enter()).read("/")
    for words in (
        "all purchases, in any 24 hours, limits.per_day",
        "all purchases, limits.in_all",
        "seller.test, in any 24 hours, limits.per_domain",
        f"{ORIGIN}, in any 24 hours, merchants[0].per_day",
        "task research, limits.per_task",
        f"session {world.buyer.session}, limits.per_session",
    ):
        assert shown.count(f'aria-label="{words}"') == 1, words
    assert shown.count('<li class="near">') == 1


async def test_a_question_shows_everything_that_the_signature_covers(world: World) -> None:
    question = ask(world)
    shown = part(await (await Visit(world).enter()).read("/approvals"), question)
    asked = stored(world, question)
    for value in msgspec.to_builtins(asked.terms).values():
        assert str(value) in shown
    assert "0x" + asked.terms.digest().hex() in shown
    assert "above what the agent may pay by itself" in shown
    assert f'data-until="{asked.expires_at.isoformat()}"' in shown
    assert "0:30:00" in shown


async def test_approving_once_signs_and_the_purchase_goes_on(world: World) -> None:
    question = ask(world)
    visit = await Visit(world, APPROVER).enter()
    assert (await visit.answer(question, "approve")).status_code == 303
    (outcome,) = world.buyer.resume(question)
    assert (outcome.status, outcome.rule) == ("delivered", "approval")
    assert question not in await visit.read("/approvals")


async def test_denying_needs_no_key_and_nothing_is_signed(world: World) -> None:
    question = ask(world)
    visit = await Visit(world).enter()
    assert (await visit.answer(question, "deny")).status_code == 303
    (outcome,) = world.buyer.resume(question)
    assert (outcome.status, outcome.rule, world.signer.signed) == ("refused", "approval.denied", [])


async def test_a_lapsed_question_cannot_be_answered_and_is_shown_last(world: World) -> None:
    old = ask(world)
    world.seller.clock.sleep(31 * 60)
    world.buyer.buy(f"{ORIGIN}/v1/echo?text=another")
    shown = await (await Visit(world, APPROVER).enter()).read("/approvals")
    assert shown.index('class="question"') < shown.index('class="question lapsed"')
    assert "/approve" not in part(shown, old)


async def test_the_browsers_wallet_signs_what_the_page_gives_it(world: World) -> None:
    """EIP-712 as a wallet computes it, from the JSON on the page alone."""
    question = ask(world)
    visit = await Visit(world).enter()
    asked = stored(world, question)
    typed = asked.terms.typed_data()
    signable = encode_typed_data(full_message=msgspec.json.decode(msgspec.json.encode(typed)))
    digest = keccak(b"\x19\x01" + signable.header + signable.body)
    assert digest == asked.terms.digest()
    signature = "0x" + sign_digest(APPROVER, digest).hex()
    assert (await visit.answer(question, "approve", signature=signature)).status_code == 303
    assert world.buyer.resume(question)[0].status == "delivered"


@pytest.mark.parametrize("signed", ["nothing", "garbage", "by a stranger", "by the agent", "other terms"])
async def test_a7_a_signature_that_is_not_the_approvers_over_these_terms_is_not_stored(
    world: World, signed: str
) -> None:
    question = ask(world)
    asked = stored(world, question)
    digest = asked.terms.digest()
    signature = {
        "nothing": "",
        "garbage": "0x" + "11" * 65,
        "by a stranger": "0x" + sign_digest(account("stranger"), digest).hex(),
        "by the agent": "0x" + sign_digest(account("buyer"), digest).hex(),
        "other terms": "0x" + sign_digest(APPROVER, keccak(b"other")).hex(),
    }[signed]
    visit = await Visit(world).enter()
    assert (await visit.answer(question, "approve", signature=signature)).status_code == 409
    assert stored(world, question).state is ApprovalState.PENDING


async def test_a6_an_answer_to_other_terms_than_those_on_the_page_is_refused(world: World) -> None:
    question = ask(world)
    visit = await Visit(world, APPROVER).enter()
    for how in ("approve", "deny"):
        assert (await visit.answer(question, how, digest="0x" + "00" * 32)).status_code == 409
    assert stored(world, question).state is ApprovalState.PENDING


async def test_a7_a_key_that_is_not_the_questions_approver_approves_nothing(world: World) -> None:
    question = ask(world)
    visit = await Visit(world, account("stranger")).enter()
    assert (await visit.answer(question, "approve")).status_code == 409
    assert stored(world, question).state is ApprovalState.PENDING


async def test_the_kill_switch_is_turned_on_and_off_with_its_reason(world: World) -> None:
    world.seller.amount = 50_000
    visit = await Visit(world).enter()
    assert (await visit.send("/stop", reason="<b>odd</b> prices")).status_code == 303
    assert world.buyer.buy(URL).rule == "switch.stopped"
    shown = await visit.read("/")
    assert "&lt;b&gt;odd&lt;/b&gt; prices" in shown
    assert (await visit.send("/start")).status_code == 303
    with world.buyer.store.begin() as connection:
        assert switch.stopped(connection) is None


async def test_decisions_are_filtered_by_state_rule_and_merchant(world: World) -> None:
    ask(world)
    world.seller.amount = 50_000
    world.buyer.buy(f"{ORIGIN}/v1/echo")
    world.buyer.buy("http://elsewhere.test/x")
    visit = await Visit(world).enter()
    for query, most in (
        ({}, 3),
        ({"state": "waiting"}, 1),
        ({"rule": "merchant.unknown"}, 1),
        ({"merchant": ORIGIN}, 2),
        ({"merchant": ORIGIN, "state": "refused"}, 0),
    ):
        answer = await visit.client.get("/decisions", params=query)
        assert answer.text.count('class="cell-verdict"') == most, query


async def test_a_purchase_is_shown_from_question_to_proof(world: World) -> None:
    question = ask(world)
    visit = await Visit(world, APPROVER).enter()
    await visit.answer(question, "approve")
    world.buyer.resume(question)
    shown = await visit.read(f"/purchases/{question}")
    told = [shown.index(f"<strong>{step}</strong>") for step in ("Asked for", "Put to a person", "Approved")]
    told += [shown.index(f"<strong>{step}</strong>") for step in ("Money set aside, and signed", "Delivered")]
    assert told == sorted(told)
    with world.buyer.store.begin() as connection:
        kept = next(iter(connection.exec_driver_sql("SELECT body_hash FROM receipts"))).body_hash
    assert kept in shown
    assert (await visit.client.get("/purchases/pur_none")).status_code == 404


async def test_what_is_wrong_with_a_receipt_is_said(world: World) -> None:
    world.seller.amount = 50_000
    world.seller.paid.append("garbage")
    bought = world.buyer.buy(f"{ORIGIN}/v1/echo")
    assert bought.proof == "mismatch"
    shown = await (await Visit(world).enter()).read(f"/purchases/{bought.purchase_id}")
    assert "receipt: bodyHash is 0x" in shown


async def test_receipts_are_listed_and_downloaded(world: World) -> None:
    world.seller.amount = 50_000
    bought = world.buyer.buy(f"{ORIGIN}/v1/echo")
    visit = await Visit(world).enter()
    assert bought.receipt_id in await visit.read("/receipts")
    (told,) = msgspec.json.decode(await visit.read("/receipts.json"))
    assert (told["receipt_id"], told["amount"]) == (bought.receipt_id, "50000")
    heads, line = (await visit.read("/receipts.csv")).splitlines()
    row = dict(zip(heads.split(","), line.split(","), strict=True))
    assert (row["receipt_id"], row["proof"], row["settlement"]) == (bought.receipt_id, "proven", bought.settlement)


async def test_no_cell_of_a_table_is_a_formula(world: World) -> None:
    world.seller.amount = 50_000
    world.buyer.buy(f"{ORIGIN}/v1/echo")
    with world.buyer.store.begin() as connection:
        connection.exec_driver_sql("UPDATE purchases SET order_id = '=HYPERLINK(1)'")
    shown = await (await Visit(world).enter()).read("/receipts.csv")
    assert ",'=HYPERLINK(1)," in shown


async def test_the_session_ends_when_nobody_uses_it_and_a_new_link_is_published(world: World) -> None:
    visit = await Visit(world).enter()
    world.seller.clock.sleep(timedelta(minutes=29).total_seconds())
    await visit.read("/")
    world.seller.clock.sleep(timedelta(minutes=29).total_seconds())
    live = await visit.client.get("/", headers={"Paddock-Live": "1"})
    assert live.status_code == 200
    world.seller.clock.sleep(timedelta(minutes=1).total_seconds())
    assert (await visit.client.get("/")).status_code == 401
    assert len(visit.links) == 2
    await visit.enter()
    await visit.read("/")
