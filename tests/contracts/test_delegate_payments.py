"""Payments of scheme delegate on the deployed executor: the commitment, and what of a signed one can be exchanged."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak
from web3.exceptions import ContractLogicError, Web3RPCError

from protocol import schemes
from protocol.delegate import Commitment
from protocol.payment import PERMIT2, Delegated, Payment
from protocol.wire import PaymentRequirements
from scripts.accounts import account
from server.domain.settlement_calls import execute_call
from tests.contracts.devnet import Devnet
from tests.contracts.wallets import deployment, wallet_signature
from tests.fakes.permit2 import WITNESSED
from tests.stack.atomic import pay_atomic
from tests.stack.buyer import JSON, changed
from tests.stack.choosing import mint_to

PRICE = 1_000_000
FRIEND = Account.create().address
WAYS = ["eip3009", "permit2"]


class Quoted:
    """A 402 of one entry, of no server's."""

    def __init__(self, devnet: Devnet, way: str) -> None:
        asset = devnet.document["assets"][0]
        extra = {"name": asset["name"], "version": asset["version"], "assetTransferMethod": way, "quote": f"1.{way}.m"}
        extra |= {"callback": devnet.contract("AccessPass").address, "calldata": mint_to(FRIEND)}
        entry = {"scheme": "delegate", "network": "eip155:31337", "amount": str(PRICE), "asset": asset["address"]}
        entry |= {"payTo": devnet.contract("DelegateExecutor").address, "maxTimeoutSeconds": 600, "extra": extra}
        self.required: JSON = {"accepts": [entry], "resource": {"url": "http://x"}}


class Payer:
    """A key or a wallet of it, with money and its leave for Permit2."""

    def __init__(self, devnet: Devnet, *, wallet: bool) -> None:
        self.devnet, self.key = devnet, Account.create()
        self.address = self._wallet() if wallet else self.key.address
        token = devnet.contract("TestUSD")
        devnet.send(token.functions.mint(self.address, 10 * PRICE), "deployer")
        devnet.anvil.set_balance(self.address, 10**18)
        devnet.anvil.rpc("anvil_impersonateAccount", self.address)
        leave = token.functions.approve(PERMIT2, 10 * PRICE).transact({"from": self.address})
        devnet.web3.eth.wait_for_transaction_receipt(leave, poll_latency=0.02)

    def _wallet(self) -> str:
        factory, salt = self.devnet.contract("SmartWalletFactory"), b"\5" * 32
        data = "0x" + deployment(factory, self.key, salt).hex()
        sent = self.devnet.web3.eth.send_transaction(
            {"from": account("settler").address, "to": factory.address, "data": data}  # type: ignore[typeddict-item]
        )
        self.devnet.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.02)
        return str(factory.functions.addressOf(self.key.address, salt).call())

    def pay(self, way: str) -> Payment:
        """Signed as its own code wants it."""
        made = pay_atomic(self.key, Quoted(self.devnet, way), self.devnet.now() + 600, self.address)
        signed = read(made).signed
        if self.address == self.key.address:
            return read(made)
        signature = wallet_signature(self.key, self.address, signed)
        return read(changed(made, "payload.signature", "0x" + signature.hex()))


def read(made: JSON) -> Payment:
    return schemes.read(msgspec.convert(made["accepted"], PaymentRequirements), made["payload"])


def action_of(payment: Payment) -> Delegated:
    assert payment.delegated is not None
    return payment.delegated


def submit(devnet: Devnet, payment: Payment, to: str, data: bytes) -> bool:
    """Whether a stranger's call succeeds. A failing one is asked of the node alone."""
    call: Any = {"from": account("stranger").address, "to": to, "data": "0x" + data.hex(), "gas": 2_000_000}
    try:
        devnet.web3.eth.call(call)
    except (ContractLogicError, Web3RPCError):
        return False
    sent = devnet.web3.eth.send_transaction(call)
    return devnet.web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.02)["status"] == 1


