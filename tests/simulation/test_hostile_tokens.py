"""F10, F11: a token whose events and balances disagree grants nothing; the chain's evidence ends the doubt."""

import asyncio
from dataclasses import replace

import pytest
from eth_utils.address import to_checksum_address

from server.domain.states import FulfilmentState, PaymentState
from tests.fakes.evm import TOKEN
from tests.fakes.tokens import DOLLAR_TOKEN, Token
from tests.simulation.world import RICH, open_world

PRICE = 10_000
ELSEWHERE, LOOK_ALIKE = (to_checksum_address("0x" + digits * 20) for digits in ("e1", "1e"))


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


def fee(token, frame, sender, to, value):
    """The event says all of it, and the recipient gets less."""
    token.shift(frame, sender, to, value - 1)
    token.shift(frame, sender, ELSEWHERE, 1)
    token.tell(frame, sender, to, value)


def honest_fee(token, frame, sender, to, value):
    """Two events, of what each of the two gets."""
    token.shift(frame, sender, to, value - 1)
    token.tell(frame, sender, to, value - 1)
    token.shift(frame, sender, ELSEWHERE, 1)
    token.tell(frame, sender, ELSEWHERE, 1)


def empty_words(token, frame, sender, to, value):
    """An event, and nothing moves."""
    token.tell(frame, sender, to, value)


def silence(token, frame, sender, to, value):
    """It neither moves anything nor says so, and does not revert."""


def mute(token, frame, sender, to, value):
    """It moves the money and says nothing."""
    token.shift(frame, sender, to, value)


def twice_told(token, frame, sender, to, value):
    """Two events for one movement."""
    token.shift(frame, sender, to, value)
    token.tell(frame, sender, to, value)
    token.tell(frame, sender, to, value)


def elsewhere(token, frame, sender, to, value):
    """Somebody else gets it, and is named."""
    token.shift(frame, sender, ELSEWHERE, value)
    token.tell(frame, sender, ELSEWHERE, value)


def elsewhere_in_secret(token, frame, sender, to, value):
    """Somebody else gets it, and is not named."""
    token.shift(frame, sender, ELSEWHERE, value)
    token.tell(frame, sender, to, value)


def look_alike(token, frame, sender, to, value):
    """The event is another contract's."""
    replace(token, address=LOOK_ALIKE).tell(frame, sender, to, value)


def more(token, frame, sender, to, value):
    """More than was authorized."""
    token.shift(frame, sender, to, value + 1)
    token.tell(frame, sender, to, value + 1)


CRIMES = (
    fee,
    honest_fee,
    empty_words,
    silence,
    mute,
    twice_told,
    elsewhere,
    elsewhere_in_secret,
    look_alike,
    more,
)


def pays(crime):
    """A move that is a crime for buyers' payments of the price alone."""

    def mover(token, frame, sender, to, value):
        (crime if value == PRICE else DOLLAR_TOKEN.mover)(token, frame, sender, to, value)

    return mover


def turn(world, crime):
    world.chain.deploy(Token(TOKEN, "USDC", "2", crime).contract())


@pytest.mark.parametrize("crime", CRIMES, ids=lambda crime: crime.__name__)
async def test_f10_f11_nothing_is_granted_for_a_transfer_that_is_not_exactly_the_payment(world, crime):
    turn(world, pays(crime))
    world.lawful = False  # its events contradict its balances
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    answer = await world.buyer.present(quoted, header)
    assert answer.status_code == 503
    assert (answer.json()["order_id"], b"hello" in answer.content) == (quoted.id, False)
    assert (await world.order(quoted.id)).payment is PaymentState.IN_DOUBT
    await world.work(30)
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment) == (PaymentState.FAILED, FulfilmentState.FAILED)
    assert (await world.buyer.present(quoted, header)).status_code == 402
    async with world.db.read() as view:
        assert await view.ledger.of(quoted.id) == []


async def test_f10_f11_the_same_payments_are_granted_by_an_honest_token(world):
    turn(world, pays(DOLLAR_TOKEN.mover))
    assert (await world.buyer.buy(world.url("echo"))).status_code == 200
    assert await world.chain.token_balance(TOKEN, world.buyer.account.address) == RICH - PRICE


async def test_f10_many_payments_to_one_merchant_in_one_block_all_arrive(world):
    """What arrived is compared with all the Transfers of the block, not with one of them."""
    world.chain.automine, world.chain.block_seconds = False, 2
    answers = await asyncio.gather(*(world.buyer.buy(world.url("echo")) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert max(sum(len(one.logs) for one in block.mined) for block in world.chain.blocks) > 2


async def test_f10_a_node_that_shows_the_next_blocks_state_for_a_moment_is_asked_once_more(world, monkeypatch):
    honest, looks = world.chain.token_balance, []

    async def early(asset, address, block=None):
        looks.extend([block] if block else [])
        return await honest(asset, address, block) + (7 if block and len(looks) == 2 else 0)

    monkeypatch.setattr(world.chain, "token_balance", early)
    assert (await world.buyer.buy(world.url("echo"))).status_code == 200
    assert looks == [looks[0], looks[0] + 1] * 2
