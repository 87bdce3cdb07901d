"""F18, F19: several nodes as one chain. A minority that lies, lags, breaks or hangs decides nothing."""

import asyncio
import secrets
import time
from dataclasses import replace

import pytest
from eth_account import Account
from prometheus_client import REGISTRY

from server.adapters.chain import EvmChain
from server.adapters.clock import SystemClock
from server.adapters.quorum import QuorumChain
from server.adapters.signers import LocalSigner
from server.domain.calls import encode_call
from server.domain.errors import Reverted
from server.domain.outages import ChainUnavailable
from server.ports import Call, Fees
from tests.conformance.test_chain_nodes import assert_unavailable, every_method
from tests.conformance.worlds import FINALITY, World, anvil_world, nonce_of, settle_call, spend
from tests.fakes.chain import FakeChain, fake_market
from tests.fakes.clock import FakeClock
from tests.fakes.liars import Liar, hang, lagging
from tests.stack import buyer
from tests.stack.canned import http, run_canned
from tests.stack.processes import free_port

SHOP = Account.create().address
HONEST_NODES = pytest.mark.parametrize("place", range(3), ids=["first", "second", "third"])


class Scene:
    """A chain on which one payment was mined and another was not, and everything that a process asks of it."""

    def __init__(self, truth, clock):
        self.truth, self.clock = truth, clock

    async def begin(self):
        self.world = World(self.truth, fake_market(), LocalSigner(Account.create().key.hex()), memory=self.truth)
        self.token, self.payer = self.world.token, await self.world.payer()
        self.paid = buyer.payment(self.payer, self.world.entry(SHOP), validBefore=str(self.now() + 600))
        self.open = buyer.payment(self.payer, self.world.entry(SHOP), validBefore=str(self.now() + 600))
        self.mined = await self.world.transact(self.token, settle_call(self.paid))
        self.truth.mine(30)
        self.reverting = Call(SHOP, self.token, settle_call(self.paid))
        return self

    def now(self):
        return int(self.clock.now().timestamp())

    def over(self, *nodes, quorum=2):
        return QuorumChain(nodes, quorum, self.clock)

    async def answers(self, chain):
        """Every read of the port, with reverts as their data."""
        asked = (self.token, self.payer.address)
        used, unused = nonce_of(self.paid), nonce_of(self.open)
        questions = {
            "heights": [chain.block_number(), chain.recent_block(), chain.final_block()],
            "block_time": [chain.block_time(3)],
            "balances": [chain.balance(SHOP), chain.token_balance(self.token, SHOP), chain.code(self.token)],
            "counts": [chain.transaction_count(self.world.signer.address), chain.next_nonce(self.payer.address)],
            "used": [chain.nonce_used(spend(*asked, used)), chain.nonce_used(spend(*asked, unused))],
            "used then": [chain.nonce_used(spend(*asked, used), 1), chain.nonce_used(spend(*asked, used), 20)],
            "transfer": [chain.spent_in(spend(*asked, nonce), 0) for nonce in (used, unused)],
            "mined": [chain.mined(self.mined.transaction), chain.mined("0x" + "ab" * 32)],
            "transfers": [chain.transfers(self.token, SHOP), chain.transfers(self.token, SHOP, 3)],
            "call": [chain.call(Call(SHOP, self.token, encode_call("balanceOf(address)", SHOP)))],
            "revert": [chain.call(self.reverting), chain.estimate_gas(self.reverting)],
            "gas": [chain.estimate_gas(Call(SHOP, self.token, settle_call(self.open))), chain.fees()],
        }
        return {what: [await _told(one) for one in many] for what, many in questions.items()}


async def _told(question):
    try:
        return await question
    except Reverted as error:
        return "reverted", error.data


@pytest.fixture
async def scene(clock):
    return await Scene(FakeChain(clock), clock).begin()


