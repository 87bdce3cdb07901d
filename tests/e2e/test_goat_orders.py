"""A merchant's back end against a real server, worker and devnet: it speaks GOAT's published interface alone."""

import json

import httpx
import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from tests.stack.commands import paddock
from tests.stack.funds import allow_permit2, fund
from tests.stack.goat_client import GoatClient, calldata_signature, proof_signer, required_of
from tests.stack.invariants import assert_invariants
from tests.stack.marketplace import Marketplace
from tests.stack.waiting import eventually, until

PRICE = 25_000


@pytest.fixture
async def shop(place):
    """A new merchant's back end."""
    async for client in taken_in(place):
        yield client


async def taken_in(place, *options):
    """The back end of a merchant that the operator takes in."""
    merchant = f"shop-{Account.create().address[2:10].lower()}"
    status, said = paddock(place, "merchant", "add", merchant, "--pay-to", Account.create().address, *options)
    assert status == 0, said
    key, secret = said.splitlines()[:2]
    async with httpx.AsyncClient(timeout=30) as http:
        client = GoatClient(http, place.url, key, secret)

        async def known():
            return (await client.call("GET", "/api/v1/orders/none")).status_code == 404

        await eventually(known, 15, "the server knows the merchant", 0.3)
        yield client
    assert secret not in place.logs()
    assert key not in place.logs()


def send(anvil, payer, token, to, amount):
    """An ordinary ERC-20 transfer by the payer's wallet."""
    data = keccak(b"transfer(address,uint256)")[:4] + bytes(12) + bytes.fromhex(to[2:]) + amount.to_bytes(32, "big")
    anvil.set_balance(payer.address, 10**18)
    gas = {"gas": "0x30d40", "from": payer.address}
    anvil.rpc("anvil_impersonateAccount", payer.address)
    return anvil.rpc("eth_sendTransaction", gas | {"to": token, "data": "0x" + data.hex()})


@pytest.mark.parametrize("sound", [False, True])
async def test_w4_w8_a_back_end_sells_by_transfer_and_proves_it(place, shop, payer, anvil, market, tmp_path, sound):
    shop.sound = sound
    wish = {
        "chain_id": 31337,
        "token_symbol": market.asset.symbol,
        "from_address": payer.address.lower(),
        "amount_wei": str(PRICE),
    }
    first = await eventually(lambda: taken(shop, wish | {"dapp_order_id": "1"}), 20, "the worker watches", 0.3)
    (terms,) = first["accepts"]
    assert (await shop.create(**wish, dapp_order_id="2")).status_code == 400, "two could not be told apart"
    assert (await shop.cancel(first["order_id"])).json()["status"] == "cancelled"
    second = required_of(await shop.create(**wish, dapp_order_id="2"))
    transaction = send(anvil, payer, terms["asset"], terms["payTo"], int(terms["amount"]))

    async def confirmed():
        return await shop.status(second["order_id"]) == "PAYMENT_CONFIRMED"

    await eventually(confirmed, 30, "the transfer is found", 0.2)
    assert await shop.status(first["order_id"]) == "CANCELLED"
    proof = await shop.proof(second["order_id"])
    published = (await shop.http.get(f"{place.url}/.well-known/x402")).json()["receiptSigners"]
    assert (proof["payload"]["tx_hash"], proof_signer(proof) in published) == (transaction, True)
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(proof))
    status, said = paddock(place, "verify", str(path), "--signer", published[0], "--rpc", place.rpc)
    assert (status, "is that Transfer" in said) == (0, True), said
    path.write_text(json.dumps(proof | {"payload": proof["payload"] | {"amount_wei": str(2 * PRICE)}}))
    assert paddock(place, "verify", str(path), "--signer", published[0])[0] == 1

    used = shop.request("GET", f"/api/v1/orders/{second['order_id']}")
    assert [(await shop.send(used)).status_code for _ in range(2)] == [200, 401]
    forged = GoatClient(shop.http, shop.url, shop.key, "0" * 64, sound=sound)
    assert (await forged.create(**wish, dapp_order_id="3")).status_code == 401
    shop.sound = False
    assert (await shop.create(**wish, dapp_order_id="3&amount_wei=1")).status_code == 401


async def taken(shop, wish):
    """The terms, once somebody looks for transfers."""
    answer = await shop.create(**wish)
    return required_of(answer) if answer.status_code != 503 else None


@pytest.fixture
async def pass_shop(place):
    """A new merchant whose money is handed to the contract AccessPass."""
    async for client in taken_in(place, "--callback", "AccessPass"):
        yield client


async def test_w4_the_contract_acts_as_the_payer_signed(place, pass_shop, payer, anvil, market):
    holder = Account.create().address
    calldata = keccak(b"mintTo(address)")[:4] + bytes(12) + bytes.fromhex(holder[2:])
    wish = {
        "dapp_order_id": "1",
        "chain_id": 31337,
        "token_symbol": market.asset.symbol,
        "from_address": payer.address,
        "amount_wei": "1000000",
        "callback_calldata": "0x" + calldata.hex(),
    }
    required = await eventually(lambda: taken(pass_shop, wish), 20, "the worker watches", 0.3)
    (terms,), order_id = required["accepts"], required["order_id"]
    unlisted = await pass_shop.create(**wish | {"token_symbol": "DAI", "dapp_order_id": "2"})
    assert (unlisted.status_code, "does not take DAI" in unlisted.json()["error"]) == (400, True)
    assert (required["flow"], terms["payTo"]) == ("ERC20_3009", market.delegate)
    send(anvil, payer, terms["asset"], terms["payTo"], 1_000_000)
    stranger = calldata_signature(required, Account.create())
    assert (await pass_shop.sign_calldata(order_id, stranger)).status_code == 400
    answer = await pass_shop.sign_calldata(order_id, calldata_signature(required, payer))
    assert answer.json() == {"status": "ok", "order_id": order_id}, answer.text

    status = f"{place.url}/api/orders/{order_id}"
    await eventually(lambda: delivered(pass_shop, status), 30, "the contract has acted", 0.2)
    assert passes(anvil, market.contracts["AccessPass"].address, holder) == 1
    assert await pass_shop.status(order_id) == "PAYMENT_CONFIRMED"


