"""Networks by their CAIP-2 names, and by those that x402 v1 fixed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.networks import V1_NAMES, caip2, chain_id, from_v1, v1_name
from protocol.wire import PaymentRequired, PaymentRequirements, Resource, SettleResponse
from protocol.wire_v1 import required_v1, settle_v1


@given(st.integers(1, 2**62))
def test_a_chain_id_reads_back_from_its_name(number):
    assert chain_id(caip2(number)) == number


@pytest.mark.parametrize(
    "name",
    ["", "eip155", "eip155:", "eip155:0", "eip155:01", "eip155:-1", "eip155:1e3", "eip155:0x1", "eip155:1 ",
     "eip155:1\n", " eip155:1", "EIP155:1", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "eip155:1:2", "eip155:\u0661",
     "1", "base", "eip155:" + "9" * 40],
    ids=ascii,
)  # fmt: skip
def test_s22_a_name_that_is_not_exactly_caip2_is_refused(name):
    with pytest.raises(ProtocolError) as raised:
        chain_id(name)
    assert raised.value.reason == "invalid_network"


@pytest.mark.parametrize(("name", "network"), V1_NAMES.items())
def test_v1_names_translate_both_ways(name, network):
    assert from_v1(name) == network
    assert v1_name(network) == name


def test_a_network_that_v1_does_not_know_keeps_its_name():
    assert v1_name("eip155:2345") == "eip155:2345"
    assert from_v1("eip155:2345") == "eip155:2345"
    with pytest.raises(ProtocolError):
        from_v1("mainnet")


def test_v1_terms_say_the_same_as_v2s():
    entry = PaymentRequirements(
        scheme="exact", network="eip155:84532", amount="50000", asset="0xa", pay_to="0xb", max_timeout_seconds=60,
        extra={"name": "USDC", "version": "2"},
    )  # fmt: skip
    richer = PaymentRequirements(
        scheme="delegate", network="eip155:84532", amount="1", asset="0xa", pay_to="0xb", max_timeout_seconds=60
    )
    resource = Resource(url="http://x/v1/echo", description="Echo", mime_type="text/plain")
    old = required_v1(PaymentRequired(x402_version=2, resource=resource, accepts=[entry, richer]))
    assert old.x402_version == 1
    (only,) = old.accepts
    assert (only.network, only.max_amount_required, only.pay_to) == ("base-sepolia", "50000", "0xb")
    assert (only.resource, only.description, only.mime_type) == ("http://x/v1/echo", "Echo", "text/plain")
    assert only.extra == entry.extra


def test_a_v1_outcome_says_the_same_as_v2s():
    response = SettleResponse(success=False, error_reason="r", transaction="0x1", network="eip155:8453", payer="0xp")
    old = settle_v1(response)
    assert (old.success, old.transaction, old.network, old.payer, old.error_reason) == (
        False,
        "0x1",
        "base",
        "0xp",
        "r",
    )
