"""Threats by too much: slow payers, failing payers, outages. Limits hold, and nobody else notices."""

import asyncio
from dataclasses import replace

from prometheus_client import REGISTRY

from server.domain.outages import DatabaseUnavailable, FacilitatorRefused, FacilitatorUnavailable
from server.domain.states import FulfilmentState, PaymentState
from server.facilitator.settler import Settler
from tests.fakes.facilitator import FakeFacilitator
from tests.simulation.world import RICH, WorldBuyer, open_world, service
from tests.stack.buyer import changed, read_header, write_header

PLACES = 3


class Slow:
    """An honest facilitator that keeps the settlements of some payers waiting until `go` is set."""

    def __init__(self, honest, *payers):
        self.honest, self.payers, self.go, self.waiting = honest, payers, asyncio.Event(), 0

    async def verify(self, payload, requirements):
        return await self.honest.verify(payload, requirements)

    async def settle(self, payload, requirements):
        if payload.payload["authorization"]["from"] in self.payers:
            self.waiting += 1
            await self.go.wait()
        return await self.honest.settle(payload, requirements)


def another_buyer(world):
    buyer = WorldBuyer(world.client, clock=world.clock)
    world.chain.give(buyer.account.address, RICH)
    return buyer


def tightened(world, **changes):
    world.paddock = world.app.state.paddock = replace(world.paddock, **changes)
    world.paddock.admission.orders_per_payer = PLACES
    return world.paddock


async def turns(n=200):
    """Let everybody else go on until they wait for something."""
    for _ in range(n):
        await asyncio.sleep(0)


async def paid(world, buyer, path="echo"):
    """A purchase that is on its way: (its quote, its payment, the task)."""
    quoted = await buyer.ask(world.url(path))
    header = buyer.pay(quoted)
    return quoted, header, asyncio.create_task(buyer.present(quoted, header))


def refusal(answer):
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["action"]
    return answer.status_code, body["type"].removeprefix("/problems/")


