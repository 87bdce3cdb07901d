"""What a node answers is read as the chain has it, and it is asked for the block, the contract and the nonce meant."""

import json
from types import SimpleNamespace

import pytest

from protocol.payment import PERMIT2, Method
from server.adapters import chain as adapter
from server.adapters.chain import EvmChain
from server.domain.errors import Reverted
from server.domain.evidence import AUTHORIZATION_USED, PAYMENT_EXECUTED, TRANSFER, Spend, topic, word
from server.domain.outages import ChainUnavailable
from server.ports import Call, Fees
from tests.fakes.executor import EXECUTOR
from tests.fakes.samples import TOKEN
from tests.unit.protocol_samples import PAYER, SHOP

NONCE = bytes(31) + b"\5"
OTHER = bytes(31) + b"\6"
PAID, BLOCK = "0x" + "aa" * 32, "0x" + "bb" * 32
CALL = Call(SHOP, SHOP, b"")


class Refused(dict):
    """A node's error."""


class Node:
    """Answers a method as it is told, by a value or a function of the parameters, and null where it is told nothing."""

    def __init__(self):
        self.says, self.asked = {}, []

    async def post(self, data):
        request = json.loads(data)
        self.asked.append((request["method"], request["params"]))
        said = self.says.get(request["method"])
        told = said(*request["params"]) if callable(said) else said
        answer = {"error": told} if isinstance(told, Refused) else {"result": told}
        return json.dumps({"jsonrpc": "2.0", "id": request["id"]} | answer).encode()


@pytest.fixture
def node():
    return Node()


@pytest.fixture
def chain(node, monkeypatch):
    chain = EvmChain("http://127.0.0.1:1", 2)
    monkeypatch.setattr(chain._provider, "_post", node.post)
    return chain


@pytest.mark.parametrize(("later", "newest", "asked"), [(0, 7, 1), (0.9, 7, 1), (1.1, 8, 2), (100, 8, 2)])
async def test_the_newest_block_is_asked_for_once_a_second(chain, node, monkeypatch, later, newest, asked):
    now = SimpleNamespace(monotonic=lambda: 50.0)
    monkeypatch.setattr(adapter, "time", now)
    node.says["eth_blockNumber"] = "0x7"
    assert await chain.recent_block() == 7
    now.monotonic, node.says["eth_blockNumber"] = lambda: 50.0 + later, "0x8"
    assert await chain.recent_block() == newest
    assert len(node.asked) == asked


async def test_a_block_has_its_hash_and_one_that_is_not_there_has_none(chain, node):
    there = {"hash": "0x" + "BB" * 32, "timestamp": "0x1"}
    node.says["eth_getBlockByNumber"] = lambda at, _whole: there if at == "0x7" else None
    assert await chain.block_hash(7) == BLOCK
    assert await chain.block_hash(8) is None


@pytest.mark.parametrize(("block", "at"), [(None, "latest"), (0, "0x0"), (7, "0x7")])
async def test_the_past_is_asked_of_its_block_and_the_present_of_the_latest(chain, node, block, at):
    node.says = {"eth_getTransactionCount": "0x3", "eth_call": "0x" + "00" * 31 + "04", "eth_getLogs": []}
    assert await chain.transaction_count(SHOP, block) == 3
    assert await chain.token_balance(TOKEN, SHOP, block) == 4
    assert await chain.transfers(TOKEN, SHOP, 0, block) == []
    assert [params[0]["toBlock"] if "Logs" in method else params[1] for method, params in node.asked] == [at] * 4


@pytest.mark.parametrize(
    ("method", "contract", "word", "used"),
    [
        (Method.PERMIT2, PERMIT2, 1 << 5, True),
        (Method.PERMIT2, PERMIT2, 0b111111 << 6 | 0b11111, False),
        (Method.PERMIT2, TOKEN, 1 << 5, False),
        (Method.EIP3009, TOKEN, 1, True),
        (Method.EIP3009, TOKEN, 0, False),
        (Method.EIP3009, PERMIT2, 1, False),
    ],
)
async def test_whether_a_nonce_is_used_says_the_contract_that_keeps_it(chain, node, method, contract, word, used):
    """Permit2 keeps a bit of a word, the token a word; a contract that is not asked says nothing."""
    node.says["eth_call"] = lambda call, _at: "0x" + (word if call["to"] == contract else 0).to_bytes(32, "big").hex()
    assert await chain.nonce_used(Spend(method, TOKEN, PAYER.address, NONCE, SHOP, 50_000)) is used


@pytest.mark.parametrize("words", ["already known", "Nonce too low: next nonce 5", "known transaction: aa"])
async def test_what_the_node_has_already_is_sent(chain, node, words):
    node.says["eth_sendRawTransaction"] = Refused(code=-32000, message=words)
    await chain.send(b"\2")
    assert node.asked == [("eth_sendRawTransaction", ["0x02"])]


async def test_what_the_node_refuses_is_not_sent(chain, node):
    node.says["eth_sendRawTransaction"] = Refused(code=-32000, message="insufficient funds for gas")
    with pytest.raises(ChainUnavailable, match="insufficient funds"):
        await chain.send(b"\2")


# ----------------------------------------------------------------------------------------------- how a payment is found


def log(index, topics, data=b"", address=TOKEN):
    return {
        "address": address,
        "topics": ["0x" + one.hex() for one in topics],
        "data": "0x" + data.hex(),
        "logIndex": hex(index),
        "blockNumber": "0x7",
        "blockHash": BLOCK,
        "transactionHash": PAID,
    }


