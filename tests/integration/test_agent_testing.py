"""The test kit: sellers over real HTTP, what they verify, and the accounts that they keep."""

import base64
import json
import time

import httpx
import pytest
from eth_account import Account
from x402 import x402ClientSync
from x402.http.clients.requests import x402_requests
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact import register_exact_evm_client

from agent.testing import corpus
from agent.testing.corpus.cases import CONTRACT
from agent.testing.seller import NETWORK, USDC
from agent.testing.stand import stand
from agent.wallet import sign_digest
from protocol import headers
from protocol.networks import chain_id, v1_name
from protocol.typed_data import TokenDomain, Transfer, authorization_digest
from protocol.wire import PaymentRequired, SettleResponse
from protocol.wire_v1 import PaymentRequiredV1, SettleResponseV1

PAYER = Account.from_key("0x" + "11" * 32)
NONCE = b"\x07" * 32


@pytest.fixture
def seller():
    with stand() as seller:
        yield seller


def signed(entry, **changes):
    """The payload of an authorization for these terms, with other values where told."""
    values = {"value": int(entry.amount), "to": entry.pay_to, "after": 0, "before": int(time.time()) + 60}
    values |= {"nonce": NONCE, "asset": entry.asset, "network": entry.network, "by": PAYER} | changes
    transfer = Transfer(
        PAYER.address, values["to"], values["value"], values["after"], values["before"], values["nonce"]
    )
    domain = TokenDomain("USDC", "2", chain_id(values["network"]), values["asset"])
    signature = "0x" + sign_digest(values["by"], authorization_digest(domain, transfer)).hex()
    authorization = {"from": transfer.payer, "to": transfer.to, "value": str(transfer.value)}
    authorization |= {"validAfter": str(transfer.valid_after), "validBefore": str(transfer.valid_before)}
    return {"signature": signature, "authorization": authorization | {"nonce": "0x" + transfer.nonce.hex()}}


def payment(seller, url=None, **changes):
    """The v2 header of a payment for what a seller asks; `accepted` changes what is echoed of the terms."""
    echoed = changes.pop("accepted", {})
    required = headers.decode(httpx.get(url or seller.url).headers[headers.PAYMENT_REQUIRED], PaymentRequired)
    (entry,) = required.accepts
    accepted = json.loads(headers.to_json(entry)) | echoed
    body = {"x402Version": 2, "accepted": accepted, "payload": signed(entry, **changes)}
    return {headers.PAYMENT_SIGNATURE: base64.b64encode(json.dumps(body).encode()).decode()}


# ------------------------------------------------------------------------------------------------------- it sells


def test_an_official_client_of_v2_buys_and_gets_a_signed_receipt(seller):
    client = x402ClientSync()
    register_exact_evm_client(client, EthAccountSigner(PAYER))
    with x402_requests(client) as session:
        answer = session.get(seller.url)
    assert answer.json() == {"answer": 42}
    (sale,) = seller.sales
    assert (sale.version, sale.payment.payer, sale.payment.value) == (2, PAYER.address, 50_000)
    settled = headers.decode(answer.headers[headers.PAYMENT_RESPONSE], SettleResponse)
    assert settled.transaction == sale.receipt.receipt.transaction
    published = httpx.get(f"{seller.origin}/.well-known/x402").json()["receiptSigner"]
    assert sale.receipt.signer() == published
    seller.assert_within(50_000)


def test_a_client_of_v1_finds_its_terms_in_the_body_and_pays_in_its_header(seller):
    told = httpx.get(seller.url)
    required = headers.decode_json(told.content, PaymentRequiredV1)
    entry = required.modern().accepts[0]
    body = {"x402Version": 1, "scheme": "exact", "network": v1_name(NETWORK), "payload": signed(entry)}
    answer = httpx.get(seller.url, headers={headers.X_PAYMENT: headers.encode(body)})
    assert answer.json() == {"answer": 42}
    settled = headers.decode(answer.headers[headers.X_PAYMENT_RESPONSE], SettleResponseV1)
    assert (settled.success, settled.payer) == (True, PAYER.address)
    assert [sale.version for sale in seller.sales] == [1]
    seller.assert_within(50_000)


