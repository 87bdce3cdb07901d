"""A key's limits are in assets and on networks that something is sold for."""

import secrets

import pytest

from protocol.requests import PayerRequest
from scripts.accounts import account
from server.application.issue_key import Limit, Wanted, issue_key, keys_of
from server.domain.access_errors import BuyerKeyRefused
from tests.fakes.chain import DOLLAR
from tests.fakes.paddocks import bare_paddock
from tests.fakes.samples import NETWORK

WALLET = account("buyer").address


async def issued(paddock, network, asset=DOLLAR.address):
    at = int(paddock.clock.now().timestamp())
    asked = PayerRequest(action="key", order_id="", issued_at=at, nonce="0x" + secrets.token_hex(32))
    return await issue_key(paddock, WALLET, Wanted("a key", limits=(Limit(asset, "5", network),)), asked)


@pytest.mark.parametrize("network", [None, NETWORK])
async def test_a_limit_is_on_the_network_that_it_names_or_on_the_first(clock, network):
    paddock = bare_paddock(clock)
    made = await issued(paddock, network)
    assert [(cap.network, cap.asset, cap.per_day) for cap in made.key.caps] == [(NETWORK, DOLLAR.address, 5)]
    assert [key.id for key in await keys_of(paddock, WALLET)] == [made.key.id]


@pytest.mark.parametrize(
    ("network", "asset", "words"),
    [
        ("eip155:999", DOLLAR.address, f"limits: network is one of {NETWORK}"),
        ("nowhere", DOLLAR.address, f"limits: network is one of {NETWORK}"),
        (NETWORK, WALLET, f"limits: nothing is sold for {WALLET} on {NETWORK}"),
    ],
)
async def test_a_limit_where_nothing_is_sold_makes_no_key(clock, network, asset, words):
    paddock = bare_paddock(clock)
    with pytest.raises(BuyerKeyRefused, match=words):
        await issued(paddock, network, asset)
    assert await keys_of(paddock, WALLET) == []
