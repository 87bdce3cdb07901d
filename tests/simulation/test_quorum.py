"""F18, F19: purchases while nodes lie, lag, disagree or are down: delivered, or 503 and nothing lost."""

from dataclasses import replace

import pytest

from server.adapters.quorum import QuorumChain
from server.domain.outages import ChainUnavailable
from server.domain.states import PaymentState
from tests.fakes.liars import Liar, hang, lagging
from tests.simulation.world import open_world

DOWN = ChainUnavailable("down")


class Nodes:
    """Three nodes of one chain, each of which a test may bend at any time."""

    def __init__(self):
        self.all = []

    def over(self, chain):
        self.all = [Liar(chain) for _ in range(3)]
        self.truth = chain
        return QuorumChain(self.all, 2, chain.clock)

    def bend(self, place, **lies):
        self.all[place].lies = lies

    def heal(self):
        for node in self.all:
            node.lies, node.node = {}, self.truth


@pytest.fixture
def nodes():
    return Nodes()


def invented(nodes):
    """Every transaction that a node is asked about was mined and succeeded, it says, with whatever logs were last."""

    async def mined(transaction):
        known = [one for block in nodes.truth.blocks for one in block.mined]
        return replace(known[-1], transaction=transaction, succeeded=True) if known else None

    return mined


LIARS = {
    "everything is mined": lambda nodes: {"mined": invented(nodes)},
    "nothing is mined": lambda nodes: {"mined": None, "spent_in": [], "transfers": []},
    "every authorization is used": lambda nodes: {"nonce_used": True},
    "no authorization is used": lambda nodes: {"nonce_used": False},
    "nobody has money": lambda nodes: {"token_balance": 0, "call": b""},
    "far ahead": lambda nodes: dict.fromkeys(("block_number", "recent_block", "final_block", "next_nonce"), 10**6),
    "down": lambda nodes: {"everything": DOWN},
    "hanging": lambda nodes: {"everything": hang},
    "swallowing": lambda nodes: {"send": None},
}


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("liar", LIARS)
async def test_f19_a_purchase_over_a_quorum_with_one_liar_is_delivered(nodes, liar, place):
    async with open_world(over=nodes.over) as w:
        nodes.bend(place, **LIARS[liar](nodes))
        for service in ("echo", "echo-dear"):
            quoted = await w.buyer.ask(w.url(service))
            assert (await w.buyer.present(quoted, w.buyer.pay(quoted))).status_code == 200
        async with w.workers():
            quoted = await w.buyer.ask(w.url("access-pass"), "POST", {})
            assert (await w.buyer.present(quoted, w.buyer.pay(quoted))).status_code == 200
        await w.paddock.chain.close()
        nodes.heal()


@pytest.mark.parametrize("place", range(3))
async def test_f18_a_purchase_over_a_quorum_with_one_laggard_is_delivered(nodes, place):
    async with open_world(over=nodes.over) as w:
        w.chain.mine(30)
        nodes.all[place].node = lagging(w.chain, 20)
        quoted = await w.buyer.ask(w.url("echo"))
        assert (await w.buyer.present(quoted, w.buyer.pay(quoted))).status_code == 200
        nodes.heal()


async def test_f19_a_disagreement_before_the_claim_burns_nothing(nodes):
    async with open_world(over=nodes.over) as w:
        quoted = await w.buyer.ask(w.url("echo"))
        header = w.buyer.pay(quoted)
        nodes.bend(0, nonce_used=True)
        nodes.bend(1, everything=DOWN)
        refused = await w.buyer.present(quoted, header)
        assert refused.status_code == 503
        assert "Retry-After" in refused.headers
        assert (await w.orders(), w.settlements()) == ([], 0)
        nodes.heal()
        assert (await w.buyer.present(quoted, header)).status_code == 200
        assert w.settlements() == 1


@pytest.mark.parametrize("blind", [1, 2])
async def test_f19_a_disagreement_after_the_broadcast_is_doubt_and_the_same_payment_is_answered_later(nodes, blind):
    async with open_world(over=nodes.over) as w:
        quoted = await w.buyer.ask(w.url("echo"))
        header = w.buyer.pay(quoted)

        async def gone_after_broadcast(raw):
            await nodes.truth.send(raw)
            nodes.bend(0, mined=None)
            for place in range(1, 1 + blind):
                nodes.bend(place, everything=DOWN)

        nodes.bend(0, send=gone_after_broadcast)
        doubtful = await w.buyer.present(quoted, header)
        assert doubtful.status_code == 503
        assert w.settlements() == 1
        assert (await w.order(quoted.id)).payment in (PaymentState.SETTLING, PaymentState.IN_DOUBT)
        await w.work(120)
        assert (await w.order(quoted.id)).payment is not PaymentState.FAILED, "no evidence, no verdict"
        nodes.heal()
        await w.work(60)
        answered = await w.buyer.present(quoted, header)
        assert answered.status_code == 200
        assert w.settlements() == 1
        assert w.runs["echo"] == 1


async def test_f19_two_nodes_that_invent_a_settlement_release_nothing(nodes):
    """The facilitator's transaction is swallowed by all; two nodes say, each in its way, that it was mined."""
    async with open_world(over=nodes.over) as w:
        first = await w.buyer.ask(w.url("echo"))
        assert (await w.buyer.present(first, w.buyer.pay(first))).status_code == 200
        true = invented(nodes)

        async def otherwise(transaction):
            return replace(await true(transaction), gas_used=1)

        nodes.bend(0, mined=true, send=None)
        nodes.bend(1, mined=otherwise, send=None)
        nodes.bend(2, send=None)
        quoted = await w.buyer.ask(w.url("echo"))
        header = w.buyer.pay(quoted)
        assert (await w.buyer.present(quoted, header)).status_code == 503
        assert w.settlements() == 1
        nodes.heal()
        await w.work(60)
        assert (await w.buyer.present(quoted, header)).status_code == 200
        assert w.settlements() == 2
