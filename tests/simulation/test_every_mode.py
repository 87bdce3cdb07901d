"""What every mode of `MODES` must keep, so that a new one is tested by being listed: the real core, buyer and books."""

import asyncio
from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from agent.payments import MODES as AGENT_MODES
from agent.payments import mode_of
from protocol import schemes
from protocol.wire import PaymentRequirements
from scripts.accounts import account
from server.application import claim as claiming
from server.application import deliver
from server.domain import ledger
from server.domain.quotes import Quote, QuoteKeys
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments import MODES, mode_named
from server.services.access_pass import SERVICE as ACCESS_PASS
from server.services.launch_pass import SERVICE as LAUNCH_PASS
from server.services.service import Fulfilment, ServiceError
from tests.fakes.chain import DOLLAR
from tests.fakes.evm import CHAIN_ID
from tests.fakes.tokens import Token
from tests.simulation.world import RICH, open_world, service
from tests.stack.buyer import payment, read_header, sign, write_header

every_mode = pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.facts.name)
EURO = replace(DOLLAR, address="0x" + "71" * 20, name="Euro", symbol="EUR")
ELSEWHERE = CHAIN_ID + 1
STRANGER = account("stranger").address


def sold(mode, failing=False):
    """Something that is sold in the mode; a failing one is paid first, and then comes to nothing."""
    name = mode.facts.name
    if mode.facts.calls_contract:
        return replace(LAUNCH_PASS if failing else ACCESS_PASS, slug="sold", mode=name)
    if failing:
        return service("sold", _fail, mode=name, method="POST", fulfilment=Fulfilment.AFTER_SETTLEMENT)
    return service("sold", lambda *_: {"sold": True}, mode=name, method="POST")


def _fail(*_):
    raise ServiceError("it came to nothing")


@pytest.fixture
async def world(mode):
    """A marketplace on two networks that takes two tokens, and sells something in the mode."""
    async with open_world(sold(mode), assets=(DOLLAR, EURO), chain_ids=(CHAIN_ID, ELSEWHERE)) as opened:
        opened.chain.deploy(Token(EURO.address, EURO.name, EURO.version).contract())
        opened.chain.give(opened.buyer.account.address, RICH, EURO.address)
        yield opened


async def ask(world):
    return await world.buyer.ask(world.url("sold"), "POST", {})


async def present_it(world, quoted, header):
    async with world.workers():
        return await world.buyer.present(quoted, header)


async def held_by(world, address):
    return await world.chain.token_balance(world.paddock.market.asset.address, address)


# --------------------------------------------------------------------------------------------------- an honest purchase


@every_mode
async def test_a_purchase_is_delivered_and_its_books_are_what_the_chain_says(world, mode):
    before = await held_by(world, world.buyer.account.address)
    quoted = await ask(world)
    answer = await present_it(world, quoted, world.buyer.pay(quoted))
    assert answer.status_code == 200, answer.text
    order, price = await world.order(quoted.id), int(quoted.entry["amount"])
    assert (order.payment, order.fulfilment) == (PaymentState.SETTLED, FulfilmentState.RELEASED)
    assert quoted.entry["extra"]["mode"] == order.terms.mode.name == mode.facts.name
    assert quoted.entry["payTo"] == mode.pay_to(world.paddock.market, world.paddock.merchants["paddock"])
    assert (quoted.entry["payTo"] == world.paddock.market.delegate) is mode.facts.held
    books = await balances(world, quoted.id)
    (end,) = (name for name, amount in books.items() if amount == price)
    assert books == {ledger.payer(order): -price, end: price} | dict.fromkeys(
        set(books) - {ledger.payer(order), end}, 0
    )
    assert end.startswith("callback:") is mode.facts.calls_contract
    assert await held_by(world, world.buyer.account.address) == before - price
    assert await held_by(world, quoted.entry["payTo"]) == (0 if mode.facts.calls_contract else price)
    await world.assert_invariants()


@every_mode
async def test_what_was_paid_for_and_came_to_nothing_goes_back_and_the_books_balance(mode):
    async with open_world(sold(mode, failing=True)) as world:
        if mode.facts.calls_contract:  # the first buyer gets the only one that there is
            first = await ask(world)
            assert (await present_it(world, first, world.buyer.pay(first))).status_code == 200
        before = await held_by(world, world.buyer.account.address)
        quoted = await ask(world)
        answer = await present_it(world, quoted, world.buyer.pay(quoted))
        assert answer.status_code in (202, 502), answer.text
        await world.work(60)
        order = await world.order(quoted.id)
        assert (order.fulfilment, order.money_back) == (FulfilmentState.FAILED, MoneyBackState.REFUNDED)
        assert await held_by(world, world.buyer.account.address) == before
        assert (await balances(world, quoted.id))[ledger.payer(order)] == 0


