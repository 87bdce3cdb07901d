"""The scale test's own checks: they find a payment that was lost or doubled, and nothing in a run where all is well."""

from collections import Counter
from dataclasses import replace

import httpx
import pytest

from tests.scale.__main__ import soaking
from tests.scale.checks import (
    MIB,
    MINTED,
    NOBODY,
    TRANSFER,
    USED,
    Bought,
    Outcome,
    Sent,
    grown,
    wrong_nonces,
    wrong_passes,
    wrong_payments,
)
from tests.scale.cluster import Spent, spent_by
from tests.scale.load import Balancer, outcome_of
from tests.scale.plans import REPLICAS, plan

ANN, BOB, SHOP, WALLET = ("0x" + digit * 40 for digit in "abcd")
DELIVERED = Bought("one", "market-signal", ANN, "0x" + "01" * 32, 500, Outcome.DELIVERED)
REFUNDED = Bought("two", "launch-pass", BOB, "0x" + "02" * 32, 900, Outcome.REFUNDED)


def topic(address):
    return "0x" + address[2:].rjust(64, "0")


def log(number, *topics, amount=0):
    return {"blockNumber": hex(number), "logIndex": "0x0", "topics": list(topics), "data": hex(amount)}


def moved(number, sender, to, amount):
    return log(number, TRANSFER, topic(sender), topic(to), amount=amount)


def used(number, one):
    return log(number, USED, topic(one.payer), one.nonce)


def fine():
    """Both were funded and paid, and one got the money back."""
    return [
        moved(1, NOBODY, ANN, 10_000),
        moved(2, NOBODY, BOB, 10_000),
        used(3, DELIVERED),
        moved(4, ANN, SHOP, 500),
        used(5, REFUNDED),
        moved(6, BOB, WALLET, 900),
        log(7, USED, topic(WALLET), "0x" + "03" * 32),
        moved(8, WALLET, BOB, 900),
    ]


def test_nothing_is_wrong_where_each_payment_moved_once():
    assert wrong_payments([DELIVERED, REFUNDED], fine()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda logs: [*logs, moved(9, ANN, SHOP, 500)], "paid 500 2 times, not 1"),
        (lambda logs: [*logs, used(9, DELIVERED), moved(10, ANN, SHOP, 500)], "its nonce was used 2 times"),
        (lambda logs: logs[:2] + logs[4:], "one is delivered and its nonce was used 0 times"),
        (lambda logs: [*logs[:3], moved(4, ANN, SHOP, 499), *logs[4:]], "is not of 500 by its payer"),
        (lambda logs: [*logs[:3], moved(4, BOB, SHOP, 500), *logs[4:]], "is not of 500 by its payer"),
        (lambda logs: logs[:3], "is not of 500 by its payer"),
        (lambda logs: logs[:6], "got back 900 0 times, not 1"),
        (lambda logs: [*logs, moved(9, WALLET, BOB, 900)], "got back 900 2 times, not 1"),
        (lambda logs: [*logs, moved(9, WALLET, ANN, 500)], "got back 500 1 times, not 0"),
    ],
    ids=[
        "paid twice",
        "settled twice",
        "unpaid",
        "short",
        "another's",
        "no Transfer",
        "no refund",
        "refunded twice",
        "both",
    ],
)
def test_a_payment_that_was_lost_or_doubled_is_found(change, words):
    assert any(words in one for one in wrong_payments([DELIVERED, REFUNDED], change(fine())))


def test_an_answer_that_never_came_is_found_and_a_refusal_may_have_cost_nothing():
    never = replace(DELIVERED, outcome=Outcome.NEVER)
    assert "never answered" in wrong_payments([never, REFUNDED], fine())[0]
    refused = replace(DELIVERED, outcome=Outcome.REFUSED)
    assert wrong_payments([refused, REFUNDED], fine()[:2] + fine()[4:]) == []
    assert "one is refused and its nonce was used 1 times" in wrong_payments([refused, REFUNDED], fine())


def minted(order, payer):
    return log(1, MINTED, "0x" + order * 32, topic(payer))


def test_a_pass_that_was_minted_twice_or_not_at_all_is_found():
    bought = [replace(DELIVERED, service="access-pass"), replace(REFUNDED, service="access-pass")]
    one = minted("0a", ANN)
    assert wrong_passes(bought, {"access-pass": [one]}) == []
    assert wrong_passes(bought, {"access-pass": []}) == [f"{ANN} got 0 of access-pass, and 1 were delivered"]
    twice = wrong_passes(bought, {"access-pass": [one, one]})
    assert len(twice) == 2
    assert "minted 2 of access-pass" in twice[1]
    assert wrong_passes(bought, {"access-pass": [one, minted("0b", BOB)]}) == [
        f"{BOB} got 1 of access-pass, and 0 were delivered"
    ]