async def delivered(shop, status):
    return (await shop.http.get(status)).json()["status"] == "completed"


def passes(anvil, contract, holder):
    """How many passes somebody holds."""
    data = keccak(b"balanceOf(address)")[:4] + bytes(12) + bytes.fromhex(holder[2:])
    return int(anvil.rpc("eth_call", {"to": contract, "data": "0x" + data.hex()}, "latest"), 16)


def sent(anvil, by, to, data):
    """A call by an account of anybody's, mined."""
    anvil.set_balance(by, 10**18)
    anvil.rpc("anvil_impersonateAccount", by)
    transaction = anvil.rpc("eth_sendTransaction", {"gas": "0x30d40", "from": by, "to": to, "data": "0x" + data.hex()})
    found = until(lambda: anvil.rpc("eth_getTransactionReceipt", transaction), 10, "it is mined")
    assert found["status"] == "0x1"


@pytest.fixture
def dai_place(own_anvil, market, sqlite_url, deployments, tmp_path):
    """A marketplace of this test's own, whose contract takes DAI, and whose delegate wallet lets Permit2 take it."""
    dai = next(asset for asset in market.assets if asset.symbol == "DAI")
    contract = market.contracts["AccessPass"].address
    owner = own_anvil.rpc("eth_call", {"to": contract, "data": "0x" + keccak(b"owner()")[:4].hex()}, "latest")
    listed = keccak(b"listToken(address,bool)")[:4] + bytes(12) + bytes.fromhex(dai.address[2:]) + bytes(31) + b"\x01"
    sent(own_anvil, "0x" + owner[-40:], contract, listed)
    allow_permit2(own_anvil, market, market.delegate, 10**30, dai)
    place = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments)
    try:
        place.start_server()
        place.start_worker()
        yield place
    finally:
        place.stop()


async def test_w4_a_token_without_eip3009_is_handed_in_by_permit2(dai_place, own_anvil, market):
    dai = next(asset for asset in market.assets if asset.symbol == "DAI")
    payer, holder, contract = Account.create(), Account.create().address, market.contracts["AccessPass"].address
    fund(own_anvil, market, payer.address, 10**18, dai)
    calldata = keccak(b"mintTo(address)")[:4] + bytes(12) + bytes.fromhex(holder[2:])
    wish = {"chain_id": 31337, "token_symbol": "DAI", "from_address": payer.address, "dapp_order_id": "1"}
    wish |= {"amount_wei": "1000000", "callback_calldata": "0x" + calldata.hex()}
    async for shop in taken_in(dai_place, "--callback", "AccessPass"):
        required = await eventually(lambda shop=shop: taken(shop, wish), 20, "the worker watches", 0.3)
        assert required["flow"] == "ERC20_APPROVE_XFER"
        answer = await shop.sign_calldata(required["order_id"], calldata_signature(required, payer))
        assert answer.status_code == 200, answer.text
        ours = f"{dai_place.url}/api/orders/{required['order_id']}/calldata-signature"
        document = (await shop.http.get(ours)).json()["document"]
        assert document["primaryType"] == "Permit2CallbackPayment"
        again = "0x" + payer.sign_typed_data(full_message=document).signature.hex()
        answer = await shop.sign_calldata(required["order_id"], again)
        assert answer.status_code == 200, f"the contract takes our struct as well: {answer.text}"
        send(own_anvil, payer, dai.address, market.delegate, 1_000_000)

        status = f"{dai_place.url}/api/orders/{required['order_id']}"
        await eventually(lambda status=status, shop=shop: delivered(shop, status), 30, "the contract has acted", 0.2)
        assert passes(own_anvil, contract, holder) == 1
        assert (await shop.create(**wish | {"token_symbol": "FUSDC", "dapp_order_id": "2"})).status_code == 400
    async with dai_place.parts() as parts:
        await assert_invariants(parts, paid=1)


def test_an_operator_keeps_a_merchants_fee_balance_by_command(place):
    merchant = f"payer-{Account.create().address[2:10].lower()}"
    assert paddock(place, "merchant", "add", merchant, "--pay-to", Account.create().address)[0] == 0
    assert "already" in paddock(place, "merchant", "add", merchant, "--pay-to", Account.create().address)[1]
    for arguments, status, said in (
        (("deposit", merchant, "25.5"), 0, "$25.5"),
        (("withdraw", merchant, "5"), 0, "$20.5"),
        (("withdraw", merchant, "20.500001"), 2, "insufficient fee balance: available=$20.5"),
        (("deposit", merchant, "0"), 2, "above zero"),
        (("deposit", "nobody", "1"), 2, "no merchant 'nobody'"),
        (("balance", merchant), 0, "$20.5"),
    ):
        found = paddock(place, "merchant", *arguments)
        assert (found[0], said in found[1]) == (status, True), found
