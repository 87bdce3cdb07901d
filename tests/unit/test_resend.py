"""F17: which of a key's chain transactions a reorganisation took back, and what it costs to look."""

from contextlib import asynccontextmanager
from types import SimpleNamespace

from server.application.resend import gone_from_chain

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
