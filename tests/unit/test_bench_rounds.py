"""A bench's rounds, its choice of figures and cores, and what it refuses to count."""

import argparse
import asyncio
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from scripts.bench import __main__ as command
from scripts.bench import buyer, environment, full_call, machine, rounds, terms_rate
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Figure, Market, Side
from scripts.bench.results import Goal

TOKEN, MERCHANT = "0x" + "aa" * 20, "0x" + "bb" * 20
MARKET = Market("http://127.0.0.1:1", "eip155:31337", TOKEN, "USDC", "2", 5000, MERCHANT, TOKEN)
PADDOCK = Side("paddock", "Paddock", 1, (11, 12), MARKET, quotes=True, receipts=True)
SDK = Side("python-sdk", "Python SDK", 2, (21,), MARKET, quotes=False, receipts=False)
OTHER = Side("hono", "Hono", 3, (31,), MARKET, quotes=False, receipts=False)


def figure(measure, *without, others=None, **limits):
    does = dict.fromkeys({"paddock", "python-sdk", "hono", *(others or {})} - set(without), "sells")
    return Figure("P1", "402s", "per second", Goal("", ()), does, measure, others or {}, **limits)


@pytest.fixture
def stopped(monkeypatch):
    """Which processes stood still, measurement by measurement; none of them exists."""
    seen = []

    @contextmanager
    def standing_still(pids):
        seen.append(set(pids))
        yield

    monkeypatch.setattr(rounds, "standing_still", standing_still)
    return seen


def test_every_round_has_every_side_once_and_begins_with_another_one():
    names = [side.name for side in rounds.order((PADDOCK, SDK, OTHER), 4)]
    assert names == ["paddock", "python-sdk", "hono", "python-sdk", "hono", "paddock",
                     "hono", "paddock", "python-sdk", "paddock", "python-sdk", "hono"]  # fmt: skip


def test_values_go_to_the_side_that_they_were_measured_on(stopped):
    given = iter([10.0, 1.0, 2.0, 20.0])
    told = []

    async def measure(side):
        return next(given)

    found = rounds.measure(figure(measure), (PADDOCK, SDK), 2, lambda side, value: told.append((side.name, value)))
    assert found.values == {"paddock": [10.0, 20.0], "python-sdk": [1.0, 2.0]}
    assert told == [("paddock", 10.0), ("python-sdk", 1.0), ("python-sdk", 2.0), ("paddock", 20.0)]


def test_all_other_sides_stand_still_while_one_is_measured(stopped):
    async def measure(side):
        return 1.0

    rounds.measure(figure(measure), (PADDOCK, SDK, OTHER), 1, lambda side, value: None)
    assert stopped == [{21, 31}, {11, 12, 31}, {11, 12, 21}]


def test_who_has_no_part_in_a_figure_stands_still_all_the_time(stopped):
    async def measure(side):
        return 1.0

    found = rounds.measure(figure(measure, "hono"), (PADDOCK, SDK, OTHER), 1, lambda side, value: None)
    assert set(found.values) == {"paddock", "python-sdk"}
    assert stopped == [{21, 31}, {11, 12, 31}]


def test_another_way_on_paddocks_ground_is_a_side_that_paddocks_processes_serve(stopped):
    seen = []

    async def measure(side):
        seen.append((side.name, side.title, side.port, side.pids))
        return float(len(seen))

    alone = figure(measure, "python-sdk", "hono", others={"alone": "one alone"})
    found = rounds.measure(alone, (PADDOCK, SDK), 1, lambda side, value: None)
    assert found.values == {"paddock": [1.0], "alone": [2.0]}
    assert seen == [("paddock", "Paddock", 1, (11, 12)), ("alone", "one alone", 1, (11, 12))]
    assert stopped == [{21}, {21}], "nothing that is measured stands still"


@pytest.mark.parametrize("limits", [{"seconds": 0}, {"part": 0}], ids=["round", "figure"])
def test_a_side_that_does_not_come_to_an_end_is_given_up(stopped, limits):
    async def measure(side):
        await asyncio.Event().wait()

    with pytest.raises(BenchFailed, match="P1: Paddock took more than 0 s"):
        rounds.measure(figure(measure, **limits), (PADDOCK,), 1, lambda side, value: None)