@every_mode
async def test_books_that_name_another_account_are_noticed(world, mode, monkeypatch):
    monkeypatch.setattr(deliver, "receiver", lambda order: "merchant:nobody")
    quoted = await ask(world)
    assert (await present_it(world, quoted, world.buyer.pay(quoted))).status_code == 200
    with pytest.raises(AssertionError, match="G4"):
        await world.assert_invariants()
    world.lawful = False


async def balances(world, order_id):
    """Account to what the ledger says that the order moved to it, in atomic units; all of them sum up to nothing."""
    moved = Counter()
    async with world.db.read() as view:
        rows = ledger.standing(await view.ledger.of(order_id))
    for row in rows:
        moved[row.debit] += row.amount
        moved[row.credit] -= row.amount
    assert sum(moved.values()) == 0
    return dict(moved)


# ------------------------------------------------------------------------------------------------------- wrong payments


def signed_for(**domain):
    """The terms echoed as they were quoted, and a signature for another token or network."""

    def wrong(world, quoted):
        paid = read_header(world.buyer.pay(quoted))
        signature = sign(world.buyer.account, quoted.entry | domain, paid["payload"]["authorization"])
        return paid | {"payload": paid["payload"] | {"signature": signature}}

    return wrong


def with_fields(**fields):
    """The terms echoed as they were quoted, and an authorization of other fields, signed as it is."""

    def wrong(world, quoted):
        made = {name: value(world, quoted) for name, value in fields.items()}
        return read_header(world.buyer.pay(quoted, **made))

    return wrong


def with_terms(**terms):
    """Other terms than were quoted, and an authorization that pays exactly these."""

    def wrong(world, quoted):
        entry = quoted.entry | terms
        entry["extra"] = quoted.entry["extra"] | terms.get("extra", {})
        until = str(int(world.clock.now().timestamp()) + entry["maxTimeoutSeconds"])
        return payment(world.buyer.account, entry, quoted.required["resource"], validBefore=until)

    return wrong


def later(world, quoted):
    """An honest payment, sent when its quote has expired."""
    until = str(int(world.clock.now().timestamp()) + 9_999)
    paid = read_header(world.buyer.pay(quoted, validBefore=until))
    world.clock.advance(sold(MODES[0]).quote_seconds + 60)
    return paid


def without_terms_check(monkeypatch):
    monkeypatch.setattr(schemes, "check_terms", lambda payment, requirements, now: None)


def without_signature_check(monkeypatch):
    monkeypatch.setattr(schemes, "check_signature", lambda payment: None)


def without_binding(monkeypatch):
    monkeypatch.setattr(QuoteKeys, "open", lambda keys, token, binding, now: keys.read(token.split(".")[1]))


def without_quotes_life(monkeypatch):
    monkeypatch.setattr(Quote, "require_fresh", lambda quote, now: None)


def less(world, quoted):
    return str(int(quoted.entry["amount"]) - 1)


def more(world, quoted):
    return str(int(quoted.entry["amount"]) + 1)


def soon(world, quoted):
    """A second less than what a payment must be good for."""
    return str(int(world.clock.now().timestamp()) + schemes.LEAST_VALIDITY - 1)


WRONG = {
    "amount below, signed": (with_fields(value=less), without_terms_check),
    "amount above, signed": (with_fields(value=more), without_terms_check),
    "amount in the terms": (with_terms(amount="1"), without_binding),
    "payee, signed": (with_fields(to=lambda world, quoted: STRANGER), without_terms_check),
    "payee in the terms": (with_terms(payTo=STRANGER), without_binding),
    "network, signed": (signed_for(network=f"eip155:{ELSEWHERE}"), without_signature_check),
    "network in the terms": (with_terms(network=f"eip155:{ELSEWHERE}"), without_binding),
    "asset, signed": (signed_for(asset=EURO.address), without_signature_check),
    "asset in the terms": (
        with_terms(asset=EURO.address, extra={"name": EURO.name, "version": EURO.version}),
        without_binding,
    ),
    "expiry, signed": (with_fields(validBefore=soon), without_terms_check),
    "expiry of the quote": (later, without_quotes_life),
}
every_wrong = pytest.mark.parametrize("wrong", WRONG)