def lies_of(scene):
    """Whole characters: what a bad node says to each question."""
    truth, transfer = scene.truth, scene.mined.logs[-1]

    async def invented(transaction):
        return replace(scene.mined, transaction=transaction)

    async def more(asset, address, from_block=0, to_block=None):
        logs = await truth.transfers(asset, address, from_block)
        return [*logs, replace(logs[0], amount=10**12, log_index=9)] if logs else logs

    async def revert(*_):
        raise Reverted("no", transfer.data)

    return {
        "invents a receipt": {"mined": invented},
        "hides a receipt": {"mined": None},
        "invents a use": {"nonce_used": True},
        "hides a use": {"nonce_used": False},
        "hides a transfer": {"spent_in": [], "transfers": []},
        "invents transfers": {"transfers": more},
        "invents transfers in blocks to come": {"transfers": more, "block_number": 10**9},
        "makes everybody rich": {"token_balance": 2**256 - 1, "balance": 2**200, "call": b"\xff" * 32},
        "reverts everything": {"call": revert, "estimate_gas": revert},
        "reverts nothing": {"call": b"", "estimate_gas": 30_000_000},
        "is far ahead": dict.fromkeys(("block_number", "final_block", "recent_block", "next_nonce"), 10**9),
        "stands at the beginning": dict.fromkeys(("block_number", "final_block", "recent_block", "next_nonce"), 0),
        "is dear": {"fees": Fees(10**18, 10**18), "estimate_gas": 10**9},
        "is cheap": {"fees": Fees(0, 0), "estimate_gas": 1},
        "changes time and code": {"block_time": 2**40, "code": b"", "transaction_count": 10**6},
        "is down": {"everything": ChainUnavailable("down")},
        "talks nonsense": {"everything": KeyError("result")},
        "hangs": {"everything": hang},
    }


CHARACTERS = [
    "invents a receipt", "hides a receipt", "invents a use", "hides a use", "hides a transfer", "invents transfers",
    "invents transfers in blocks to come", "makes everybody rich", "reverts everything", "reverts nothing",
    "is far ahead", "stands at the beginning", "is dear", "is cheap", "changes time and code", "is down",
    "talks nonsense", "hangs",
]  # fmt: skip


@HONEST_NODES
@pytest.mark.parametrize("character", CHARACTERS)
async def test_f19_one_node_of_three_that_lies_changes_no_answer(scene, character, place):
    nodes = [scene.truth, scene.truth]
    nodes.insert(place, Liar(scene.truth, **lies_of(scene)[character]))
    chain = scene.over(*nodes)
    assert await scene.answers(chain) == await scene.answers(scene.truth)
    await chain.close()


def test_every_character_plays(scene):
    assert set(CHARACTERS) == set(lies_of(scene))


@HONEST_NODES
async def test_f18_one_node_of_three_that_is_twenty_blocks_behind_changes_no_answer(scene, place):
    nodes = [scene.truth, scene.truth]
    nodes.insert(place, lagging(scene.truth, 20))
    fresh = buyer.payment(scene.payer, scene.world.entry(SHOP), validBefore=str(scene.now() + 600))
    scene.paid, scene.mined = fresh, await scene.world.transact(scene.token, settle_call(fresh))
    assert await scene.answers(scene.over(*nodes)) == await scene.answers(scene.truth)


@pytest.mark.parametrize("question", ["mined", "used", "transfer", "balance", "call", "time"])
async def test_f19_two_nodes_of_three_that_lie_get_no_grant_and_no_refusal(scene, question):
    """Each lies for itself. Two that conspire are two of three: against them the quorum must be three."""
    (transfer,) = await scene.truth.spent_in(spend(scene.token, scene.payer.address, nonce_of(scene.paid)), 0)
    asked = (scene.token, scene.payer.address, nonce_of(scene.open))
    unknown = "0x" + "cd" * 32
    lies, ask = {
        "mined": (
            {"mined": lambda n: replace(scene.mined, transaction=unknown, gas_used=n)},
            lambda chain: chain.mined(unknown),
        ),
        "used": ({"nonce_used": lambda n: n or None}, lambda chain: chain.nonce_used(spend(*asked))),
        "transfer": (
            {"spent_in": lambda n: [replace(transfer, amount=n)]},
            lambda chain: chain.spent_in(spend(*asked), 0),
        ),
        "balance": ({"token_balance": lambda n: 10**n}, lambda chain: chain.token_balance(scene.token, SHOP)),
        "call": ({"call": lambda n: bytes([n])}, lambda chain: chain.call(Call(SHOP, scene.token, b""))),
        "time": ({"block_time": lambda n: 2**40 + n}, lambda chain: chain.block_time(1)),
    }[question]
    ((method, make),) = lies.items()
    liars = [Liar(scene.truth, **{method: _always(make(n))}) for n in (5, 6)]
    with pytest.raises(ChainUnavailable, match="the nodes disagree about"):
        await ask(scene.over(scene.truth, *liars))
    conspired = [Liar(scene.truth, **{method: _always(make(5))}) for _ in range(2)]
    with pytest.raises(ChainUnavailable, match="3 of 3 must agree"):
        await ask(scene.over(scene.truth, *conspired, quorum=3))


def _always(value):
    return lambda *_: value


async def test_f19_two_lists_of_transfers_that_differ_are_no_books(scene):
    extra = lies_of(scene)["invents transfers"]
    with pytest.raises(ChainUnavailable, match="transfers"):
        await scene.over(scene.truth, Liar(scene.truth, **extra)).transfers(scene.token, SHOP)


