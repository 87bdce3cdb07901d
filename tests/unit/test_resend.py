"""F17: which of a key's chain transactions a reorganisation took back, and what it costs to look."""

from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from server.application.resend import anything_to_resend, gone_from_chain
from server.domain.evidence import Mined
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