def test_all_figures_end_within_the_runs_time():
    assert command.SET_UP + sum(one.part for one in command.USUAL) <= command.MOST_SECONDS
    alone = [one.part for one in command.FIGURES if one not in command.USUAL]
    assert all(command.SET_UP + part <= command.MOST_SECONDS for part in alone)
    assert all(one.seconds <= one.part for one in command.FIGURES)


def test_figures_of_one_ground_share_it_and_only_the_peers_that_take_part_are_up():
    def own(say, pinned):
        raise AssertionError("nothing is opened yet")

    def one(name, **given):
        return replace(figure(None, "hono"), id=name, **given)

    shared, *others = command.grounds([one("A"), one("B", ground=own), one("C"), one("D", ground=own)])
    assert shared[0].keywords == {"wanted": {"paddock", "python-sdk"}}
    assert [[one.id for one in figures] for _, figures in (shared, *others)] == [["A", "C"], ["B", "D"]]
    assert others[0][0] is own


def test_processes_go_on_whatever_happened_while_they_stood_still(monkeypatch):
    sent = []
    monkeypatch.setattr(machine.os, "kill", lambda pid, number: sent.append((pid, number.name)))
    with pytest.raises(BenchFailed), machine.standing_still([7, 8]):
        raise BenchFailed("no figure")
    assert sent == [(7, "SIGSTOP"), (8, "SIGSTOP"), (7, "SIGCONT"), (8, "SIGCONT")]


@pytest.mark.parametrize(("allowed", "wanted"), [({0, 1}, (0, 1)), ({5, 2, 3}, (2, 5)), ({4}, None)])
def test_two_different_cores_are_taken_of_those_that_are_ours(monkeypatch, allowed, wanted):
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda pid: allowed, raising=False)
    found = machine.cores()
    assert (found and (found.server, found.load)) == wanted


def test_a_port_that_another_process_holds_is_refused(monkeypatch):
    def listening(port, status="LISTEN"):
        return SimpleNamespace(status=status, laddr=SimpleNamespace(port=port))

    held = [listening(8402), listening(9000, "ESTABLISHED")]
    monkeypatch.setattr(machine.psutil, "Process", lambda pid: SimpleNamespace(net_connections=lambda kind: held))
    machine.require_holder(1, 8402)
    for port in (9000, 9001):
        with pytest.raises(BenchFailed, match=f"port {port} is not held"):
            machine.require_holder(1, port)


def test_the_processors_name_is_found():
    assert machine.cpu_name("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t: a b\n") == "Some CPU @ 2 GHz"
    assert machine.cpu_name("") == ""


def test_figures_are_chosen_by_their_ids():
    assert [one.id for one in command.chosen("p6, P1")] == ["P1", "P6"]
    assert [one.id for one in command.chosen("P6")] == ["P6"]
    with pytest.raises(argparse.ArgumentTypeError, match=r"there is M1, P1, .*P9, and no P99"):
        command.chosen("P1,P99")


def test_what_takes_very_long_is_measured_only_when_it_is_asked_for():
    assert "M1" not in [one.id for one in command.USUAL]
    assert [one.id for one in command.chosen("M1")] == ["M1"]


def test_a_number_that_is_no_figure_of_its_own_takes_all_with_that_number():
    assert [one.id for one in command.chosen("P10,P8")] == ["P8", "P10S", "P10T", "P10O", "P10C"]
    assert [one.id for one in command.chosen("P10O")] == ["P10O"]


@pytest.mark.parametrize("one", command.FIGURES, ids=lambda one: one.id)
def test_every_figure_says_what_each_side_does(one):
    assert "paddock" in one.does
    peers = {"python-sdk", "hono", "express"}
    own = {"few", "one", "forgetful", *peers} if one.ground else {*peers, *one.others}
    assert set(one.does) - {"paddock"} <= own
    assert set(one.others) | {limit.peer for limit in one.goal.limits} <= set(one.does), (
        "a goal is over who is measured"
    )


def test_the_peers_versions_are_those_that_are_pinned():
    assert environment.version("x402").startswith("2.25.")
    with pytest.raises(BenchFailed, match="does not pin left-pad"):
        environment.version("left-pad")
    assert environment.npm_version("@x402/hono") == environment.npm_version("@x402/core")
    with pytest.raises(BenchFailed, match="does not pin left-pad"):
        environment.npm_version("left-pad")


# ---------------------------------------------------------------------------------------- what counts, and the payment