@every_mode
@every_wrong
async def test_a_payment_that_is_not_what_was_quoted_is_refused_and_nothing_is_claimed(world, wrong):
    make, _guard = WRONG[wrong]
    quoted = await ask(world)
    answer = await present_it(world, quoted, write_header(make(world, quoted)))
    assert answer.status_code == 402
    assert read_header(answer.headers["payment-required"])["accepts"], "fresh terms come with the refusal"
    assert await world.orders() == []
    assert world.settlements() == 0
    assert await held_by(world, world.buyer.account.address) == RICH


@every_mode
@every_wrong
async def test_without_its_guard_each_of_these_would_be_claimed(world, monkeypatch, wrong):
    make, remove_guard = WRONG[wrong]
    remove_guard(monkeypatch)
    quoted = await ask(world)
    await present_it(world, quoted, write_header(make(world, quoted)))
    assert len(await world.orders()) == 1
    world.lawful = False


# -------------------------------------------------------------------------------------------------------------- replays


@every_mode
async def test_the_same_payment_again_gets_the_stored_answer_and_moves_no_money(world):
    quoted = await ask(world)
    header = world.buyer.pay(quoted)
    first = await present_it(world, quoted, header)
    again = [await present_it(world, quoted, header) for _ in range(2)]
    assert first.status_code == 200
    for answer in again:
        assert (answer.status_code, answer.content) == (200, first.content)
        assert answer.headers["idempotent-replayed"] == "true"
        assert answer.headers["payment-response"] == first.headers["payment-response"]
    assert (world.settlements(), len(await world.orders())) == (1, 1)


@every_mode
async def test_the_same_payment_sent_several_times_at_once_is_one_purchase(world):
    quoted = await ask(world)
    header = world.buyer.pay(quoted)
    async with world.workers():
        answers = await asyncio.gather(*(world.buyer.present(quoted, header) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert (world.settlements(), len(await world.orders())) == (1, 1)


@every_mode
async def test_another_payment_for_the_same_quote_is_refused(world):
    quoted = await ask(world)
    assert (await present_it(world, quoted, world.buyer.pay(quoted))).status_code == 200
    assert (await present_it(world, quoted, world.buyer.pay(quoted))).status_code == 409
    assert (world.settlements(), len(await world.orders())) == (1, 1)


@every_mode
async def test_without_the_look_for_an_earlier_claim_a_replay_would_not_get_the_answer(world, monkeypatch):
    quoted = await ask(world)
    header = world.buyer.pay(quoted)
    assert (await present_it(world, quoted, header)).status_code == 200

    async def nobody(paddock, presented):
        return None

    monkeypatch.setattr(claiming, "_known", nobody)
    assert (await present_it(world, quoted, header)).status_code == 402


@every_mode
async def test_without_the_comparison_with_the_claim_another_payment_would_get_the_answer(world, monkeypatch):
    monkeypatch.setattr(claiming, "_require_same", lambda order, presented, call: None)
    quoted = await ask(world)
    for header in (world.buyer.pay(quoted), world.buyer.pay(quoted)):
        assert (await present_it(world, quoted, header)).status_code == 200


# ------------------------------------------------------------------------------------------------------------ the buyer


def entry_of(quoted):
    return msgspec.convert(quoted.entry, PaymentRequirements)


@every_mode
async def test_the_bundled_agent_knows_it_under_the_same_name_and_facts(world, mode):
    entry = entry_of(await ask(world))
    known = mode_of(entry)
    assert known is not None
    assert known.name == mode.facts.name
    assert known.calls_contract is mode.facts.calls_contract
    assert known.to_merchant is not mode.facts.held
    assert [one.name for one in AGENT_MODES if one.offered_in(entry)] == [known.name], "one mode claims an entry"


def test_seller_and_agent_list_the_same_modes_each_once():
    names = [mode.facts.name for mode in MODES]
    assert sorted(names) == sorted({mode.name for mode in AGENT_MODES})
    assert len(set(names)) == len(names)
    assert [mode_named(name).facts.name for name in names] == names
    with pytest.raises(KeyError):
        mode_named("NONE")
