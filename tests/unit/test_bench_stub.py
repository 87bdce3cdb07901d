"""The stub's chain has what was paid, once, where a node would have it; P2 counts payments that left everything."""

import asyncio
import json
import secrets
import time

import msgspec
import pytest
from eth_account import Account

from protocol.payment import Method, Payment
from protocol.typed_data import TokenDomain, Transfer, authorization_digest
from scripts import rpc
from scripts.bench import stub_node
from scripts.bench.stub_calls import Moved, payments, sent
from scripts.bench.stub_chain import GAS_PRICE, Block, StubChain
from server.adapters.logs import Receipt
from server.adapters.signers import LocalSigner
from server.domain import calls
from server.domain.evidence import TRANSFER, spend_of, topic, transfers_of
from server.domain.payment_calls import payment_call, settle_batch
from server.ports import Call, Fees

PAYER, SENDER = Account.create(), Account.create()
TOKEN, SETTLER, MERCHANT = (Account.create().address for _ in range(3))
DOMAIN = TokenDomain("USDC", "2", 31337, TOKEN)
NOW = 1_800_000_000.0
BASE = Block(40, "0x" + "40" * 32, "0x" + "39" * 32, int(NOW), (), ())


def signed(value=5000):
    transfer = Transfer(PAYER.address, MERCHANT, value, 0, 2**40, secrets.token_bytes(32))
    digest = authorization_digest(DOMAIN, transfer)
    signature = bytes(PAYER.unsafe_sign_hash(digest).signature)
    return Payment("exact", Method.EIP3009, "eip155:31337", TOKEN, *transfer, digest, signature, domain=DOMAIN)


async def raw(to, data, nonce=7):
    call = Call(SENDER.address, to, data)
    return (await LocalSigner(SENDER.key).sign(31337, nonce, call, 100_000, Fees(2 * GAS_PRICE, GAS_PRICE))).raw


async def test_a_transaction_is_read_in_the_form_that_each_side_signs():
    one = signed()
    _, data = payment_call(one, one.value)
    legacy = {
        "nonce": 7,
        "gasPrice": GAS_PRICE,
        "gas": 100_000,
        "to": TOKEN,
        "value": 0,
        "data": data,
        "chainId": 31337,
    }
    for text in (await raw(TOKEN, data), bytes(SENDER.sign_transaction(legacy).raw_transaction)):
        found = sent(text)
        assert (found.sender, found.nonce, found.to, found.data) == (SENDER.address, 7, TOKEN, data)
    assert sent(bytes(SENDER.sign_transaction(legacy).raw_transaction)).hash == (
        "0x" + bytes(SENDER.sign_transaction(legacy).hash).hex()
    )


def test_payments_are_read_from_the_tokens_call_and_from_a_batch():
    several = [signed(5000), signed(6000)]
    moved = [Moved(one.payer, one.to, one.value, one.nonce) for one in several]
    assert payments(payment_call(several[0], 5000)[1]) == moved[:1]
    assert payments(settle_batch(TOKEN, several)) == moved
    assert payments(calls.balance_of(MERCHANT)) == []


async def paid(chain, several, now=NOW):
    """The hash of a batch that is in a block of the stub."""
    transaction = sent(await raw(SETTLER, settle_batch(TOKEN, several)))
    chain.pay(transaction, payments(transaction.data), now)
    return transaction.hash


async def test_what_was_paid_is_in_receipt_balances_and_logs_of_its_block():
    chain, several = StubChain(TOKEN, BASE), [signed(), signed(7000)]
    hash_ = await paid(chain, several)
    receipt = json.dumps(chain.receipts[hash_] | {"logs": list(chain.receipts[hash_]["logs"])})
    mined = msgspec.json.decode(receipt, type=Receipt).mined()
    assert (mined.succeeded, mined.block) == (True, 41)
    assert [transfers_of(mined, spend_of(one))[0].amount for one in several] == [5000, 7000]
    assert [chain.moved(MERCHANT, block) for block in (40, 41, 50)] == [0, 12_000, 12_000]
    assert chain.moved(PAYER.address, 41) == -12_000
    asked = {"address": TOKEN.lower(), "topics": ["0x" + TRANSFER.hex(), None, "0x" + topic(MERCHANT).hex()]}
    assert [int(one["data"], 16) for one in chain.logs(41, 41, asked)] == [5000, 7000]
    assert list(chain.logs(42, 50, asked)) == list(chain.logs(0, 40, asked)) == []
    assert list(chain.logs(41, 41, asked | {"address": [SETTLER]})) == []
    assert len(list(chain.logs(0, 50, {}))) == 6
    assert [chain.sent(SENDER.address, block) for block in (40, 41)] == [0, 1]


async def test_a_nonce_that_was_used_moves_nothing_again():
    chain, one = StubChain(TOKEN, BASE), signed()
    await paid(chain, [one])
    again = await paid(chain, [one, other := signed(6000)])
    assert len(chain.receipts[again]["logs"]) == 3, "what shares its batch moves"
    assert chain.moved(MERCHANT, 42) == 5000 + other.value
    last = await paid(chain, [one])
    assert (chain.receipts[last]["status"], chain.receipts[last]["logs"]) == ("0x0", [])


def test_a_block_comes_every_second_and_each_knows_the_one_before():
    chain = StubChain(TOKEN, BASE)
    chain.catch_up(NOW + 3.5)
    assert [(one.number, one.time) for one in chain.blocks] == [(40 + n, int(NOW) + n) for n in (1, 2, 3)]
    assert [one.parent for one in chain.blocks] == [BASE.hash, *(one.hash for one in chain.blocks[:-1])]
    assert chain.at(40) is chain.at(44) is None


