"""A key is made by its wallet alone, once for each request, within limits in what is sold; only it takes it back."""

import pytest

from protocol.requests import WINDOW, SignedRequest, new_request
from scripts.accounts import account
from server.application.issue_key import REMEMBERED, Limit, Wanted, issue_key, keys_of, require_wallet, revoke_key
from server.domain.access_errors import BuyerKeyRefused, UnknownBuyerKey
from server.domain.buyer_keys import LONGEST, MOST_LIVE, MOST_NAME, MOST_PER_MINUTE
from server.domain.errors import BadSignedRequest
from tests.fakes.chain import CHAIN_ID, DOLLAR
from tests.fakes.paddocks import bare_paddock
from tests.fakes.samples import NETWORK

WALLET = account("buyer").address


def request(paddock):
    return new_request("key", "", int(paddock.clock.now().timestamp()))


async def issued(paddock, network, asset=DOLLAR.address):
    wanted = Wanted("a key", limits=(Limit(asset, "5", network),))
    return await issue_key(paddock, WALLET, wanted, request(paddock))


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


@pytest.mark.parametrize("days", [1, LONGEST.days])
@pytest.mark.parametrize("per_minute", [1, MOST_PER_MINUTE])
@pytest.mark.parametrize("name", ["n", "ü" * MOST_NAME])
async def test_a_key_is_all_that_was_asked_for_up_to_the_most(clock, name, per_minute, days):
    paddock = bare_paddock(clock)
    made = await issue_key(paddock, WALLET, Wanted(name, per_minute, days), request(paddock))
    (key,) = await keys_of(paddock, WALLET)
    assert key == made.key
    assert (key.name, key.per_minute, (key.until - clock.now()).days) == (name, per_minute, days)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(""), "name"),
        (Wanted("  "), "name"),
        (Wanted("n" * (MOST_NAME + 1)), "name"),
        (Wanted("two\nlines"), "name"),
        (Wanted("n", per_minute=0), "per_minute"),
        (Wanted("n", per_minute=MOST_PER_MINUTE + 1), "per_minute"),
        (Wanted("n", days=0), "days"),
        (Wanted("n", days=LONGEST.days + 1), "days"),
        (Wanted("n", limits=(Limit(DOLLAR.address, "5"), Limit(DOLLAR.address, "6", NETWORK))), "one for each asset"),
    ],
    ids=["no name", "blanks", "too long", "two lines", "no request", "too many", "no day", "too long a life", "twice"],
)
async def test_what_no_key_can_be_is_refused_in_words_that_name_it(clock, wanted, words):
    paddock = bare_paddock(clock)
    with pytest.raises(BuyerKeyRefused, match=words):
        await issue_key(paddock, WALLET, wanted, request(paddock))
    assert await keys_of(paddock, WALLET) == []


@pytest.mark.parametrize("after", [0, WINDOW, WINDOW + REMEMBERED.total_seconds() - 1])
async def test_a_request_makes_one_key_for_as_long_as_any_server_may_take_it(clock, after):
    paddock = bare_paddock(clock)
    asked = request(paddock)
    made = await issue_key(paddock, WALLET, Wanted("a key"), asked)
    clock.advance(after)
    with pytest.raises(BuyerKeyRefused, match="made a key already"):
        await issue_key(paddock, WALLET, Wanted("another"), asked)
    assert [key.id for key in await keys_of(paddock, WALLET)] == [made.key.id]


async def test_a_wallet_has_only_so_many_live_keys_and_may_revoke_one_for_another(clock):
    paddock = bare_paddock(clock)
    keys = [(await issued(paddock, None)).key.id for _ in range(MOST_LIVE)]
    with pytest.raises(BuyerKeyRefused, match=f"at most {MOST_LIVE} live keys"):
        await issued(paddock, None)
    assert {key.id for key in await keys_of(paddock, WALLET)} == set(keys)
    await revoke_key(paddock, WALLET, keys[0])
    assert (await issued(paddock, None)).key.is_live(clock.now())


async def test_only_its_wallet_revokes_a_key_and_of_any_other_is_told_that_there_is_none(clock):
    paddock = bare_paddock(clock)
    made = await issued(paddock, None)
    for wallet, key_id in ((account("stranger").address, made.key.id), (WALLET, "nothing")):
        with pytest.raises(UnknownBuyerKey, match=key_id):
            await revoke_key(paddock, wallet, key_id)
    (key,) = await keys_of(paddock, WALLET)
    assert key.is_live(clock.now())


def signed(asked, role="buyer", chain_id=CHAIN_ID):
    return SignedRequest(asked, "0x" + bytes(account(role).unsafe_sign_hash(asked.digest(chain_id)).signature).hex())


async def test_a_wallet_is_who_signed_for_it_on_the_first_network(clock):
    paddock = bare_paddock(clock)
    asked = request(paddock)
    assert await require_wallet(paddock, signed(asked), WALLET) == asked
    for other in (None, signed(asked, "stranger"), signed(asked, chain_id=1), SignedRequest(asked, "0x")):
        with pytest.raises(BadSignedRequest, match=WALLET):
            await require_wallet(paddock, other, WALLET)