def test_a_price_of_nothing_is_free_and_a_queue_says_how_the_next_are_answered(seller):
    seller.amount = 0
    assert httpx.get(seller.url).json() == {"answer": 42}
    seller.amount = 7_000
    seller.asked.extend(["429", "503", "reset"])
    seller.paid.extend(["503", "lost"])
    for status in (429, 503):
        answer = httpx.get(seller.url)
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "1")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(seller.url)
    paid = payment(seller)
    assert httpx.get(seller.url, headers=paid).status_code == 503
    assert seller.sales == []
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(seller.url, headers=paid)
    assert httpx.get(seller.url, headers=paid).json() == {"answer": 42}
    assert len(seller.sales) == 1
    seller.assert_within(7_000)


def test_a_request_arrives_whole_whatever_its_method(seller):
    httpx.request("PATCH", f"{seller.url}?q=%26&r=a+b", json={"text": "hi"}, headers={"x-own": "1"})
    (request,) = seller.requests
    assert (request.method, request.url.raw_path, request.headers["x-own"]) == ("PATCH", b"/v1/echo?q=%26&r=a+b", "1")
    assert json.loads(request.content) == {"text": "hi"}


# -------------------------------------------------------------------------------------------------- what it refuses

WRONG = {
    "too little": {"value": 49_999},
    "too much": {"value": 50_001},
    "to another": {"to": CONTRACT},
    "signed by another": {"by": Account.from_key("0x" + "22" * 32)},
    "signed for another chain": {"network": "eip155:8453"},
    "signed for another token": {"asset": CONTRACT},
    "another network named": {"accepted": {"network": "eip155:8453"}},
    "another scheme named": {"accepted": {"scheme": "upto"}},
    "lapsed": {"before": int(time.time()) - 1},
    "not valid yet": {"after": int(time.time()) + 3_600},
}


@pytest.mark.parametrize("how", WRONG)
def test_a_payment_that_is_not_for_these_very_terms_buys_nothing(seller, how):
    answer = httpx.get(seller.url, headers=payment(seller, **WRONG[how]))
    assert answer.status_code == 402
    assert answer.json()["error"]
    assert seller.sales == []


def test_an_authorization_pays_for_one_thing_once(seller):
    paid = payment(seller)
    first, again = (httpx.get(seller.url, headers=paid) for _ in range(2))
    assert (first.json(), again.json()) == ({"answer": 42}, {"answer": 42})
    other = httpx.get(f"{seller.url}?q=2", headers=paid)
    assert (other.status_code, other.json()["error"]) == (402, "the authorization was used for something else")
    assert httpx.post(seller.url, headers=paid).status_code == 402
    assert httpx.request("GET", seller.url, json={}, headers=paid).status_code == 402
    assert len(seller.sales) == 1


# ----------------------------------------------------------------------------------------------------- its accounts


def assert_breach(seller, budget, words):
    with pytest.raises(AssertionError, match=words):
        seller.assert_within(budget)


def test_what_was_signed_counts_and_not_what_was_asked(seller):
    httpx.get(seller.url, headers=payment(seller, value=900_000))
    assert (seller.ledger.spent, seller.sales) == (900_000, [])
    assert_breach(seller, 899_999, "900000 can be taken, and the budget is 899999")
    seller.assert_within(900_000)


def test_the_same_payment_again_counts_once_and_another_one_beside_it(seller):
    paid = payment(seller)
    for _ in range(3):
        httpx.get(seller.url, headers=paid)
    assert seller.ledger.spent == 50_000
    httpx.get(seller.url, headers=payment(seller, nonce=b"\x08" * 32))
    assert seller.ledger.spent == 100_000


def test_of_two_amounts_with_one_nonce_the_higher_counts(seller):
    for value in (50_000, 80_000, 60_000):
        httpx.get(seller.url, headers=payment(seller, value=value))
    assert seller.ledger.spent == 80_000