@pytest.fixture
def devnet(monkeypatch):
    """A devnet at block 40, and what it was asked for."""
    asked = []
    answers = {
        "eth_getTransactionCount": "0x5",
        "eth_call": "0x" + (9000).to_bytes(32, "big").hex(),
        "eth_getLogs": [],
        "eth_chainId": "0x7a69",
    }

    def call(_url, method, *given):
        asked.append((method, *given))
        return answers[method] if given != (SENDER.address, hex(20)) else "0x2"

    monkeypatch.setattr(rpc, "call", call)
    monkeypatch.setattr(time, "time", lambda: NOW)
    return asked


async def told(node, method, *given):
    answer = await node.answer({"id": 3, "method": method, "params": list(given)})
    assert answer["id"] == 3
    return answer.get("result", answer.get("error"))


async def test_a_payment_is_settled_by_what_a_facilitator_asks(devnet):
    node, one = stub_node.Node("devnet", StubChain(TOKEN, BASE)), signed()
    to, data = payment_call(one, one.value)
    call, balance = (
        {"to": to, "data": "0x" + data.hex()},
        {"to": TOKEN, "data": "0x" + calls.balance_of(MERCHANT).hex()},
    )
    state = {"to": TOKEN, "input": "0x" + calls.authorization_state(one.payer, one.nonce).hex()}
    assert await told(node, "eth_call", call, "latest") == "0x"
    assert int(await told(node, "eth_call", state, "latest"), 16) == 0
    assert await told(node, "eth_getTransactionCount", SENDER.address, "pending") == "0x5"
    assert await told(node, "eth_getTransactionCount", SENDER.address, hex(20)) == "0x2"
    hash_ = await told(node, "eth_sendRawTransaction", "0x" + (await raw(to, data)).hex())
    assert (await told(node, "eth_getTransactionReceipt", hash_))["status"] == "0x1"
    again = await told(node, "eth_sendRawTransaction", "0x" + (await raw(to, data)).hex())
    assert again["message"] == "already known"
    assert await told(node, "eth_blockNumber") == hex(41)
    assert await told(node, "eth_getTransactionCount", SENDER.address, "pending") == "0x6"
    assert int(await told(node, "eth_call", balance, "latest"), 16) == 14_000
    assert int(await told(node, "eth_call", balance, hex(40)), 16) == 9000
    assert int(await told(node, "eth_call", state, "latest"), 16) == 1
    assert "reverted" in (await told(node, "eth_call", call, "latest"))["message"]
    assert "reverted" in (await told(node, "eth_estimateGas", call))["message"]
    assert len(await told(node, "eth_getLogs", {"address": TOKEN, "fromBlock": "0x1", "toBlock": "latest"})) == 2
    assert devnet[-1] == ("eth_getLogs", {"address": TOKEN, "fromBlock": "0x1", "toBlock": hex(40)})


async def test_a_payment_is_filled_in_for_who_asks_for_that(devnet):
    node, (to, data) = stub_node.Node("devnet", StubChain(TOKEN, BASE)), payment_call(signed(), 5000)
    asked = {"from": SENDER.address, "to": to, "data": "0x" + data.hex()}
    filled = (await told(node, "eth_fillTransaction", asked))["tx"]
    assert (filled["nonce"], filled["input"], filled["to"]) == ("0x5", asked["data"], to)
    assert filled["gas"] == await told(node, "eth_estimateGas", asked)
    assert (await told(node, "eth_fillTransaction", asked | {"nonce": "0x9"}))["tx"]["nonce"] == "0x9"


async def test_what_is_no_payment_is_executed_by_the_devnet_and_gets_a_block(devnet, monkeypatch):
    log = {"address": SETTLER, "topics": ["0x" + "11" * 32], "data": "0x", "blockNumber": "0x99"}
    mined = {"status": "0x1", "gasUsed": "0x5208", "logs": [log]}
    monkeypatch.setattr(rpc, "call", lambda url, method, *given: mined if "Sync" in method else "0x5")
    node = stub_node.Node("devnet", StubChain(TOKEN, BASE))
    hash_ = await told(node, "eth_sendRawTransaction", "0x" + (await raw(SETTLER, b"\1\2\3\4")).hex())
    receipt = await told(node, "eth_getTransactionReceipt", hash_)
    assert (receipt["blockNumber"], receipt["logs"][0]["blockNumber"]) == (hex(41), hex(41))
    assert await told(node, "eth_getTransactionCount", SENDER.address, "pending") == "0x5", "as the devnet counts"


async def test_an_error_of_the_devnet_is_passed_on(monkeypatch):
    def refuse(_url, _method, *_given):
        raise rpc.RpcRefusal("eth_call failed", "0x1234")

    monkeypatch.setattr(rpc, "call", refuse)
    node = stub_node.Node("devnet", StubChain(TOKEN, BASE))
    found = await told(node, "eth_call", {"to": SETTLER, "data": "0x01"}, "latest")
    assert found == {"code": 3, "message": "eth_call failed", "data": "0x1234"}


class Written(asyncio.Transport):
    """What was answered."""

    def __init__(self):
        super().__init__()
        self.data, self.done = b"", asyncio.Event()

    def write(self, data):
        self.data += data
        self.done.set()


async def test_a_request_that_comes_in_pieces_is_answered_once_it_is_whole(devnet):
    wire, written = stub_node.Wire(stub_node.Node("devnet", StubChain(TOKEN, BASE))), Written()
    wire.connection_made(written)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}).encode()
    whole = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    for at in range(0, len(whole), 40):
        assert not written.data
        wire.data_received(whole[at : at + 40])
    await asyncio.wait_for(written.done.wait(), 5)
    assert json.loads(written.data.partition(b"\r\n\r\n")[2]) == {"jsonrpc": "2.0", "id": 1, "result": "0x28"}
