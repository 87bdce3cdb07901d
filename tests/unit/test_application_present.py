"""A payment is read for the request that it came with: what is malformed, bound to something else or too late."""

import json
from dataclasses import replace

import msgspec
import pytest

from protocol.headers import to_json
from protocol.intent import Intent
from protocol.wire import PaymentRequirements
from protocol.wire_v1 import required_v1
from scripts.accounts import account
from server.application.paddock import Ground
from server.application.present import PaidCall, present, read_arguments
from server.application.quote import quote
from server.domain.errors import BadArguments, BindingMismatch, MalformedPayment, PaymentRefused
from server.domain.market import Asset
from server.domain.quotes import binding
from tests.fakes.chain import DAI, DOLLAR, fake_market
from tests.fakes.liars import Liar
from tests.fakes.paddocks import ACCESS_PASS, ECHO, bare_paddock
from tests.fakes.samples import NETWORK
from tests.stack.buyer import changed, payment, payment_v1, write_header

AUTHORITY = "127.0.0.1:8402"
ORIGIN = f"http://{AUTHORITY}"
INTENT = Intent("GET", AUTHORITY, b"/v1/echo", "", b"", "paddock")
OTHER = Asset(DAI, "Other", "1", 6, "OTHER")
LONG = 3600


def opened(clock, *assets):
    return bare_paddock(clock, grounds={NETWORK: Ground(fake_market(assets=assets or (DOLLAR,)), Liar(None))})


async def quoted(paddock):
    """The terms of now as JSON values, v2's and v1's."""
    required = await quote(paddock, ECHO, INTENT, ORIGIN)
    return json.loads(to_json(required)), json.loads(to_json(required_v1(required)))


def until(paddock):
    return str(int(paddock.clock.now().timestamp()) + LONG)


async def paid(paddock, place=0, **changes):
    """A v2 payment of these terms, as JSON values."""
    required, _ = await quoted(paddock)
    usual = {"validBefore": until(paddock)}
    return payment(account("buyer"), required["accepts"][place], required["resource"], **usual | changes)


async def paid_v1(paddock, place=0):
    _, old = await quoted(paddock)
    return payment_v1(account("buyer"), old["accepts"][place], validBefore=until(paddock))


def call(*v2, v1=()):
    sent = {name: tuple(write_header(one).encode() for one in many) for name, many in {"v2": v2, "v1": v1}.items()}
    return PaidCall(INTENT, ORIGIN, b"", **sent)


async def test_a_payment_of_the_terms_is_presented_with_its_quote(clock):
    paddock = opened(clock)
    message = await paid(paddock)
    found = present(paddock, ECHO, call(message))
    assert (found.version, found.quote.id, found.refusal) == (2, message["accepted"]["extra"]["quoteId"], None)
    assert (found.payment.payer, found.payment.value) == (account("buyer").address, 50_000)


async def test_a_payment_of_v1_is_one_of_the_price_of_now(clock):
    paddock = opened(clock)
    found = present(paddock, ECHO, call(v1=[await paid_v1(paddock)]))
    assert (found.version, found.refusal, found.requirements.amount) == (1, None, "50000")
    assert found.requirements.asset == DOLLAR.address


@pytest.mark.parametrize("place", [0, 1])
async def test_v1_names_no_asset_so_it_is_the_one_that_was_signed_for(clock, place):
    paddock = opened(clock, DOLLAR, OTHER)
    found = present(paddock, ECHO, call(v1=[await paid_v1(paddock, place)]))
    assert found.requirements.asset == found.payment.asset == (DOLLAR, OTHER)[place].address


@pytest.mark.parametrize(("v2", "v1"), [(0, 0), (2, 0), (0, 2), (1, 1), (2, 1)])
async def test_a_request_carries_one_payment_header(clock, v2, v1):
    paddock = opened(clock)
    made = call(*[await paid(paddock)] * v2, v1=[await paid_v1(paddock)] * v1)
    with pytest.raises(MalformedPayment, match="more than one payment header"):
        present(paddock, ECHO, made)