class TestS27:
    """Slow settlements by one payer."""

    async def test_s27_a_payer_with_all_places_taken_waits_and_loses_nothing_and_others_do_not_wait(self):
        async with open_world() as world:
            slow = Slow(world.paddock.facilitator, world.buyer.account.address)
            tightened(world, facilitator=slow)
            under_way = [(await paid(world, world.buyer))[2] for _ in range(PLACES)]
            await turns()
            assert slow.waiting == PLACES
            quoted, header, task = await paid(world, world.buyer)
            refused = await task
            assert refusal(refused) == (429, "too-many-orders")
            assert world.paddock.admission.running["echo"] == 0, "it gave the handler's place back"
            assert int(refused.headers["retry-after"]) >= 1
            assert (await world.client.get(quoted.entry["extra"]["statusUrl"])).json()["status"] == "quoted"
            assert len(await world.orders()) == PLACES
            other = another_buyer(world)
            began = world.clock.now()
            assert (await other.buy(world.url("echo"))).status_code == 200
            assert (world.clock.now() - began).total_seconds() < 1
            assert not any(task.done() for task in under_way), "the slow ones are as slow as before"
            slow.go.set()
            assert {answer.status_code for answer in await asyncio.gather(*under_way)} == {200}
            assert (await world.buyer.present(quoted, header)).status_code == 200

    async def test_s27_a_stranger_cannot_take_another_payers_places(self):
        async with open_world() as world:
            tightened(world)
            for _ in range(2 * PLACES):
                quoted = await world.buyer.ask(world.url("echo"))
                forged = read_header(another_buyer(world).pay(quoted))
                forged = changed(forged, "payload.authorization.from", world.buyer.account.address)
                assert (await world.buyer.present(quoted, write_header(forged))).status_code == 402
            assert await world.orders() == []
            assert (await world.buyer.buy(world.url("echo"))).status_code == 200

    async def test_s27_orders_whose_handler_failed_are_not_all_run_again_at_once(self):
        gate, ill, runs = asyncio.Event(), [True], []

        async def moody(_arguments, _context):
            runs.append(1)
            if ill:
                raise RuntimeError("not yet")
            await gate.wait()
            return "at last"

        async with open_world(service("moody", moody)) as world:
            tightened(world)
            failed = []
            for _ in range(2 * PLACES):
                quoted, header, task = await paid(world, world.buyer, "moody")
                assert (await task).status_code == 502
                failed.append((quoted, header))
            assert len(await world.orders()) == len(runs) == 2 * PLACES
            ill.clear()
            again = [asyncio.create_task(world.buyer.present(*one)) for one in failed]
            await turns()
            assert len(runs) == 3 * PLACES, "as many as there are places, and no more"
            gate.set()
            answers = await asyncio.gather(*again)
            assert sorted(answer.status_code for answer in answers) == [200] * PLACES + [429] * PLACES

    async def test_s27_a_route_runs_so_many_handlers_and_the_other_routes_are_open(self):
        gate = asyncio.Event()

        async def heavy(_arguments, _context):
            await gate.wait()
            return "done"

        async with open_world(service("heavy", heavy)) as world:
            tightened(world).admission.runs_per_route = 2
            buyers = [another_buyer(world) for _ in range(3)]
            first = [(await paid(world, buyer, "heavy"))[2] for buyer in buyers[:2]]
            await turns()
            quoted, header, task = await paid(world, buyers[2], "heavy")
            refused = await task
            assert refusal(refused) == (429, "route-busy")
            assert refused.headers["retry-after"]
            assert len(await world.orders()) == 2
            assert (await buyers[2].buy(world.url("echo"))).status_code == 200
            gate.set()
            assert {answer.status_code for answer in await asyncio.gather(*first)} == {200}
            assert (await buyers[2].present(quoted, header)).status_code == 200
            assert world.paddock.admission.running == {"heavy": 0, "echo": 0}

    async def test_s27_a_slow_settlement_keeps_no_handlers_place(self):
        async with open_world() as world:
            slow = Slow(world.paddock.facilitator, world.buyer.account.address)
            tightened(world, facilitator=slow).admission.runs_per_route = 1
            under_way = []
            for waiting in range(1, PLACES + 1):
                under_way.append((await paid(world, world.buyer))[2])
                await turns()
                assert slow.waiting == waiting
            assert (await another_buyer(world).buy(world.url("echo"))).status_code == 200
            slow.go.set()
            await asyncio.gather(*under_way)


class TestF8:
    """A payer whose settlements fail again and again."""

    async def fail_once(self, world, buyer):
        """The handler's run is the moment in which the money goes elsewhere."""
        world.chain.state.money[buyer.account.address] = 10_000
        answer = await buyer.buy(world.url("draining"))
        assert answer.status_code == 402
        world.chain.state.money[buyer.account.address] = RICH
        return read_header(answer.headers["payment-response"])["errorReason"]

    def world(self):
        def drain(_arguments, context):
            worlds[0].chain.state.money[context.payer] = 0
            return "never released"

        worlds = []
        opened = open_world(service("draining", drain))
        return opened, worlds

    async def test_f8_f9_after_failures_the_payer_cools_off_and_nobody_else_does(self):
        opened, worlds = self.world()
        async with opened as world:
            worlds.append(world)
            for _ in range(3):
                assert await self.fail_once(world, world.buyer) != "payer_cooling_off"
            broadcasts = len(world.chain.broadcasts)
            assert broadcasts == 0, "a settlement that would revert is not sent, and burns no gas"
            claimed = len(await world.orders())
            refused = await world.buyer.buy(world.url("echo"))
            assert refused.status_code == 402
            assert read_header(refused.headers["payment-response"])["errorReason"] == "payer_cooling_off"
            assert "payer_cooling_off" in read_header(refused.headers["payment-required"])["error"]
            assert len(await world.orders()) == claimed
            assert (await another_buyer(world).buy(world.url("echo"))).status_code == 200
            world.clock.advance(601)
            assert (await world.buyer.buy(world.url("echo"))).status_code == 200

    async def test_f8_whoever_asks_the_facilitator_directly_meets_the_same_rule(self):
        opened, worlds = self.world()
        async with opened as world:
            worlds.append(world)
            for _ in range(3):
                await self.fail_once(world, world.buyer)
            quoted = await world.buyer.ask(world.url("echo"))
            paid = read_header(world.buyer.pay(quoted))
            body = {"x402Version": 2, "paymentPayload": paid, "paymentRequirements": paid["accepted"]}
            verdict = (await world.client.post("/facilitator/verify", json=body)).json()
            assert (verdict["isValid"], verdict["invalidReason"]) == (False, "payer_cooling_off")
            settled = (await world.client.post("/facilitator/settle", json=body)).json()
            assert (settled["success"], settled["errorReason"]) == (False, "payer_cooling_off")
            assert world.settlements() == 0

    async def test_f9_gas_that_was_burnt_counts_too(self):
        async with open_world() as world:
            world.chain.automine = False
            for _ in range(3):
                world.chain.state.money[world.buyer.account.address] = 10_000
                *_, task = await paid(world, world.buyer)
                await turns(30)
                while not world.chain.pending:
                    await turns(1)
                world.chain.state.money[world.buyer.account.address] = 0
                world.chain.mine()
                assert (await task).status_code in (402, 503)
            world.chain.automine = True
            world.chain.state.money[world.buyer.account.address] = RICH
            await world.work(5)
            refused = await world.buyer.buy(world.url("echo"))
            assert read_header(refused.headers["payment-response"])["errorReason"] == "payer_cooling_off"