def terms(**changes):
    extra = {"quote": "one", "name": "USDC", "version": "2"} | changes.pop("extra", {})
    entry = {"amount": "5000", "asset": TOKEN.upper().replace("0X", "0x"), "payTo": MERCHANT, "extra": extra, **changes}
    return {"accepts": [entry]}


def test_terms_count_when_they_are_for_this_sale_and_each_has_its_own_quote():
    assert terms_rate.check(PADDOCK, [terms(), terms(extra={"quote": "two"})]) is None
    assert terms_rate.check(SDK, [terms(extra={"quote": None})] * 2) is None


@pytest.mark.parametrize("changes", [{"amount": "4999"}, {"asset": MERCHANT}, {"payTo": TOKEN}])
def test_terms_for_another_sale_do_not_count(changes):
    with pytest.raises(BenchFailed, match="asks for something else"):
        terms_rate.check(SDK, [terms(), terms(**changes)])


@pytest.mark.parametrize("second", [terms(), terms(extra={"quote": None})], ids=["repeated", "missing"])
def test_a_side_that_claims_quotes_has_one_for_each_answer(second):
    with pytest.raises(BenchFailed, match="quotes"):
        terms_rate.check(PADDOCK, [terms(), second])


SETTLED = {"success": True, "transaction": "0x01", "extensions": {"offer-receipt": {}, "paddock-receipt": {}}}


def test_a_settled_call_counts():
    assert full_call.check(PADDOCK, SETTLED) is None
    assert full_call.check(SDK, SETTLED | {"extensions": None}) is None


@pytest.mark.parametrize(
    "changes", [{"success": False}, {"transaction": ""}, {"extensions": None}, {"extensions": {"offer-receipt": {}}}]
)
def test_a_call_without_settlement_or_receipts_does_not_count(changes):
    with pytest.raises(BenchFailed, match="answered without"):
        full_call.check(PADDOCK, SETTLED | changes)


@pytest.mark.parametrize("moved", [0, 27, 29])
async def test_a_round_does_not_count_unless_every_payment_moved_its_money(monkeypatch, moved):
    balances = iter([1_000_000, 1_000_000 + moved * 5000])

    async def opened(port):
        return SimpleNamespace(close=lambda: None)

    async def call(side, caller):
        return 0.01

    monkeypatch.setattr(full_call, "balance", lambda rpc, asset, address: next(balances))
    monkeypatch.setattr(full_call, "call", call)
    monkeypatch.setattr(full_call.Caller, "open", opened)
    with pytest.raises(BenchFailed, match=f"28 payments, and {moved * 5000} atomic units moved"):
        await full_call.measure(PADDOCK)


async def test_a_rounds_value_is_the_median_in_milliseconds_without_the_first_calls(monkeypatch):
    side = replace(PADDOCK, market=replace(MARKET, amount=1))
    balances, took = iter([0, 28]), iter([9.0] * 3 + [0.010] * 13 + [0.020] * 12)

    async def opened(port):
        return SimpleNamespace(close=lambda: None)

    async def call(side, caller):
        return next(took)

    monkeypatch.setattr(full_call, "balance", lambda rpc, asset, address: next(balances))
    monkeypatch.setattr(full_call, "call", call)
    monkeypatch.setattr(full_call.Caller, "open", opened)
    assert await full_call.measure(side) == pytest.approx(10.0)


def test_the_payment_is_signed_by_the_payer_over_what_the_terms_ask():
    payer = Account.create()
    entry = {
        "scheme": "exact", "network": "eip155:31337", "amount": "5000", "asset": TOKEN, "payTo": MERCHANT,
        "maxTimeoutSeconds": 120, "extra": {"name": "USDC", "version": "2", "quote": "q"},
    }  # fmt: skip
    header = buyer.payment(payer, {"accepts": [entry], "resource": {"url": "u"}})
    sent = buyer.json.loads(buyer.base64.b64decode(header))
    assert (sent["x402Version"], sent["accepted"], sent["resource"]) == (2, entry, {"url": "u"})
    fields = sent["payload"]["authorization"]
    assert (fields["from"], fields["to"], fields["value"]) == (payer.address, MERCHANT, "5000")
    domain = {"name": "USDC", "version": "2", "chainId": 31337, "verifyingContract": TOKEN}
    numbers = {name: int(fields[name]) for name in ("value", "validAfter", "validBefore")}
    signable = encode_typed_data(domain, buyer._TYPES, fields | numbers)
    assert Account.recover_message(signable, signature=sent["payload"]["signature"]) == payer.address
