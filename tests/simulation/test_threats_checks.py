"""In which order a payment is checked, and what an old price is worth."""

from contextvars import ContextVar
from dataclasses import replace

import pytest

from protocol import signatures
from tests.simulation.world import ORIGIN, WorldBuyer, open_world
from tests.stack.buyer import changed, read_header, write_header


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


ASKING = ContextVar("asking", default=False)


class Counted:
    """How often a request recovered a signature, asked the chain, read the database; the settler's own work is not."""

    def __init__(self, world, monkeypatch):
        self.recovered = self.chain = self.reads = 0
        look, read, public_key = world.chain._look, world.db.read, signatures.PublicKey

        class PublicKey(public_key):
            @classmethod
            def from_signature_and_message(cls, *given, **more):
                self.recovered += 1
                return public_key.from_signature_and_message(*given, **more)

        def counted_look():
            self.chain += ASKING.get()
            return look()

        def counted_read():
            self.reads += ASKING.get()
            return read()

        ASKING.set(True)  # seen by this task and those that it starts
        monkeypatch.setattr(signatures, "PublicKey", PublicKey)
        monkeypatch.setattr(world.chain, "_look", counted_look)
        monkeypatch.setattr(world.db, "read", counted_read)

    @property
    def all(self):
        return self.recovered, self.chain


def flipped(header, path):
    paid = read_header(header)
    value = paid
    for name in path.split("."):
        value = value[name]
    return write_header(changed(paid, path, value[:-1] + ("a" if value[-1] != "a" else "b")))


async def wrong(world, what):
    """A quote and a payment with one thing wrong."""
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    if what == "shape":
        return quoted, write_header(changed(read_header(header), "payload.authorization", "none"))
    if what == "MAC":
        return quoted, flipped(header, "accepted.extra.quote")
    if what == "amount":
        return quoted, world.buyer.pay(quoted, value="9999")
    if what == "recipient":
        return quoted, world.buyer.pay(quoted, to=world.buyer.account.address)
    if what == "expiry":
        header = world.buyer.pay(quoted, validBefore=str(int(world.clock.now().timestamp()) + 9999))
        world.clock.advance(200)
        return quoted, header
    if what == "validity":
        return quoted, world.buyer.pay(quoted, validBefore=str(int(world.clock.now().timestamp()) + 1))
    if what == "another request":
        return replace(quoted, url=quoted.url + "?text=other"), header
    if what == "arguments":
        quoted = replace(quoted, url=quoted.url + "?wrong=1")
        return quoted, header
    return quoted, flipped(header, "payload.signature")


@pytest.mark.parametrize(
    "what", ["shape", "MAC", "expiry", "amount", "recipient", "validity", "another request", "arguments"]
)
async def test_s26_shape_quote_expiry_amount_and_arguments_cost_neither_a_recovery_nor_a_chain_request(
    world, monkeypatch, what
):
    quoted, header = await wrong(world, what)
    counted = Counted(world, monkeypatch)
    for _ in range(10):
        assert (await world.buyer.present(quoted, header)).status_code in (400, 402, 422)
    assert counted.all == (0, 0)
    assert await world.orders() == []


@pytest.mark.parametrize("what", ["shape", "MAC", "another request"])
async def test_s26_what_was_not_quoted_here_costs_no_query_either(world, monkeypatch, what):
    quoted, header = await wrong(world, what)
    await world.buyer.ask(world.url("echo"))
    counted = Counted(world, monkeypatch)
    await world.buyer.present(quoted, header)
    assert counted.reads == 0


async def test_s26_a_flood_of_bad_signatures_costs_a_recovery_each_and_one_look_at_the_payers_code(world, monkeypatch):
    """Only the chain knows whether a signature that is no key's could be a wallet's: it is asked last, and once."""
    quoted, header = await wrong(world, "signature")
    counted = Counted(world, monkeypatch)
    for _ in range(10):
        assert (await world.buyer.present(quoted, header)).status_code == 402
    assert counted.recovered <= 10
    assert counted.chain == 1
    assert await world.orders() == []


async def test_s26_another_payers_signature_costs_one_look_at_the_named_payers_code(world, monkeypatch):
    quoted = await world.buyer.ask(world.url("echo"))
    forged = read_header(WorldBuyer(world.client, clock=world.clock).pay(quoted))
    forged = changed(forged, "payload.authorization.from", world.buyer.account.address)
    counted = Counted(world, monkeypatch)
    assert (await world.buyer.present(quoted, write_header(forged))).status_code == 402
    assert counted.all == (1, 1)


async def test_s26_a_good_payment_is_seen_by_the_same_counters(world, monkeypatch):
    quoted = await world.buyer.ask(world.url("echo"))
    counted = Counted(world, monkeypatch)
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    assert counted.recovered >= 1
    assert counted.chain > 0
    assert counted.reads > 0


# ------------------------------------------------------------------------------------------------------- old prices


def reprice(world, slug, amount):
    services = {**world.paddock.services, slug: replace(world.paddock.services[slug], amount=amount)}
    world.paddock = world.app.state.paddock = replace(world.paddock, services=services)


@pytest.mark.parametrize("amount", [5_000, 77_000])
async def test_s24_a_quote_is_honoured_once_at_its_own_price_and_then_the_new_one_is_asked(world, amount):
    quoted, unused = await world.buyer.ask(world.url("echo")), await world.buyer.ask(world.url("echo"))
    reprice(world, "echo", amount)
    header = world.buyer.pay(quoted)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    assert (await world.order(quoted.id)).terms.amount == 10_000
    second = await world.buyer.present(quoted, world.buyer.pay(quoted))
    assert second.status_code == 409, "the old price is good for one purchase"
    replayed = await world.buyer.present(quoted, header)
    assert (replayed.status_code, replayed.headers["idempotent-replayed"]) == (200, "true")
    assert world.settlements() == 1
    assert (await world.buyer.ask(world.url("echo"))).entry["amount"] == str(amount)
    world.clock.advance(200)
    late = await world.buyer.present(
        unused, world.buyer.pay(unused, validBefore=str(int(world.clock.now().timestamp()) + 100))
    )
    assert late.status_code == 402
    fresh = read_header(late.headers["payment-required"])
    assert "quote_expired" in fresh["error"]
    assert fresh["accepts"][0]["amount"] == str(amount)
    assert world.settlements() == 1


async def test_s24_the_old_price_under_a_new_quote_is_refused(world):
    old = await world.buyer.ask(world.url("echo"))
    reprice(world, "echo", 77_000)
    new = await world.buyer.ask(world.url("echo"))
    mixed = {**new.entry, "amount": old.entry["amount"]}
    paid = read_header(world.buyer.pay(replace(new, required={**new.required, "accepts": [mixed]})))
    answer = await world.buyer.present(new, write_header(paid))
    assert answer.status_code == 402
    assert "binding_mismatch" in read_header(answer.headers["payment-required"])["error"]
    assert await world.orders() == []


async def test_s24_a_service_that_is_no_longer_sold_takes_no_money_for_an_old_quote(world):
    quoted = await world.buyer.ask(world.url("echo"))
    services = {slug: one for slug, one in world.paddock.services.items() if slug != "echo"}
    world.paddock = world.app.state.paddock = replace(world.paddock, services=services)
    assert (await world.client.get(f"{ORIGIN}/v1/echo")).status_code == 404
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 404
    assert world.settlements() == 0