async def test_f18_transfers_are_those_up_to_the_block_that_a_quorum_has_reached(scene):
    before = await scene.truth.transfers(scene.token, SHOP)
    fresh = buyer.payment(scene.payer, scene.world.entry(SHOP), validBefore=str(scene.now() + 600))
    await scene.world.transact(scene.token, settle_call(fresh))
    scene.truth.mine(2)
    behind, counted = [lagging(scene.truth, 20), lagging(scene.truth, 25)], faults("1", "outvoted")
    assert await scene.over(scene.truth, *behind).transfers(scene.token, SHOP) == before
    assert faults("1", "outvoted") == counted, "whoever is ahead is not wrong"
    down = Liar(scene.truth, everything=ChainUnavailable("down"))
    assert await scene.over(scene.truth, down, behind[0]).transfers(scene.token, SHOP) == before
    both = await scene.over(scene.truth, scene.truth, behind[0]).transfers(scene.token, SHOP)
    assert len(both) == len(before) + 1


async def test_f18_a_block_that_comes_between_height_and_logs_does_not_make_an_honest_node_a_liar(scene):
    fresh = buyer.payment(scene.payer, scene.world.entry(SHOP), validBefore=str(scene.now() + 600))
    _, raw = await scene.world.sign(scene.token, settle_call(fresh))

    async def with_a_new_block(*asked):
        found = await scene.truth.transfers(*asked)
        await scene.truth.send(raw)
        return found

    down = Liar(scene.truth, everything=ChainUnavailable("down"))
    chain, now = scene.over(Liar(scene.truth, transfers=with_a_new_block), scene.truth, down), scene.clock.now()
    assert len(await chain.transfers(scene.token, SHOP)) == 1
    assert scene.clock.now() == now, "they agree at once on what both have seen"


async def test_f18_a_node_that_is_behind_and_fast_does_not_hold_heights_back(scene):
    async def slow():
        await scene.clock.sleep(0.1)
        return await scene.truth.block_number()

    fast = lagging(scene.truth, 20)
    chain = scene.over(scene.truth, fast, Liar(scene.truth, block_number=slow))
    assert await chain.block_number() == await scene.truth.block_number()


async def test_f18_without_a_quorum_of_answers_every_method_says_so(scene):
    down = [Liar(scene.truth, everything=ChainUnavailable("down")) for _ in range(3)]
    await assert_unavailable(scene.over(*down))
    *reads, send = every_method(scene.over(scene.truth, *down[:2]))
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert [type(result) for result in results] == [ChainUnavailable] * len(reads)
    send.close()


async def test_f18_a_block_that_has_reached_one_of_two_nodes_is_waited_for(scene):
    late = lagging(scene.truth, 1)

    async def catching_up(transaction):
        found, late.lag = await late.mined(transaction), 0
        return found

    fresh = buyer.payment(scene.payer, scene.world.entry(SHOP), validBefore=str(scene.now() + 600))
    transaction, raw = await scene.world.sign(scene.token, settle_call(fresh))
    await scene.truth.send(raw)
    chain = scene.over(scene.truth, Liar(scene.truth, mined=catching_up))
    assert (await chain.mined(transaction)).succeeded


async def test_f15_bytes_go_to_every_node_and_one_that_takes_them_is_enough(scene):
    payment = buyer.payment(scene.payer, scene.world.entry(SHOP), validBefore=str(scene.now() + 600))
    transaction, raw = await scene.world.sign(scene.token, settle_call(payment))
    swallows = Liar(scene.truth, send=None)
    refuses = Liar(scene.truth, send=ChainUnavailable("eth_sendRawTransaction was refused by the node: full"))
    takes = Liar(scene.truth)
    await scene.over(swallows, refuses, takes).send(raw)
    assert takes.asked["send"] == 1
    assert (await scene.truth.mined(transaction)).succeeded
    counted = faults("1", "failed")
    with pytest.raises(ChainUnavailable, match="full"):
        await scene.over(refuses, refuses, refuses).send(raw)
    assert faults("1", "failed") == counted, "to refuse bytes is no fault"


# ------------------------------------------------------------------------------------------------------ being left out


def faults(node, kind):
    return REGISTRY.get_sample_value("paddock_rpc_faults_total", {"node": node, "kind": kind}) or 0