SENT = [Sent("key", nonce, "succeeded") for nonce in (4, 5, 6)]


@pytest.mark.parametrize(
    ("sent", "count", "words"),
    [
        (SENT[:2], 7, "7 transactions on chain, and the last stored nonce is 5"),
        ([SENT[0], SENT[2]], 7, "gaps or come twice"),
        ([*SENT, SENT[2]], 7, "gaps or come twice"),
        ([*SENT[:2], Sent("key", 6, "lost")], 7, "nonce 6 is lost"),
        ([], 0, "key sent nothing"),
    ],
)
def test_a_collision_of_nonces_and_an_idle_key_are_found(sent, count, words):
    assert wrong_nonces(["key"], SENT, {"key": 7}) == []
    assert any(words in one for one in wrong_nonces(["key"], sent, {"key": count}))


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_kills_each_kind_in_each_round_and_never_two_at_once(seed):
    made = plan(seed, 300, 20, rounds=2)
    assert made == plan(seed, 300, 20, rounds=2)
    assert made.purchases == 300
    assert [{kill.kind for kill in made.kills[begin : begin + 3]} for begin in (0, 3)] == [set(REPLICAS)] * 2
    moments = [moment for kill in made.kills for moment in (kill.at, kill.back)]
    assert moments == sorted(set(moments))
    assert 0 < moments[0] < moments[-1] < 300
    assert all(1 <= kill.index <= REPLICAS[kill.kind] for kill in made.kills)


def test_seeds_differ_and_too_few_purchases_are_refused():
    assert len({plan(seed, 300, 20).kills for seed in range(10)}) > 5
    with pytest.raises(ValueError, match="too few"):
        plan(1, 10, 5)


def test_what_an_answer_means():
    assert outcome_of(200, "market-signal") is Outcome.DELIVERED
    assert outcome_of(402, "market-signal") is Outcome.REFUSED
    assert outcome_of(502, "launch-pass") is Outcome.REFUNDED
    for status, service in ((502, "market-signal"), (500, "launch-pass"), (404, "launch-pass")):
        with pytest.raises(AssertionError, match=str(status)):
            outcome_of(status, service)


def test_a_process_that_keeps_something_of_every_request_is_found():
    calm = [{"server 1": 200 * MIB, "server 2": 200 * MIB}, {"server 1": 230 * MIB, "server 2": 190 * MIB}]
    assert grown(calm, []) == []
    fat = [*calm, {"server 1": 200 * MIB, "server 2": 250 * MIB}]
    assert grown(fat, []) == ["server 2 held 200 MiB, and later 250"]
    assert grown(fat, ["server 2"]) == []
    assert grown([*calm, {"server 1": 260 * MIB}], []) == ["server 1 held 200 MiB, and later 260"]


def test_memory_and_time_are_summed_over_a_containers_processes():
    line = "7 (a name) with) S 1 7 7 0 -1 4 9 9 9 9 {} {} 0 0 20 0 1 0 99 5555 {} 18446744073709551615 1"
    assert spent_by("\n".join([line.format(150, 50, 100), line.format(10, 5, 50), ""])) == Spent(150 * 4096, 2.15)


async def test_the_balancer_goes_round_and_passes_over_a_server_that_is_away():
    seen = []

    def answer(request):
        seen.append((request.url.port, request.headers["host"], request.content))
        if request.url.port == 2:
            raise httpx.ConnectError("away", request=request)
        return httpx.Response(200)

    balancer = Balancer(lambda: [1, 2, 3], httpx.MockTransport(answer))
    async with httpx.AsyncClient(transport=balancer) as client:
        for _ in range(4):
            assert (await client.post("http://market:8402/v1/x", content=b"{}")).status_code == 200
    assert [port for port, *_ in seen] == [2, 3, 1, 2, 3, 1]
    assert {one[1:] for one in seen} == {("market:8402", b"{}")}
    assert balancer.answers == {0: 2, 2: 2}


@pytest.mark.parametrize(("rate", "minutes", "kills"), [(1.6, 5, 3), (2.0, 30, 30), (0.2, 30, 30), (0.1, 1, 3)])
def test_a_soak_lasts_its_minutes_and_about_every_minute_one_dies(rate, minutes, kills):
    first = plan(1, 300, 20)
    soak = soaking(first, rate, minutes)
    assert soak.purchases == max(int(rate * 60 * minutes), 32)
    assert len(soak.kills) == kills
    assert soak.seed != first.seed
    assert len(soak.in_turn) == soak.purchases
    assert Counter(soak.in_turn) == Counter(service for wishes in soak.wishes for service in wishes)
    assert soak.in_turn[:20] == [wishes[0] for wishes in soak.wishes]