def mine(node, *logs, called_with=b""):
    """Make a node know one transaction, which has these logs and was called with such data."""

    def matching(query):
        wanted = query["topics"]
        own = [one for one in logs if one["address"] == query["address"]]
        return [one for one in own if all(a in (None, b) for a, b in zip(wanted, one["topics"], strict=False))]

    receipt = {"transactionHash": PAID, "status": "0x1", "blockNumber": "0x7", "blockHash": BLOCK, "gasUsed": "0x1"}
    node.says["eth_getLogs"] = matching
    node.says["eth_getTransactionReceipt"] = receipt | {"logs": list(logs)}
    node.says["eth_getTransactionByHash"] = {"hash": PAID, "input": "0x" + called_with.hex()}


def spend(method, nonce=NONCE, to=SHOP, **more):
    return Spend(method, TOKEN, PAYER.address, nonce, to, 50_000, **more)


USED = log(3, (AUTHORIZATION_USED, topic(PAYER.address), NONCE))
EXECUTED = log(2, (PAYMENT_EXECUTED,), topic(TOKEN) + word(50_000) + NONCE, EXECUTOR)
PULLED = log(5, (TRANSFER, topic(PAYER.address), topic(EXECUTOR)), word(50_000))
MOVED = log(4, (TRANSFER, topic(PAYER.address), topic(SHOP)), word(50_000))


@pytest.mark.parametrize(
    ("wanted", "called_with", "found"),
    [
        (spend(Method.EIP3009), NONCE, [4]),
        (spend(Method.EIP3009), b"", [4]),
        (spend(Method.EIP3009, OTHER), OTHER, []),
        (spend(Method.PERMIT2), b"settle" + NONCE, [4]),
        (spend(Method.PERMIT2), b"settle" + OTHER, []),
        (spend(Method.PERMIT2, to=PAYER.address), b"settle" + NONCE, []),
        (spend(Method.PERMIT2, to=EXECUTOR, executed=True), b"", [5]),
        (spend(Method.PERMIT2, OTHER, EXECUTOR, executed=True), OTHER, []),
    ],
    ids=[
        "the token's event and the input",
        "the token's event",
        "an event of another nonce",
        "the input",
        "an input of another nonce",
        "a transfer to somebody else",
        "the executor's event",
        "the executor's event of another nonce",
    ],
)
async def test_a_payment_is_found_by_what_names_its_nonce_and_by_nothing_else(chain, node, wanted, called_with, found):
    """A token with EIP-3009 tells each nonce, Permit2 none; there the input does, or the executor's event."""
    logs = {Method.EIP3009: (USED, MOVED), Method.PERMIT2: (EXECUTED, MOVED, PULLED)}
    mine(node, *logs[wanted.method], called_with=called_with)
    transfers = await chain.spent_in(wanted, 5)
    assert [(one.transaction, one.log_index, one.amount) for one in transfers] == [(PAID, at, 50_000) for at in found]


@pytest.mark.parametrize("method", Method)
async def test_a_payment_whose_transaction_is_in_no_block_any_more_is_not_found(chain, node, method):
    mine(node, USED, MOVED, called_with=NONCE)
    node.says["eth_getTransactionReceipt"] = None
    assert await chain.spent_in(spend(method), 5) == []


# ------------------------------------------------------------------------------------------- reverts, gas and its price


@pytest.mark.parametrize(
    ("error", "detail", "data"),
    [
        (Refused(code=3, message="execution reverted: sold out", data="0xabcd"), "sold out", b"\xab\xcd"),
        (Refused(code=3, message="execution reverted", data="0x"), "reverted", b""),
        (Refused(code=3, message="execution reverted"), "reverted", b""),
        (Refused(code=3, message="execution reverted: paused", data=None), "paused", b""),
    ],
    ids=["its error", "no data", "none told", "null"],
)
async def test_a_revert_is_told_in_the_nodes_words_with_its_data(chain, node, error, detail, data):
    node.says = {"eth_call": error, "eth_estimateGas": error}
    for asked in (chain.call(CALL), chain.estimate_gas(CALL)):
        with pytest.raises(Reverted, match=detail) as caught:
            await asked
        assert caught.value.data == data


@pytest.mark.parametrize("answer", [None, {}, [], 5.5], ids=str)
async def test_what_is_no_number_is_no_estimate(chain, node, answer):
    answers = iter([Refused(code=-32000, message="busy"), answer])
    node.says["eth_estimateGas"] = lambda *_asked: next(answers)
    with pytest.raises(ChainUnavailable, match="nonsense"):
        await chain.estimate_gas(CALL)


async def test_a_node_that_proposes_no_priority_fee_is_asked_what_the_last_blocks_paid(chain, node):
    node.says = {
        "eth_maxPriorityFeePerGas": Refused(code=-32601, message="the method does not exist"),
        "eth_getBlockByNumber": {"hash": BLOCK, "timestamp": "0x1", "baseFeePerGas": "0x10", "number": "0x1"},
        "eth_feeHistory": {"oldestBlock": "0x1", "reward": [[hex(12 * 10**8)]] * 10, "gasUsedRatio": [0.5] * 10},
    }
    with pytest.warns(UserWarning, match="eth_maxPriorityFeePerGas"):
        assert await chain.fees() == Fees(2 * 16 + 12 * 10**8, 12 * 10**8)