@pytest.mark.parametrize(
    ("lies", "kind"),
    [({"everything": ChainUnavailable("down")}, "failed"), ({"nonce_used": True}, "outvoted")],
)
async def test_f19_a_node_that_goes_on_erring_is_named_and_left_out_for_a_while(scene, caplog, lies, kind):
    bad = Liar(scene.truth, **lies)
    chain, counted = scene.over(scene.truth, bad, scene.truth), faults("2", kind)

    async def ask(times=1):
        for _ in range(times):
            await chain.nonce_used(spend(scene.token, SHOP, secrets.token_bytes(32)))
            await scene.clock.sleep(0)
        return bad.asked["nonce_used"]

    assert await ask(10) == 10, "it errs often, and not for long: a block may be on its way"
    scene.clock.advance(3)
    assert await ask(10) == 11
    assert "node 2 is left out" in caplog.text
    assert faults("2", kind) - counted >= 3
    scene.clock.advance(31)
    bad.lies = {}
    assert await ask(5) == 16, "it is good again"


async def test_a_node_that_errs_now_and_then_stays(scene):
    flaky = Liar(scene.truth)
    chain = scene.over(scene.truth, flaky, scene.truth)
    for turn in range(12):
        flaky.lies = {"everything": ChainUnavailable("down")} if turn % 2 else {}
        await chain.code(SHOP)
        scene.clock.advance(1)
    assert flaky.asked["code"] == 12


async def test_f19_a_liar_that_is_slower_than_the_quorum_is_named_as_well(scene):
    async def late(*_):
        await scene.clock.sleep(1)
        return True

    chain, counted = (
        scene.over(scene.truth, scene.truth, Liar(scene.truth, nonce_used=late)),
        faults("3", "outvoted"),
    )
    asked = scene.clock.now()
    assert not await chain.nonce_used(spend(scene.token, SHOP, bytes(32)))
    assert scene.clock.now() == asked, "nobody waits for it"
    await scene.clock.sleep(2)
    assert faults("3", "outvoted") == counted + 1


async def test_f18_nodes_that_are_left_out_are_asked_when_the_others_are_too_few(scene):
    flaky = [Liar(scene.truth, everything=ChainUnavailable("down")) for _ in range(2)]
    chain = scene.over(scene.truth, *flaky)
    for _ in range(5):
        with pytest.raises(ChainUnavailable):
            await chain.block_time(1)
        scene.clock.advance(1)
    for one in flaky:
        one.lies = {}
    now = scene.clock.now()
    assert await chain.block_time(1) == await scene.truth.block_time(1)
    assert scene.clock.now() == now, "at the first try"


@pytest.mark.parametrize(("nodes", "quorum"), [(1, 0), (2, 1), (3, 1), (3, 4), (4, 2)])
def test_f19_a_quorum_is_more_than_half_and_no_more_than_all(nodes, quorum):
    with pytest.raises(ValueError):
        QuorumChain([object()] * nodes, quorum, FakeClock())


# ---------------------------------------------------------------------------------------------------------- real nodes


@pytest.mark.parametrize(
    "answer",
    [
        http("500 Internal Server Error", b"oops"),
        http("200 OK", b"<html>captive portal</html>"),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":{}}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":[]}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":"0x"}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":"0x01"}'),
        http("200 OK", b'{"jsonrpc":"2.0","id":0,"result":null}'),
        None,
    ],
    ids=lambda answer: answer.decode()[-40:] if answer else "hangs",
)
async def test_f19_two_anvils_outvote_a_node_that_talks_nonsense_or_hangs(anvil, market, answer):
    world = anvil_world(anvil, market)
    payer = await world.payer()
    payment = buyer.payment(payer, world.entry(SHOP))
    async with run_canned(answer) as node:
        nodes = [EvmChain(node.url, FINALITY), EvmChain(anvil.url, FINALITY), EvmChain(anvil.url, FINALITY)]
        own = replace(world, chain=QuorumChain(nodes, 2, SystemClock()))
        begun = time.monotonic()
        mined = await own.transact(world.token, settle_call(payment))
        asked = (world.token, payer.address, nonce_of(payment))
        assert mined.succeeded
        assert await own.chain.nonce_used(spend(*asked))
        assert (await own.chain.spent_in(spend(*asked), 0))[0].transaction == mined.transaction
        assert len(await own.chain.transfers(world.token, payer.address)) == 2
        assert await own.chain.mined("0x" + secrets.token_hex(32)) is None
        with pytest.raises(Reverted):
            await own.chain.estimate_gas(Call(payer.address, world.token, settle_call(payment)))
        assert time.monotonic() - begun < 6, "nobody waits for the timeout of a node that hangs"
        await own.chain.close()
    await world.chain.close()


async def test_f18_one_anvil_and_two_nodes_that_are_down_are_no_quorum(anvil):
    dead = [EvmChain(f"http://127.0.0.1:{free_port()}", FINALITY) for _ in range(2)]
    chain = QuorumChain([EvmChain(anvil.url, FINALITY), *dead], 2, SystemClock())
    *reads, send = every_method(chain)
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert [type(result) for result in results] == [ChainUnavailable] * len(reads)
    send.close()
    await chain.close()
