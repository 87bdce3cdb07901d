"""F17: what a reorganisation took back of a key's chain transactions, what it costs to look, and what comes of them."""

from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from server.application.resend import anything_to_resend, gone_from_chain, resend
from server.domain.evidence import Mined
from server.domain.sending import TransactionState
from tests.fakes import samples
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock

NETWORK, KEY = "eip155:1", "0x" + "11" * 20


class Chain:
    """Blocks by number; counts who asks for which."""

    def __init__(self, blocks):
        self.blocks, self.asked = blocks, []

    async def final_block(self):
        return 1

    async def transaction_count(self, _sender, _block):
        return 0

    async def block_hash(self, number):
        self.asked.append(number)
        return self.blocks.get(number)


class Transactions:
    def __init__(self, mined):
        self.mined = mined

    async def above(self, network, sender, block, nonce):
        assert (network, sender, block, nonce) == (NETWORK, KEY, 1, 0)
        return self.mined

    @asynccontextmanager
    async def read(self):
        yield SimpleNamespace(transactions=self)


async def test_f17_what_stands_in_another_block_is_gone_and_each_block_is_asked_for_once():
    mined = [SimpleNamespace(block=block, block_hash=name) for block, name in ((2, "a"), (3, "b"), (3, "b"), (4, "c"))]
    chain = Chain({2: "a", 3: "other"})  # the node lags behind: it does not know of block 4
    gone = await gone_from_chain(Transactions(mined), chain, NETWORK, KEY)
    assert gone == mined[1:3]
    assert sorted(chain.asked) == [2, 3, 4]


@pytest.mark.parametrize(
    ("block", "wanted"), [(None, True), (9, True), (8, False)], ids=["in no block", "not final", "final"]
)
async def test_f17_a_transaction_is_looked_after_until_a_final_block_holds_it(clock, block, wanted):
    paddock = bare_paddock(clock, Liar(None, final_block=8, transaction_count=1))
    sent = samples.chain_transaction(sender=paddock.delegate.address)
    async with paddock.db.begin("made up") as work:
        await work.transactions.add(sent)
        if block:
            await work.transactions.record(sent.hash, Mined(sent.hash, True, block, "0xblock", 21_000, ()))
    assert await anything_to_resend(paddock, samples.NETWORK) is wanted


@pytest.mark.parametrize("changes", [{}, {"delegate": None}], ids=["nothing was sent", "no key is held"])
async def test_where_nothing_was_sent_there_is_nothing_to_look_after(clock, changes):
    paddock = bare_paddock(clock, Liar(None, final_block=8, transaction_count=1), **changes)
    assert await anything_to_resend(paddock, samples.NETWORK) is False


S = TransactionState


def mined(succeeded=True):
    return lambda transaction: Mined(transaction, succeeded, 9, "0xblock", 21_000, ())


async def signed(clock, **lies):
    """A paddock whose delegate has signed one transaction."""
    usual = {"final_block": 8, "transaction_count": 0, "mined": None, "block_hash": "0xblock", "send": None}
    paddock = bare_paddock(clock, Liar(None, **usual | lies))
    sent = samples.chain_transaction(sender=paddock.delegate.address)
    async with paddock.db.begin("made up") as work:
        await work.transactions.add(sent)
    return paddock, sent


async def kept(paddock, sent):
    async with paddock.db.read() as view:
        return await view.transactions.get(sent.hash)


@pytest.mark.parametrize(
    ("lies", "state", "block", "sent_again"),
    [
        ({"mined": mined()}, S.SUCCEEDED, 9, 0),
        ({"mined": mined(succeeded=False)}, S.REVERTED, 9, 0),
        ({"transaction_count": 1}, S.LOST, None, 0),
        ({}, S.SIGNED, None, 1),
    ],
    ids=["mined", "reverted", "its nonce is used by something else", "nowhere"],
)
async def test_what_was_sent_is_written_down_as_the_chain_shows_it_and_else_broadcast(
    clock, lies, state, block, sent_again
):
    paddock, sent = await signed(clock, **lies)
    assert await resend(paddock, samples.NETWORK) is None
    found = await kept(paddock, sent)
    assert (found.state, found.block) == (state, block)
    assert paddock.chain.asked["send"] == sent_again


async def test_f17_what_a_reorganisation_took_back_is_broadcast_again(clock):
    paddock, sent = await signed(clock, mined=mined())
    await resend(paddock, samples.NETWORK)
    paddock.chain.lies |= {"mined": None, "block_hash": "0xother"}
    await resend(paddock, samples.NETWORK)
    found = await kept(paddock, sent)
    assert (found.state, found.block, paddock.chain.asked["send"]) == (S.SIGNED, None, 1)


async def test_a_process_without_a_key_resends_nothing(clock):
    paddock, sent = await signed(clock, mined=mined())
    keyless = bare_paddock(clock, paddock.chain, db=paddock.db, delegate=None)
    assert await resend(keyless, samples.NETWORK) is None
    assert (await kept(paddock, sent)).state is S.SIGNED
