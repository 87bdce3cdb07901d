"""Chosen calldata on a devnet: what a preview says is what the callback does, for keys and for smart wallets."""

import secrets

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from protocol.actions import Action
from protocol.typed_data import Transfer
from scripts.accounts import account
from server.adapters.chain import EvmChain
from server.application.preview import preview
from server.domain import calls
from server.domain.errors import Reverted
from tests.contracts.devnet import Devnet
from tests.contracts.test_purchases import fund, pull
from tests.contracts.wallets import deployment, wallet_signature
from tests.stack.choosing import mint_to

FRIEND = Account.create().address
OWNER = Account.create()


@pytest.fixture
async def chain(devnet):
    opened = EvmChain(devnet.anvil.url, 2)
    yield opened
    await opened.close()


@pytest.fixture
def wallet(devnet):
    """A smart wallet of OWNER's, deployed."""
    factory, salt = devnet.contract("SmartWalletFactory"), secrets.token_bytes(32)
    made = {"from": account("settler").address, "to": factory.address, "data": deployment(factory, OWNER, salt)}
    devnet.web3.eth.wait_for_transaction_receipt(devnet.web3.eth.send_transaction(made), poll_latency=0.02)
    return factory.functions.addressOf(OWNER.address, salt).call()


def action(devnet: Devnet, payer: str, name: str = "AccessPass", **changes: object) -> Action:
    contract = devnet.contract(name)
    usual = {
        "chain_id": 31337,
        "contract": contract.address,
        "token": devnet.document["assets"][0]["address"],
        "owner": account("delegate").address,
        "payer": payer,
        "amount": contract.functions.PRICE().call(),
        "order": keccak(secrets.token_bytes(16)),
        "deadline": devnet.now() + 900,
        "calldata": bytes.fromhex(mint_to(FRIEND)[2:]),
    }
    return Action(**usual | changes)


def signed(made: Action, wallet: str | None = None) -> bytes:
    if wallet:
        return wallet_signature(OWNER, wallet, made.digest())
    return bytes(OWNER.unsafe_sign_hash(made.digest()).signature)


def run(devnet: Devnet, made: Action, signature: bytes):
    """The delegate wallet's call for real, with the money there."""
    fund(devnet, made.amount)
    after, before, nonce, v, r, s = pull(devnet, made.contract, made.amount, made.order)
    payout = Transfer(made.owner, made.contract, made.amount, after, before, nonce)
    chosen = calls.SignedCalldata(made.calldata, made.deadline, signature)
    data = calls.spent_eip3009(made.token, made.payer, payout, r + s + bytes([v]), chosen)
    call = {"from": made.owner, "to": made.contract, "data": data, "gas": 2_000_000}
    return devnet.web3.eth.wait_for_transaction_receipt(devnet.web3.eth.send_transaction(call), poll_latency=0.02)


def abi_of(devnet: Devnet):
    return devnet.document["contracts"]["AccessPass"]["abi"]


@pytest.mark.parametrize("by", ["a key", "a smart wallet"])
async def test_what_a_preview_lets_through_the_callback_does(devnet, chain, wallet, by):
    payer = wallet if by == "a smart wallet" else OWNER.address
    made = action(devnet, payer)
    signature = signed(made, wallet if by == "a smart wallet" else None)
    pass_contract = devnet.contract("AccessPass")
    before = devnet.web3.eth.block_number, pass_contract.functions.balanceOf(FRIEND).call()
    await preview(chain, made, signature)
    await preview(chain, made, None)
    assert (devnet.web3.eth.block_number, pass_contract.functions.balanceOf(FRIEND).call()) == before
    assert run(devnet, made, signature)["status"] == 1
    assert pass_contract.functions.balanceOf(FRIEND).call() == before[1] + 1
    with pytest.raises(Reverted) as again:
        await preview(chain, made, signature)
    assert calls.describe_revert(abi_of(devnet), again.value.data).startswith("OrderConsumed(")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"calldata": bytes.fromhex("deadbeef")}, "ActionNotListed(0xdeadbeef)"),
        ({"calldata": b"\x75\x5e"}, "CalldataTooShort(2)"),
        ({"amount": 1}, "AmountOutOfBounds("),
        ({"deadline": 1}, "DeadlinePassed("),
        ({"owner": FRIEND}, f"CallerNotListed({FRIEND})"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_c2_a_preview_names_the_contracts_own_error(devnet, chain, changes, error):
    made = action(devnet, OWNER.address, **changes)
    for signature in (signed(made), None):
        with pytest.raises(Reverted) as refused:
            await preview(chain, made, signature)
        assert calls.describe_revert(abi_of(devnet), refused.value.data).startswith(error)


@pytest.mark.parametrize("other", ["amount", "order", "deadline", "calldata", "contract", "chain_id"])
async def test_c5_a_preview_takes_no_signature_over_anything_else(devnet, chain, wallet, other):
    changes = {
        "amount": 1,
        "order": keccak(b"another"),
        "deadline": 2**40,
        "calldata": bytes.fromhex(mint_to(OWNER.address)[2:]),
        "contract": FRIEND,
        "chain_id": 1,
    }
    for payer, key in ((OWNER.address, None), (wallet, wallet)):
        wrong = action(devnet, payer, **{other: changes[other]})
        right = action(devnet, payer, order=wrong.order if other != "order" else keccak(b"mine"))
        with pytest.raises(Reverted) as refused:
            await preview(chain, right, signed(wrong, key))
        assert calls.describe_revert(abi_of(devnet), refused.value.data).startswith("PayerSignatureInvalid(")