class TestF9Breaker:
    """What every purchase needs fails: fail closed, at once, and notice when it is back."""

    def outage(self, world, *errors):
        facilitator = FakeFacilitator(world.chain, world.clock, world.paddock.market, world.paddock.delegate)
        facilitator.verdicts.extend(errors)
        tightened(world, facilitator=facilitator).admission.orders_per_payer = 10
        return facilitator

    async def test_f19_a_facilitator_that_keeps_failing_is_asked_no_more_until_a_probe_finds_it_well(self):
        async with open_world() as world:
            down = [FacilitatorUnavailable("/verify did not get through: ConnectError")] * 6
            facilitator = self.outage(world, *down)
            for _ in range(5):
                assert refusal(await world.buyer.buy(world.url("echo"))) == (503, "facilitator-unavailable")
            quoted = await world.buyer.ask(world.url("echo"))
            header = world.buyer.pay(quoted)
            refused = await world.buyer.present(quoted, header)
            assert refusal(refused) == (503, "circuit-open")
            assert refused.headers["retry-after"] == "5"
            assert len(facilitator.asked) == 5
            assert await world.orders() == []
            await world.client.get("/metrics")
            assert REGISTRY.get_sample_value("paddock_circuit_open", {"what": "verify"}) == 1
            world.clock.advance(5)
            probes = await asyncio.gather(*(world.buyer.present(quoted, header) for _ in range(3)))
            assert sorted(refusal(one)[1] for one in probes) == ["circuit-open"] * 2 + ["facilitator-unavailable"]
            world.clock.advance(5)
            assert (await world.buyer.present(quoted, header)).status_code == 200
            await world.client.get("/metrics")
            assert REGISTRY.get_sample_value("paddock_circuit_open", {"what": "verify"}) == 0

    async def test_f19_settlements_that_go_unanswered_open_it_too(self):
        async with open_world() as world:
            facilitator = self.outage(world)
            facilitator.script.extend([FacilitatorUnavailable("/settle did not get through: ReadTimeout")] * 5)
            for _ in range(5):
                answer = await world.buyer.buy(world.url("echo-dear"))
                assert refusal(answer) == (503, "settlement-in-doubt")
                assert answer.json()["order_id"]
            asked = len(facilitator.asked)
            quoted = await world.buyer.ask(world.url("echo"))
            header = world.buyer.pay(quoted)
            assert refusal(await world.buyer.present(quoted, header)) == (503, "circuit-open")
            assert facilitator.asked[asked:] == ["verify"]
            assert len(await world.orders()) == 5, "nothing more is claimed into doubt"
            world.clock.advance(5)
            assert (await world.buyer.present(quoted, header)).status_code == 200

    async def test_f19_orders_that_were_begun_go_on_and_answers_that_are_stored_are_given_while_it_is_open(self):
        async with open_world() as world:
            facilitator = self.outage(world)
            done = await world.buyer.ask(world.url("echo"))
            receipt = world.buyer.pay(done)
            assert (await world.buyer.present(done, receipt)).status_code == 200
            facilitator.script.append(FacilitatorUnavailable("/settle did not get through: ReadTimeout"))
            quoted, header, task = await paid(world, world.buyer)
            assert refusal(await task) == (503, "settlement-in-doubt")
            facilitator.verdicts.extend([FacilitatorUnavailable("/verify did not get through: ConnectError")] * 5)
            for _ in range(5):
                await world.buyer.buy(world.url("echo"))
            assert refusal(await world.buyer.buy(world.url("echo"))) == (503, "circuit-open")
            assert (await world.buyer.present(quoted, header)).status_code == 200
            assert (await world.buyer.present(done, receipt)).status_code == 200

    async def test_f19_refusals_of_single_payments_do_not_open_it(self):
        async with open_world() as world:
            self.outage(world, *[FacilitatorRefused("/verify answered with status 400")] * 20)
            for _ in range(20):
                assert refusal(await world.buyer.buy(world.url("echo")))[0] == 503
            assert (await world.buyer.buy(world.url("echo"))).status_code == 200

    async def test_f19_a_chain_that_is_away_shuts_the_door_and_comes_back_by_our_own_question(self):
        async with open_world() as world:
            quoted = await world.buyer.ask(world.url("echo"))
            header = world.buyer.pay(quoted)
            world.chain.unavailable = True
            for _ in range(5):
                assert refusal(await world.buyer.present(quoted, header)) == (503, "chain-unavailable")
            assert refusal(await world.buyer.present(quoted, header)) == (503, "circuit-open")
            assert await world.orders() == []
            world.chain.unavailable = False
            assert refusal(await world.buyer.present(quoted, header)) == (503, "circuit-open")
            world.clock.advance(5)
            bad = read_header(header)
            signature = bad["payload"]["signature"]
            bad = changed(bad, "payload.signature", signature[:-2] + ("1b" if signature[-2:] != "1b" else "1c"))
            assert (await world.buyer.present(quoted, write_header(bad))).status_code == 402, "it asks no chain itself"
            assert (await world.buyer.present(quoted, header)).status_code == 200

    async def test_s27_the_outcomes_are_counted(self):
        async with open_world() as world:
            before = REGISTRY.get_sample_value(
                "paddock_paid_route_total", {"service": "echo", "outcome": "chain-unavailable"}
            )
            world.chain.unavailable = True
            await world.buyer.buy(world.url("echo"))
            after = REGISTRY.get_sample_value(
                "paddock_paid_route_total", {"service": "echo", "outcome": "chain-unavailable"}
            )
            assert after == (before or 0) + 1


