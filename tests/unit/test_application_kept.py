"""What a process keeps of database and chain: asked anew at exactly its age, once for all who wait for it."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from server.adapters.nodes import COOL_OFF, MOST_FAULTS, PATIENCE, Node
from server.application import blanks, holdings
from server.application.admission import Admission
from server.application.allowlist import AllowlistWatch
from server.application.blanks import Blank, Blanks
from server.application.holdings import Holding, Holdings, MoneyKey
from server.application.paddock import Ground
from server.application.pause import PauseWatch, turn
from server.application.standings import Standings
from server.application.wallets import FRESH, HotWallet
from server.domain.outages import ChainUnavailable, DatabaseUnavailable, Paused, RouteBusy, WalletFull
from server.facilitator.bare_keys import BareKeys
from server.services.launch_pass import SERVICE as LAUNCH_PASS
from tests.fakes.chain import DOLLAR, fake_market
from tests.fakes.database import FakeDatabase
from tests.fakes.liars import Liar, hang

MARKET = fake_market()
ADDRESS, OTHER = "0x" + "11" * 20, "0x" + "22" * 20
MOMENT = 0.000001


class Counted:
    """A database whose readings are counted, and which is away when a test says so."""

    def __init__(self, clock):
        self.db, self.readings, self.away = FakeDatabase(clock), 0, False
        self.begin = self.db.begin

    @asynccontextmanager
    async def read(self):
        self.readings += 1
        if self.away:
            raise DatabaseUnavailable("away")
        async with self.db.read() as view:
            yield view


@pytest.fixture
def db(clock):
    return Counted(clock)


def paused(db, clock):
    watch = PauseWatch()
    return watch.fresh, lambda: watch.paused(db, clock)


def hinted(db, clock):
    watch = PauseWatch()
    return watch.fresh, lambda: watch.hint(db, clock)


def listed(db, clock):
    watch = AllowlistWatch()
    return watch.fresh, lambda: watch.apply(db, clock, LAUNCH_PASS, MARKET.contracts)


def standing(db, clock):
    kept = Standings()
    return kept.fresh, lambda: kept.read(db, clock)


every_kind = pytest.mark.parametrize("kind", [paused, hinted, listed, standing])


@every_kind
async def test_what_is_kept_is_read_again_at_exactly_its_age(db, clock, kind):
    fresh, ask = kind(db, clock)
    await ask()
    clock.advance(fresh.total_seconds() - MOMENT)
    await ask()
    assert db.readings == 1
    clock.advance(MOMENT)
    await ask()
    assert db.readings == 2


@every_kind
async def test_what_is_kept_is_read_again_when_the_clock_went_back_by_its_age(db, clock, kind):
    fresh, ask = kind(db, clock)
    await ask()
    clock.set(clock.now() - fresh)
    await ask()
    assert db.readings == 2


@every_kind
async def test_one_reading_is_for_all_who_wait_for_it(db, clock, kind):
    _, ask = kind(db, clock)
    await asyncio.gather(*(ask() for _ in range(5)))
    assert db.readings == 1


async def test_the_switch_is_seen_on_and_off_and_only_for_words_when_the_database_is_away(db, clock):
    watch = PauseWatch()
    assert not await watch.paused(db, clock)
    await turn(db, clock, on=True, reason="test", by="operator")
    clock.advance(1)
    assert await watch.paused(db, clock)
    with pytest.raises(Paused, match="nothing was sent") as refused:
        await watch.require_running(db, clock, order_id="order")
    assert refused.value.members == {"order_id": "order"}
    clock.advance(1)
    db.away = True
    assert await watch.hint(db, clock), "what was known last"
    with pytest.raises(DatabaseUnavailable):
        await watch.paused(db, clock)
    db.away = False
    await turn(db, clock, on=False, reason="test", by="operator")
    assert not await watch.paused(db, clock)
    await watch.require_running(db, clock)


async def test_for_words_a_database_that_is_away_is_asked_once_for_all_until_what_is_known_is_old(db, clock):
    watch = PauseWatch()
    db.away = True
    for moment, readings in ((0, 1), (0, 1), (watch.fresh.total_seconds(), 2), (0, 2)):
        clock.advance(moment)
        assert not await watch.hint(db, clock)
        assert db.readings == readings


async def test_what_standings_were_known_last_is_shown_while_the_database_is_away(db, clock):
    kept = Standings()
    shown = await kept.read(db, clock)
    clock.advance(2)
    db.away = True
    assert await kept.read(db, clock) is shown
    assert db.readings == 2


async def test_a_service_whose_buyers_choose_no_action_needs_no_list(db, clock):
    watch = AllowlistWatch()
    assert await watch.apply(db, clock, LAUNCH_PASS, {}) is LAUNCH_PASS
    assert db.readings == 0


# ------------------------------------------------------------------------------------------------------- the chain's


def money_key(**changes):
    return MoneyKey(**{"purpose": "delegate", "network": MARKET.network, "address": ADDRESS, "asset": DOLLAR} | changes)


@pytest.mark.parametrize("back", [False, True])
async def test_what_keys_hold_is_asked_again_at_exactly_its_age(clock, back):
    chain, kept, key = Liar(None, token_balance=5, balance=7), Holdings(), money_key()
    assert await kept.read({MARKET.network: chain}, clock, [key]) == [Holding(key, 5, 7)]
    clock.advance((holdings.FRESH.total_seconds() - MOMENT) * (-1 if back else 1))
    await kept.read({MARKET.network: chain}, clock, [key])
    assert chain.asked["balance"] == 1
    clock.advance(-MOMENT if back else MOMENT)
    await kept.read({MARKET.network: chain}, clock, [key])
    assert chain.asked == {"balance": 2, "token_balance": 2}


async def test_a_key_is_asked_only_for_what_it_may_hold(clock):
    chain = Liar(None, token_balance=5, balance=7)
    keys = [money_key(asset=None), money_key(sends=False)]
    found = await Holdings().read({MARKET.network: chain}, clock, keys)
    assert [(one.held, one.gas) for one in found] == [(None, 7), (5, None)]
    assert all(one.known for one in found)


@pytest.mark.parametrize("lie", [ChainUnavailable("down"), hang])
async def test_a_chain_that_does_not_answer_leaves_a_holding_unknown(clock, monkeypatch, lie):
    monkeypatch.setattr(holdings, "PATIENCE", 0.01)
    [found] = await Holdings().read({MARKET.network: Liar(None, everything=lie)}, clock, [money_key()])
    assert (found.held, found.gas, found.known, found.amiss) == (None, None, False, False)


@pytest.mark.parametrize(
    ("cap", "floor", "held", "gas", "amiss"),
    [
        (100, 0, 100, 1, False),
        (100, 0, 101, 1, True),
        (0, 0, 10**9, 1, False),
        (0, 0, None, 0, True),
        (0, 50, None, 50, False),
        (0, 50, None, 49, True),
        (100, 0, 101, None, True),
        (100, 50, 100, None, False),
    ],
)
def test_a_key_is_amiss_above_its_cap_below_its_floor_and_without_any_gas(cap, floor, held, gas, amiss):
    assert Holding(money_key(cap=cap, gas_floor=floor), held, gas).amiss is amiss


async def test_room_in_a_wallet_is_told_by_a_balance_of_its_age_at_most(clock):
    chain = Liar(None, token_balance=90)
    wallet = HotWallet(chain, clock, "delegate", MARKET.network, ADDRESS, DOLLAR.address, cap=100)
    await wallet.require_room(10)
    with pytest.raises(WalletFull, match="nothing was charged"):
        await wallet.require_room(11)
    clock.advance(FRESH.total_seconds() - MOMENT)
    await wallet.require_room(10)
    assert chain.asked["token_balance"] == 1
    clock.advance(MOMENT)
    await wallet.require_room(10)
    assert chain.asked["token_balance"] == 2


async def test_a_wallet_without_a_cap_has_room_and_asks_nobody(clock):
    chain = Liar(None, token_balance=10**30)
    await HotWallet(chain, clock, "delegate", MARKET.network, ADDRESS, DOLLAR.address).require_room(10**30)
    assert chain.asked == {}


@pytest.mark.parametrize("back", [False, True])
async def test_a_key_without_code_is_looked_up_again_at_exactly_its_age(clock, back):
    chain, bare = Liar(None, code=b""), BareKeys(clock)
    ground = Ground(MARKET, chain)
    assert not await bare.has_code(ground, ADDRESS)
    clock.advance((30 - MOMENT) * (-1 if back else 1))
    assert not await bare.has_code(ground, ADDRESS)
    assert chain.asked["code"] == 1
    chain.lies["code"] = b"\x60"
    clock.advance(-MOMENT if back else MOMENT)
    assert await bare.has_code(ground, ADDRESS)
    assert await bare.has_code(ground, ADDRESS), "a contract is not remembered as a key"


async def test_of_too_many_keys_the_one_that_was_looked_up_longest_ago_is_forgotten(clock):
    chain, bare = Liar(None, code=b""), BareKeys(clock, most=2)
    ground = Ground(MARKET, chain)
    for address in (ADDRESS, OTHER):
        await bare.has_code(ground, address)
        clock.advance(20)
    await bare.has_code(ground, ADDRESS)
    assert chain.asked["code"] == 3
    await bare.has_code(ground, "0x" + "33" * 20)
    await bare.has_code(ground, ADDRESS)
    assert chain.asked["code"] == 4, "it was looked up after the other one"
    await bare.has_code(ground, OTHER)
    assert chain.asked["code"] == 5


# ------------------------------------------------------------------------------------------------------------ places


def test_a_route_has_so_many_places_and_each_is_free_again_once():
    admission = Admission(runs_per_route=2)
    with admission.slot("echo") as first, admission.slot("echo") as second, admission.slot("echo") as third:
        first.take()
        second.take()
        with pytest.raises(RouteBusy, match="runs 2"):
            third.take()
        first.free()
        first.free()
        third.take()
        with pytest.raises(RouteBusy):
            first.take()
    assert admission.running["echo"] == 0


def test_blanks_are_kept_for_what_they_were_made_of_and_the_oldest_goes_first(monkeypatch):
    monkeypatch.setattr(blanks, "KEPT", 2)
    kept, made = Blanks(), [Blank((number,), None, None, ()) for number in range(3)]
    for number in range(2):
        kept.keep(f"service{number}", "origin", made[number])
    assert kept.get("service0", "origin", (0,)) is made[0]
    assert kept.get("service0", "origin", (1,)) is None, "it is made of something else by now"
    assert kept.get("service0", "elsewhere", (0,)) is None
    kept.keep("service2", "origin", made[2])
    assert kept.get("service0", "origin", (0,)) is None
    assert kept.get("service1", "origin", (1,)) is made[1]


# ------------------------------------------------------------------------------------------------------------- nodes


def stray(node, times):
    for _ in range(times):
        node.strayed("failed", "block_number")


def test_a_node_is_left_out_after_so_many_faults_over_exactly_its_patience_and_asked_again_after_its_rest(clock):
    node = Node(Liar(None), "first", clock)
    stray(node, MOST_FAULTS)
    clock.advance(PATIENCE.total_seconds() - MOMENT)
    stray(node, 1)
    assert node.trusted
    clock.advance(MOMENT)
    stray(node, 1)
    assert not node.trusted
    clock.advance(COOL_OFF.total_seconds() - MOMENT)
    assert not node.trusted
    clock.advance(MOMENT)
    assert node.trusted


def test_a_node_that_fails_seldom_is_not_left_out(clock):
    node = Node(Liar(None), "first", clock)
    stray(node, MOST_FAULTS - 2)
    clock.advance(PATIENCE.total_seconds())
    stray(node, 1)
    assert node.trusted
    node.agreed()
    stray(node, 1)
    clock.advance(PATIENCE.total_seconds())
    stray(node, MOST_FAULTS - 2)
    assert node.trusted, "the count began again"
