"""Several who ask the same at once are answered by one request, and none of them can spoil it for the others."""

import asyncio

import msgspec
import pytest

from server.adapters.chain import EvmChain
from server.adapters.logs import Receipt
from server.adapters.shared import SharedAnswers


class Node:
    """Answers when it is told to."""

    def __init__(self):
        self.asked, self.may = 0, asyncio.Event()

    async def ask(self):
        self.asked += 1
        number = self.asked
        await self.may.wait()
        return number


async def begun(*tasks):
    """Let tasks come to where they wait."""
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_who_asks_meanwhile_joins_and_who_asks_later_asks_anew():
    shared, node = SharedAnswers(), Node()
    tasks = await begun(*(asyncio.ensure_future(shared.get("a", node.ask)) for _ in range(3)))
    assert shared.in_flight("a")
    node.may.set()
    assert await asyncio.gather(*tasks) == [1, 1, 1]
    await begun()
    assert not shared.in_flight("a")
    assert await shared.get("a", node.ask) == 2


async def test_other_questions_are_asked_by_themselves():
    shared, node = SharedAnswers(), Node()
    node.may.set()
    assert sorted(await asyncio.gather(shared.get("a", node.ask), shared.get("b", node.ask))) == [1, 2]


async def test_who_goes_away_takes_the_answer_from_nobody():
    shared, node = SharedAnswers(), Node()
    first, second = await begun(*(asyncio.ensure_future(shared.get("a", node.ask)) for _ in range(2)))
    first.cancel()
    await begun()
    node.may.set()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_an_error_reaches_all_who_wait_and_is_not_kept():
    shared, node = SharedAnswers(), Node()

    async def fail():
        await node.may.wait()
        raise OSError("gone")

    tasks = await begun(*(asyncio.ensure_future(shared.get("a", fail)) for _ in range(2)))
    node.may.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [OSError, OSError]
    await begun()
    assert await shared.get("a", node.ask) == 1


# -------------------------------------------------------------------------------------------------- what a chain shares

HASH, SHOP = "0x" + "11" * 32, "0x" + "aa" * 20


@pytest.fixture
async def chain(monkeypatch):
    """A chain whose node counts its questions, and answers them when `may` is set, the first receipt by null."""
    chain = EvmChain("http://127.0.0.1:1", 2)
    chain.asked, chain.may = [], asyncio.Event()

    async def ask(kind, method, params):
        if kind is str:
            chain.asked.append(params[1])
            await chain.may.wait()
            return "0x" + "00" * 32
        if kind is not Receipt:
            chain.asked.append(f"logs to {params[0]['toBlock']}")
            await chain.may.wait()
            return ()
        chain.asked.append(method)
        number = chain.asked.count(method)
        await chain.may.wait()
        return None if number == 1 else Receipt(HASH, "0x1", hex(number), HASH, "0x5208", msgspec.Raw(b"[]"))

    monkeypatch.setattr(chain._provider, "ask", ask)
    return chain


async def test_who_joined_a_look_for_a_receipt_that_was_too_early_looks_again(chain):
    early, joined = await begun(*(asyncio.ensure_future(chain.mined(HASH)) for _ in range(2)))
    chain.may.set()
    assert await early is None
    assert (await joined).block == 2


async def test_a_receipt_that_is_there_is_read_once_for_all_who_ask(chain):
    chain.asked.append("eth_getTransactionReceipt")  # the one that comes too early
    tasks = await begun(*(asyncio.ensure_future(chain.mined(HASH)) for _ in range(3)))
    chain.may.set()
    assert [found.block for found in await asyncio.gather(*tasks)] == [2, 2, 2]


async def test_the_past_is_asked_once_and_the_present_by_each(chain):
    past = [chain.token_balance(SHOP, SHOP, 7), chain.transfers(SHOP, SHOP, 7, 7)]
    present = [chain.token_balance(SHOP, SHOP), chain.transfers(SHOP, SHOP, 7)]
    again = [chain.token_balance(SHOP, SHOP, 7), chain.transfers(SHOP, SHOP, 7, 7)]
    more = [chain.token_balance(SHOP, SHOP), chain.transfers(SHOP, SHOP, 7), chain.token_balance(SHOP, SHOP, 8)]
    tasks = await begun(*map(asyncio.ensure_future, (*past, *present, *again, *more)))
    chain.may.set()
    await asyncio.gather(*tasks)
    logs = ["logs to 0x7"] * 2 + ["logs to latest"] * 4
    assert sorted(map(str, chain.asked)) == ["0x7", "0x8", "latest", "latest", *logs]