@pytest.mark.parametrize(
    ("path", "value", "error", "words"),
    [
        ("x402Version", 1, MalformedPayment, "PAYMENT-SIGNATURE carries x402Version 2"),
        ("resource.url", f"{ORIGIN}/v1/echo?text=other", BindingMismatch, "not the resource that was asked for"),
        ("accepted.extra.quote", "1.abc.def", BindingMismatch, "not a quote of this marketplace"),
        ("accepted.amount", "1", BindingMismatch, "another request or other terms"),
        ("accepted.payTo", account("stranger").address, BindingMismatch, "another request or other terms"),
        ("accepted.extra.quoteId", "abc", BindingMismatch, "another request or other terms"),
    ],
)
async def test_a_payment_that_is_not_for_these_terms_is_refused_with_the_reason(clock, path, value, error, words):
    paddock = opened(clock)
    message = changed(await paid(paddock), path, value)
    with pytest.raises(error, match=words):
        present(paddock, ECHO, call(message))


async def test_a_quote_of_ours_is_not_taken_under_another_ones_id(clock):
    paddock = opened(clock)
    message = await paid(paddock)
    other = paddock.quotes.issue(int(clock.now().timestamp()), 120)
    entry = msgspec.convert(message["accepted"], PaymentRequirements)
    token = paddock.quotes.token(other, binding("echo", INTENT.digest(), entry))
    with pytest.raises(BindingMismatch, match="quoteId is not the quote's"):
        present(paddock, ECHO, call(changed(message, "accepted.extra.quote", token)))


@pytest.mark.parametrize(
    ("path", "value", "error", "reason"),
    [
        ("x402Version", 2, MalformedPayment, "X-PAYMENT carries x402Version 1"),
        ("network", "base", PaymentRefused, f"this service is paid on {NETWORK}"),
        ("scheme", "upto", PaymentRefused, "v1 knows exact"),
    ],
)
async def test_a_payment_of_v1_that_cannot_be_for_this_service_is_refused_with_the_reason(
    clock, path, value, error, reason
):
    paddock = opened(clock)
    message = changed(await paid_v1(paddock), path, value)
    with pytest.raises(error, match=reason):
        present(paddock, ECHO, call(v1=[message]))


@pytest.mark.parametrize(
    ("service", "seconds", "changes", "reason"),
    [
        (ECHO, 0, {}, None),
        (replace(ECHO, on_sale=False), 0, {}, "service_off_sale"),
        (ECHO, ECHO.quote_seconds - 1, {}, None),
        (ECHO, ECHO.quote_seconds, {}, "quote_expired"),
        (ECHO, 0, {"value": "49999"}, "invalid_exact_evm_payload_authorization_value_mismatch"),
        (ECHO, 0, {"to": account("stranger").address}, "invalid_exact_evm_payload_recipient_mismatch"),
        (ECHO, 0, {"validBefore": "1"}, "invalid_exact_evm_payload_authorization_valid_before"),
    ],
    ids=["good", "off sale", "at the end", "too late", "too little", "to somebody else", "lapsed"],
)
async def test_what_can_be_no_new_purchase_is_presented_with_why(clock, service, seconds, changes, reason):
    paddock = opened(clock)
    message = await paid(paddock, **changes)
    clock.advance(seconds)
    refusal = present(paddock, service, call(message)).refusal
    assert (refusal and refusal.reason) == reason


def test_c2_arguments_with_calldata_that_is_not_on_the_list_are_refused_before_anything_is_claimed():
    intent = Intent("POST", AUTHORITY, b"/v1/access-pass", "application/json", b'{"calldata":"0x00000000"}', "paddock")
    with pytest.raises(BadArguments, match="selector of no function on the list"):
        read_arguments(ACCESS_PASS, PaidCall(intent, ORIGIN, b""))
