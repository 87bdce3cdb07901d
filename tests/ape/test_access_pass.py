"""AccessPass on Ape's own chain: what a payment mints, and who may hand it in."""

from dataclasses import replace

import ape
import pytest

from scripts.accounts import ROLES, account
from scripts.callback_lab.request import EIP3009, Request, sign, split
from scripts.compile import compile_contracts
from scripts.deploying import container_of
from scripts.etch import PERMIT2

PRICE = 1_000_000
DAY = 86_400


@pytest.fixture(scope="session")
def artifacts():
    return compile_contracts(sources=("contracts/mocks/TestUSD.sol", "contracts/callbacks/AccessPass.sol"))


@pytest.fixture
def deployed(artifacts, accounts):
    """Deploys a contract of ours by its name, from Ape's first test account."""

    def deploy(name, *arguments):
        artifact = artifacts[name]
        return accounts[0].deploy(container_of(name, artifact.abi, artifact.bytecode), *arguments)

    return deploy


@pytest.fixture
def token(deployed, accounts):
    token = deployed("TestUSD", accounts[0])
    token.mint(account("delegate").address, 100 * PRICE, sender=accounts[0])
    return token


@pytest.fixture
def access_pass(deployed, accounts, token):
    merchant, delegate = account("merchant").address, account("delegate").address
    return deployed("AccessPass", merchant, [delegate], token, PERMIT2, "Access Pass", "PASS", PRICE, 10, DAY)


@pytest.fixture
def payment(access_pass, token, chain):
    """A payment of the buyer's, held and signed for by the delegate wallet."""
    delegate, until = account("delegate"), chain.pending_timestamp + DAY
    request = Request(
        EIP3009, chain.chain_id, access_pass.address, delegate.address, PERMIT2, token.address,
        account("buyer").address, delegate.address, PRICE, until, b"", b"", 0, until, b"",
    ).of_order("order-1")  # fmt: skip
    return replace(request, pull=sign(request.pull_digest(), bytes(delegate.key)))


@pytest.fixture
def hand_in(accounts, access_pass):
    """Hands a payment in as a role of the devnet's; their keys are those of Ape's test accounts."""

    def handed(payment, role="delegate"):
        who, when = (payment.token, payment.payer, payment.holder, payment.amount), (0, payment.valid_before)
        sender = accounts[ROLES.index(role)]
        return access_pass.x402SpentEip3009(*who, *when, payment.nonce, *split(payment.pull), sender=sender)

    return handed


def test_a_payment_mints_a_pass_for_its_payer(access_pass, token, payment, hand_in):
    receipt = hand_in(payment)
    (minted,) = receipt.decode_logs(access_pass.PassMinted)
    assert access_pass.ownerOf(minted.passId) == payment.payer
    assert access_pass.isValid(minted.passId)
    assert token.balanceOf(access_pass) == access_pass.revenue(token) == PRICE


def test_an_order_is_worked_on_once(access_pass, payment, hand_in):
    hand_in(payment)
    with ape.reverts():
        hand_in(payment)
    assert access_pass.minted() == 1


def test_nobody_but_the_delegate_wallet_hands_payments_in(access_pass, payment, hand_in):
    for role in ("stranger", "merchant", "buyer"):
        with ape.reverts():
            hand_in(payment, role)
    assert access_pass.minted() == 0


def test_the_merchant_takes_its_revenue_and_no_more(accounts, access_pass, token, payment, hand_in):
    hand_in(payment)
    merchant = accounts[ROLES.index("merchant")]
    with ape.reverts():
        access_pass.withdrawRevenue(token, merchant, PRICE + 1, sender=merchant)
    access_pass.withdrawRevenue(token, merchant, PRICE, sender=merchant)
    assert token.balanceOf(merchant) == PRICE
