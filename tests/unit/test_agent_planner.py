"""Jobs: rivals compared by price and standing, answers used in later steps, and where a job ends."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from agent import Buyer, Settings
from agent.jobs import Job, JobError, Step, checked, filled
from agent.planner import Done, Planner
from protocol.wire import PaymentRequirements
from tests.fakes.buyer_chain import RPC
from tests.fakes.seller import FakeSeller, World, account, policy

LOOKUP, REPORT = "wallet lookup", "risk report"


@dataclass
class Rival(FakeSeller):
    """A seller of one service at an origin of its own, with a standing of checked reviews."""

    origin: str = ""
    sells: str = LOOKUP
    reviews: int = 0
    rating: int = 0

    def entry(self, path: str = "/v1/echo") -> PaymentRequirements:
        entry = super().entry(path)
        return msgspec.structs.replace(entry, extra=entry.extra | {"statusUrl": f"{self.origin}/api/orders/x"})

    def _listing(self, path: str) -> httpx.Response:
        how = {"type": "http", "method": "GET", "queryParams": {}}
        standing = {"paddock-reputation": {"reviews": self.reviews, "rating": self.rating}} if self.reviews else {}
        item = {
            "resource": f"{self.origin}/v1/{self.sells.split()[0]}",
            "accepts": [msgspec.to_builtins(self.entry())],
            "extensions": {"bazaar": {"info": {"input": how}}} | standing,
        }
        return httpx.Response(200, json={"resources": [item]})


class Town:
    """Rivals on one chain, and a buyer who may buy from all of them."""

    def __init__(self, home: Path, *rivals: Rival, **rules: str) -> None:
        self.world = World(home)
        self.rivals = {httpx.URL(one.origin).host: one for one in rivals}
        merchants = "\n".join(
            f'[[merchants]]\norigin = "{one.origin}"\nroutes = ["/v1/*"]\ninside = true' for one in rivals
        )
        for one in rivals:
            one.chain, one.clock = self.world.seller.chain, self.world.seller.clock
        settings = Settings(home=home, rpc=RPC, policy_text=policy(**{"more": merchants} | rules), finality="latest")
        transport = httpx.MockTransport(self._handle)
        self.buyer = Buyer(settings, signer=self.world.signer, clock=self.world.seller.clock, transport=transport)
        self.planner = Planner(self.buyer)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "rpc.test":
            return self.world.seller.handle(request)
        if request.url.host not in self.rivals:
            raise httpx.ConnectError("nobody is there", request=request)
        rival = self.rivals[request.url.host]
        query = request.url.params.get("query", rival.sells)
        if request.url.path.startswith("/discovery/") and query != rival.sells:
            return httpx.Response(200, json={"resources": []})
        return rival.handle(request)

    def paid(self) -> dict[str, int]:
        """How many payments each rival got."""
        return {host: len(rival.payments) for host, rival in self.rivals.items() if rival.payments}

    def run(self, job: Job) -> list[Done]:
        return list(self.planner.run(job))


def rivals(*prices: int, sells: str = LOOKUP, **values: Any) -> list[Rival]:
    """Sellers of the same, at these prices."""
    return [
        Rival(origin=f"http://{sells.split()[0]}-{n}.test", amount=one, sells=sells, **values)
        for n, one in enumerate(prices)
    ]


def job(*steps: Step, budget: str = "1.00") -> Job:
    origins = [f"http://{name}-{n}.test" for name in ("wallet", "risk") for n in range(3)]
    return checked(Job(task="job", budget=budget, steps=steps, sellers=tuple(origins)))


WALLET = Step(id="wallet", want=LOOKUP, input={"owner": "0xabc"})
RISK = Step(id="risk", want=REPORT, input={"address": "{wallet.contracts[1]}", "note": "of {wallet.owner}"})


def test_of_three_rivals_the_cheapest_is_bought_and_its_answer_used_in_the_next_paid_step(tmp_path: Path) -> None:
    town = Town(tmp_path, *rivals(50_000, 30_000, 40_000), *rivals(90_000, 70_000, 80_000, sells=REPORT))
    town.rivals["wallet-1.test"].body = b'{"owner":"me","contracts":["0x1","0x2"]}'
    found = town.run(job(WALLET, RISK))
    assert [done.status for done in found] == ["delivered", "delivered"]
    assert town.paid() == {"wallet-1.test": 1, "risk-1.test": 1}
    asked = [one.url.params for one in town.rivals["risk-1.test"].requests if one.url.path.startswith("/v1/")]
    assert dict(asked[-1]) == {"address": "0x2", "note": "of me"}
    assert town.world.seller.chain.balances[account("buyer").address] == 100_000_000 - 100_000


def test_a_better_standing_is_worth_a_higher_price_and_a_bad_one_is_not_bought_for_a_low(tmp_path: Path) -> None:
    cheap, good, dear = rivals(30_000, 40_000, 90_000)
    cheap.reviews, cheap.rating = 50, 10
    good.reviews, good.rating = 50, 95
    dear.reviews, dear.rating = 50, 100
    town = Town(tmp_path, cheap, good, dear)
    assert [done.status for done in town.run(job(WALLET))] == ["delivered"]
    assert town.paid() == {"wallet-1.test": 1}


def test_a_rival_that_raises_its_price_at_the_till_loses_the_sale_to_the_next(tmp_path: Path) -> None:
    town = Town(tmp_path, *rivals(30_000, 40_000, 50_000))
    greedy = town.rivals["wallet-0.test"]
    greedy.alter = lambda entry: msgspec.structs.replace(entry, amount="35000")
    assert [done.status for done in town.run(job(WALLET))] == ["delivered"]
    assert town.paid() == {"wallet-1.test": 1}
    assert len(town.world.signer.signed) == 1


def test_the_last_optional_step_is_left_out_where_the_budget_is_too_small(tmp_path: Path) -> None:
    town = Town(tmp_path, *rivals(30_000), *rivals(70_000, sells=REPORT))
    steps = (WALLET, Step(id="risk", want=REPORT, optional=True), Step(id="more", want=LOOKUP, optional=True))
    found = town.run(job(*steps, budget="0.10"))
    assert [(done.step.id, done.status) for done in found] == [
        ("wallet", "delivered"),
        ("risk", "delivered"),
        ("more", "skipped"),
    ]
    assert town.planner.spent(job(*steps)) == 100_000 * 10**30


def test_what_the_policy_forbids_is_not_planned(tmp_path: Path) -> None:
    town = Town(tmp_path, *rivals(30_000, 40_000, 50_000), per_call="0.045")
    (planned,) = town.planner.plan(job(WALLET))
    assert [one.terms.amount for one in planned.offers] == [30_000, 40_000]


def test_a_job_that_does_not_fit_its_budget_buys_nothing(tmp_path: Path) -> None:
    town = Town(tmp_path, *rivals(30_000), *rivals(70_000, sells=REPORT))
    with pytest.raises(JobError, match="more than the job's budget"):
        town.run(job(WALLET, RISK, budget="0.09"))
    assert town.world.signer.signed == []


def test_prices_that_rise_meanwhile_stop_the_job_at_its_budget(tmp_path: Path) -> None:
    """The plan fits; after the first purchase a foreign hold of the same task has used the rest."""
    town = Town(tmp_path, *rivals(30_000), *rivals(70_000, sells=REPORT))
    town.rivals["wallet-0.test"].body = b'{"owner":"me","contracts":["0x1","0x2"]}'
    running = town.planner.run(job(WALLET, RISK, budget="0.10"))
    assert next(running).status == "delivered"
    assert town.buyer.buy("http://wallet-0.test/v1/wallet?other=1", task="job").status == "delivered"
    last = next(running)
    assert (last.status, "job.budget" in last.detail) == ("refused", True)
    assert list(running) == []
    assert town.paid() == {"wallet-0.test": 2}


def test_the_kill_switch_stops_a_running_job_before_the_next_signature(tmp_path: Path) -> None:
    town = Town(tmp_path, *rivals(30_000), *rivals(70_000, 80_000, sells=REPORT))
    town.rivals["wallet-0.test"].body = b'{"owner":"me","contracts":["0x1","0x2"]}'
    running = town.planner.run(job(WALLET, RISK))
    assert next(running).status == "delivered"
    town.buyer.stop("enough")
    last = next(running)
    assert (last.status, last.detail.partition(":")[0]) == ("refused", "switch.stopped")
    assert list(running) == []
    assert len(town.world.signer.signed) == 1


def test_a_job_that_waits_for_a_person_goes_on_later_without_buying_anything_twice(tmp_path: Path) -> None:
    town = Town(tmp_path, *rivals(30_000), *rivals(70_000, sells=REPORT), above="0.05")
    town.rivals["wallet-0.test"].body = b'{"owner":"me","contracts":["0x1","0x2"]}'
    found = town.run(job(WALLET, RISK))
    assert [done.status for done in found] == ["delivered", "waiting"]
    again = town.run(job(WALLET, RISK))
    assert [done.status for done in again] == ["kept", "waiting"]
    assert again[0].answer == found[0].answer
    assert len(town.world.signer.signed) == 1


def test_a_job_that_has_spent_its_budget_can_be_looked_at_again(tmp_path: Path) -> None:
    town = Town(tmp_path, *rivals(30_000), *rivals(70_000, sells=REPORT), per_task="0.10")
    town.rivals["wallet-0.test"].body = b'{"owner":"me","contracts":["0x1","0x2"]}'
    first = town.run(job(WALLET, RISK, budget="0.10"))
    again = town.run(job(WALLET, RISK, budget="0.10"))
    assert [done.status for done in again] == ["kept", "kept"]
    assert [done.answer for done in again] == [done.answer for done in first]
    assert len(town.world.signer.signed) == 2


def test_a_step_that_takes_what_an_answer_does_not_have_fails_and_an_optional_one_is_passed_over(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path, *rivals(30_000), *rivals(70_000, sells=REPORT))
    found = town.run(job(WALLET, RISK, Step(id="last", want=LOOKUP)))
    assert [done.status for done in found] == ["delivered", "failed"]
    assert "no such place" in found[1].detail
    optional = msgspec.structs.replace(RISK, optional=True)
    found = town.run(job(WALLET, optional, Step(id="last", want=LOOKUP)))
    assert [done.status for done in found] == ["kept", "failed", "delivered"]


def test_what_nobody_offers_is_left_out_or_ends_the_job_before_it_begins(tmp_path: Path) -> None:
    town = Town(tmp_path, *rivals(30_000))
    missing = Step(id="risk", want=REPORT, optional=True)
    after = Step(id="after", want=LOOKUP, input={"x": "{risk}"}, optional=True)
    assert [done.status for done in town.run(job(WALLET, missing, after))] == ["delivered", "skipped", "skipped"]
    with pytest.raises(JobError, match="no offer"):
        town.planner.plan(job(WALLET, RISK))
    with pytest.raises(JobError, match="no offer"):
        town.planner.plan(job(msgspec.structs.replace(WALLET, input={}, most="0.02")))


@pytest.mark.parametrize(
    ("steps", "budget", "words"),
    [
        ((), "1", "no steps"),
        ((WALLET, WALLET), "1", "of its own"),
        ((RISK,), "1", "no step before"),
        ((WALLET,), "a lot", "budget"),
        ((Step(id="x", want="y", most="-1"),), "1", "x.most"),
        ((Step(id="X y", want="y"),), "1", "of its own"),
    ],
)
def test_a_bad_job_names_what_is_wrong(steps: tuple[Step, ...], budget: str, words: str) -> None:
    with pytest.raises(JobError, match=words):
        job(*steps, budget=budget)


def test_references_are_values_alone_and_words_within_a_text() -> None:
    answers = {"a": {"list": [{"n": 7}], "text": "hi"}}
    given = {
        "n": "{a.list[0].n}",
        "words": "{a.text}: {a.list[0].n}",
        "deep": [{"x": "{a}"}],
        "plain": "{not one",
        "k": 1,
    }
    assert filled(given, answers) == {
        "n": 7,
        "words": "hi: 7",
        "deep": [{"x": answers["a"]}],
        "plain": "{not one",
        "k": 1,
    }