def held(devnet: Devnet, address: str) -> int:
    return int(devnet.contract("TestUSD").functions.balanceOf(address).call())


@pytest.mark.parametrize("calldata", [b"", bytes.fromhex(mint_to(FRIEND)[2:]), b"\xff" * 1024], ids=len)
@pytest.mark.parametrize("number", [1, PRICE, 2**256 - 1])
def test_c9_the_commitment_is_what_the_contract_computes(devnet: Devnet, number: int, calldata: bytes) -> None:
    executor, token = devnet.contract("DelegateExecutor"), devnet.contract("TestUSD").address
    words = [keccak(bytes([index])) for index in range(3)]
    action = Delegated(devnet.contract("AccessPass").address, calldata, *words)
    committed = Commitment(31337, executor.address, FRIEND, token, number, action, number)
    told = (FRIEND, token, number, action.target, calldata, words[0], words[1], number, words[2])
    assert executor.functions.nonceOf(told).call() == committed.nonce()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wallet", [False, True], ids=["a key", "a smart wallet"])
def test_what_was_signed_pays_and_acts_once_whoever_submits_it(devnet: Devnet, way: str, wallet: bool) -> None:
    payer = Payer(devnet, wallet=wallet)
    payment = payer.pay(way)
    passes = devnet.contract("AccessPass")
    before = held(devnet, passes.address), passes.functions.balanceOf(FRIEND).call()
    data = execute_call(payment, action_of(payment))
    assert submit(devnet, payment, payment.to, data)
    assert not submit(devnet, payment, payment.to, data), "the nonce is used"
    assert held(devnet, payer.address) == 9 * PRICE
    assert (held(devnet, passes.address), passes.functions.balanceOf(FRIEND).call()) == (
        before[0] + PRICE,
        before[1] + 1,
    )
    assert held(devnet, payment.to) == 0


def substituted(payment: Payment, devnet: Devnet) -> Iterator[tuple[str, str, bytes]]:
    """Calls with another member of the commitment each, under the same signature, and calls past the executor."""
    action = action_of(payment)
    other = encode(["bytes32", "address"], [keccak(b"other"), payment.payer])
    for name, changes in {
        "target": {"target": devnet.contract("LaunchPass").address},
        "calldata": {"calldata": bytes.fromhex(mint_to(account("stranger").address)[2:])},
        "the base action": {"calldata": b""},
        "order and quote": {"quote_hash": keccak(b"other"), "order": keccak(other)},
        "salt": {"salt": keccak(b"salt")},
    }.items():
        yield name, payment.to, execute_call(payment, replace(action, **changes))  # type: ignore[arg-type]
    for name, fields in {
        "amount": {"value": payment.value + 1},
        "less": {"value": PRICE - 1},
        "deadline": {"valid_before": payment.valid_before + 1},
        "token": {"asset": devnet.contract("TestDAI").address},
        "payer": {"payer": account("buyer").address},
    }.items():
        yield name, payment.to, execute_call(replace(payment, **fields), action)  # type: ignore[arg-type]
    permit = ((payment.asset, payment.value), int.from_bytes(payment.nonce, "big"), payment.valid_before)
    thief = account("stranger").address
    told = [permit, (thief, payment.value), payment.payer, payment.nonce, "", payment.signature]
    head = keccak(f"permitWitnessTransferFrom({','.join(WITNESSED)})".encode())[:4]
    yield "spender", PERMIT2, head + encode(WITNESSED, told)


@pytest.mark.parametrize("way", WAYS)
def test_c9_nothing_of_it_can_be_exchanged(devnet: Devnet, way: str) -> None:
    payer = Payer(devnet, wallet=False)
    payment = payer.pay(way)
    tried = [(name, submit(devnet, payment, to, data)) for name, to, data in substituted(payment, devnet)]
    assert [name for name, moved in tried if moved] == []
    assert (len(tried), held(devnet, payer.address)) == (11, 10 * PRICE)
    assert submit(devnet, payment, payment.to, execute_call(payment, action_of(payment))), "as signed it is good"