async def test_s27_a_settlement_that_was_begun_goes_on_although_its_payer_has_no_place_left():
    async with open_world() as world:
        slow = Slow(world.paddock.facilitator, world.buyer.account.address)
        tightened(world, facilitator=slow)
        quotes = [await paid(world, world.buyer) for _ in range(PLACES)]
        await turns()
        world.paddock.admission.orders_per_payer = 1
        world.clock.advance(60)  # the leases lapse while the settlements are on their way
        slow.go.set()
        quoted, header, _ = quotes[0]
        assert (await world.order(quoted.id)).payment is PaymentState.SETTLING
        assert (await world.buyer.present(quoted, header)).status_code == 200
        await asyncio.gather(*(task for *_, task in quotes))
        assert {(await world.order(q.id)).fulfilment for q, *_ in quotes} == {FulfilmentState.RELEASED}


async def test_s30_a_settler_outlives_a_database_that_is_away(monkeypatch):
    async with open_world() as world:
        asked = []

        def away():
            asked.append(world.clock.now())
            raise DatabaseUnavailable("the database did not answer: OSError")

        with monkeypatch.context() as patched:
            patched.setattr(world.db, "read", away)
            settler = Settler(world.db, world.paddock.home, world.clock, world.paddock.receipts)
            task = asyncio.create_task(settler.run())
            await turns()
            assert not task.done()
            assert len(asked) > 1, "it asks again"
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert (await world.buyer.buy(world.url("echo"))).status_code == 200