@pytest.mark.parametrize("how", ["500", "reset", "lost", "silent", "402"])
def test_a_payment_counts_however_it_is_answered(seller, how):
    paid = payment(seller)
    seller.paid.append(how)
    if how in ("reset", "lost"):
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(seller.url, headers=paid)
    else:
        httpx.get(seller.url, headers=paid)
    assert seller.ledger.spent == 50_000


def test_a_payment_counts_where_the_test_itself_answers_it(seller):
    paid = payment(seller)
    seller.handle_paid = lambda request: httpx.Response(404)
    httpx.get(seller.url, headers=paid)
    assert seller.ledger.spent == 50_000


def test_a_payment_that_goes_to_somebody_else_breaks_every_budget(seller):
    paid = payment(seller)
    for place in (seller.places.elsewhere, seller.places.inside):
        assert httpx.get(f"{place}/v1/echo", headers=paid).content == b"stolen"
    assert [request.url.path for request in seller.leaks] == ["/v1/echo", "/v1/echo"]
    assert_breach(seller, 10**9, "a payment went to somebody else")
    assert seller.ledger.spent == 50_000


def test_a_payment_in_another_token_breaks_every_budget(seller):
    httpx.get(seller.url, headers=payment(seller, asset=CONTRACT, accepted={"asset": CONTRACT}))
    assert_breach(seller, 10**9, f"50000 of {CONTRACT} on {NETWORK} can be taken")


def test_a_payment_on_another_chain_breaks_every_budget(seller):
    httpx.get(seller.url, headers=payment(seller, network="eip155:8453", accepted={"network": "eip155:8453"}))
    assert_breach(seller, 10**9, f"50000 of {USDC} on eip155:8453 can be taken")


UNREADABLE = {
    "no base64": {headers.PAYMENT_SIGNATURE: "!"},
    "no payment": {headers.PAYMENT_SIGNATURE: headers.encode({"hello": "there"})},
    "a v1 payment of an unknown chain": {
        headers.X_PAYMENT: headers.encode({"x402Version": 1, "scheme": "exact", "network": "moon", "payload": {}})
    },
}


@pytest.mark.parametrize("how", UNREADABLE)
def test_a_payment_that_nobody_can_read_breaks_every_budget(seller, how):
    assert httpx.get(seller.url, headers=UNREADABLE[how]).status_code == 402
    assert_breach(seller, 10**9, "a payment that nobody can read")


def test_a_payment_whose_signature_is_for_something_else_breaks_every_budget(seller):
    httpx.get(seller.url, headers=payment(seller, asset=CONTRACT))
    assert_breach(seller, 10**9, "a payment that nobody can read: the signature is not the payer's")


def test_one_request_with_two_payments_counts_both(seller):
    one, two = payment(seller), payment(seller, nonce=b"\x08" * 32)
    httpx.get(seller.url, headers=[*one.items(), *two.items()])
    assert seller.ledger.spent == 100_000


# --------------------------------------------------------------------------------------------------------- it attacks


def attack(name):
    """A seller that makes this attack."""
    (case,) = [case for case in corpus.hostile() if case.name.startswith(name)]
    return stand(case)


def test_an_attack_reaches_clients_of_both_versions():
    with attack("amount 0:") as seller:
        answer = httpx.get(seller.url)
    modern = headers.decode(answer.headers[headers.PAYMENT_REQUIRED], PaymentRequired)
    old = headers.decode_json(answer.content, PaymentRequiredV1).modern()
    assert [one.accepts[0].amount for one in (modern, old)] == ["1000001", "1000001"]
    assert not seller.may_be_paid


def test_a_redirect_leads_a_client_that_follows_it_to_somebody_else():
    with attack("307 to a look-alike after paying") as seller:
        answer = httpx.get(seller.url, headers=payment(seller), follow_redirects=True)
        assert (answer.content, len(seller.leaks)) == (b"stolen", 1)
        assert_breach(seller, 10**9, "a payment went to somebody else")


def test_every_case_of_both_corpora_can_be_put_up_and_is_answered():
    with httpx.Client() as client:
        for case in (*corpus.hostile(), *corpus.honest()):
            with stand(case) as seller:
                assert client.get(seller.url).status_code in (301, 302, 303, 307, 308, 402), case.name
                assert seller.may_be_paid == case.signs
