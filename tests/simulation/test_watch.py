"""Hot wallets under a cap: what is over it is refused before anything is claimed, and somebody is told."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

from server.application.wallets import HotWallet
from server.application.watch import keep_watch, watch
from server.domain.outages import ChainUnavailable
from server.relay import relay
from server.setting_values import WalletLimits
from server.tasks import USE_CASES, perform
from server.watched import gas_wallets
from tests.fakes.liars import Liar
from tests.simulation.world import open_world


def gauge(name, wallet="delegate"):
    return REGISTRY.get_sample_value(name, {"wallet": wallet, "network": "eip155:31337"})


def capped(w, **limits):
    """The world's delegate wallet with limits of a test's own."""
    market = w.paddock.market
    wallet = HotWallet(
        w.paddock.chain, w.clock, "delegate", market.network, market.delegate, market.asset.address, **limits
    )
    w.paddock = w.app.state.paddock = replace(w.paddock, wallet=wallet)
    return wallet


async def buy(w, slug="access-pass"):
    quoted = await w.buyer.ask(w.url(slug), "POST", {})
    header = w.buyer.pay(quoted)
    return quoted, header, await w.buyer.present(quoted, header)


async def test_a_purchase_that_would_overfill_the_delegate_wallet_is_refused_until_there_is_room():
    async with open_world() as w:
        price = w.paddock.services["access-pass"].amount
        capped(w, cap=price + 5)
        delegate = w.paddock.market.delegate
        w.chain.give(delegate, 6)
        quoted, header, refused = await buy(w)
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/wallet-full")
        assert "Retry-After" in refused.headers
        assert (await w.orders(), w.settlements()) == ([], 0)
        w.chain.state.money[delegate] -= 1
        w.clock.advance(3)
        async with w.workers():
            assert (await w.buyer.present(quoted, header)).status_code == 200
        assert w.settlements() == 1
        w.chain.state.money[delegate] -= 5


async def test_a_full_wallet_stops_no_direct_purchase_and_no_answer_that_is_paid_for():
    async with open_world() as w:
        capped(w, cap=w.paddock.services["access-pass"].amount)
        async with w.workers():
            quoted, header, sold = await buy(w)
            assert sold.status_code == 200
            w.chain.give(w.paddock.market.delegate, w.paddock.wallet.cap)
            w.clock.advance(3)
            assert (await buy(w))[2].status_code == 503
            again = await w.buyer.present(quoted, header)
            assert (again.status_code, again.content) == (200, sold.content)
            direct = await w.buyer.ask(w.url("echo"))
            assert (await w.buyer.present(direct, w.buyer.pay(direct))).status_code == 200
        w.chain.state.money[w.paddock.market.delegate] -= w.paddock.wallet.cap


async def test_s26_a_flood_of_purchases_reads_the_balance_once_in_a_while():
    async with open_world() as w:
        wallet = capped(w, cap=1)
        wallet.chain = Liar(w.chain)
        for _ in range(10):
            assert (await buy(w))[2].status_code == 503
        asked = wallet.chain.asked["token_balance"]
        assert 1 <= asked <= 1 + (w.clock.now() - w.paddock.opened_at).seconds // 3
        w.clock.advance(3)
        await buy(w)
        assert wallet.chain.asked["token_balance"] == asked + 1


async def test_f18_a_balance_that_cannot_be_read_admits_nothing():
    async with open_world() as w:
        wallet = capped(w, cap=10**12)
        wallet.chain = Liar(w.chain, token_balance=ChainUnavailable("down"))
        assert (await buy(w))[2].status_code == 503
        assert await w.orders() == []


@pytest.mark.parametrize(("held", "over"), [(100, 0), (101, 1)])
async def test_a_wallet_over_its_cap_is_an_error_in_the_log_and_a_gauge(caplog, held, over):
    async with open_world() as w:
        wallet = capped(w, cap=100)
        wallet.chain = Liar(w.chain, token_balance=held)
        await watch(w.paddock, "wallets")
        assert (gauge("paddock_wallet_balance"), gauge("paddock_wallet_over_cap")) == (held, over)
        assert ("move money out" in caplog.text) == bool(over)


@pytest.mark.parametrize(("held", "low"), [(100, 0), (99, 1)])
async def test_a_refund_float_below_its_floor_is_an_error_in_the_log_and_a_gauge(caplog, held, low):
    async with open_world() as w:
        chain = Liar(w.chain, token_balance=held)
        place = (chain, w.clock, "float", "eip155:31337", "0x" + "22" * 20, w.paddock.market.asset.address)
        w.paddock = replace(w.paddock, float_wallet=HotWallet(*place, floor=100, sends=False))
        await watch(w.paddock, "wallets")
        assert (gauge("paddock_wallet_balance", "float"), gauge("paddock_wallet_low", "float")) == (held, low)
        assert ("less than its floor" in caplog.text) == bool(low)
        assert chain.asked["balance"] == 0, "others send what it signs: it needs no gas"


def test_each_settlement_key_is_watched_under_a_name_of_its_own(clock):
    limits = WalletLimits(0, 0, 0, settlement_gas_floor=7)
    keys = [SimpleNamespace(address="0x" + digit * 40) for digit in "12"]
    watched = gas_wallets({"eip155:31337": SimpleNamespace(chain=None)}, clock, limits, keys)
    assert [(one.name, one.address, one.gas_floor) for one in watched] == [
        ("settlement", keys[0].address, 7),
        ("settlement2", keys[1].address, 7),
    ]


@pytest.mark.parametrize(("wei", "low"), [(1000, 0), (999, 1)])
async def test_a_key_that_is_low_on_gas_is_an_error_in_the_log_and_a_gauge(caplog, wei, low):
    async with open_world() as w:
        wallet = capped(w, gas_floor=1000)
        wallet.chain = Liar(w.chain, balance=wei)
        await watch(w.paddock, "wallets")
        assert (gauge("paddock_gas_balance"), gauge("paddock_gas_low")) == (wei, low)
        assert ("low on gas" in caplog.text) == bool(low)


async def test_a_facilitator_watches_its_own_key_and_outlives_a_chain_that_is_down(clock):
    chain = Liar(None, balance=ChainUnavailable("down"))
    wallet = HotWallet(chain, clock, "settlement", "eip155:31337", "0x" + "11" * 20, gas_floor=1000)
    task = asyncio.create_task(keep_watch(wallet))
    await clock.sleep(100)
    assert chain.asked["balance"] >= 3
    chain.lies = {"balance": 1}
    await clock.sleep(60)
    assert gauge("paddock_gas_low", "settlement") == 1
    task.cancel()


async def test_the_relay_asks_for_a_watch_every_thirty_seconds():
    async with open_world() as w:
        capped(w, cap=1).chain = watched = Liar(w.chain)
        working, stop = [], asyncio.Event()

        def hand_over(job):
            working.append(asyncio.create_task(perform(w.paddock, job, USE_CASES[job.topic])))

        task = asyncio.create_task(relay(w.paddock, hand_over, stop, lambda: None))
        for _ in range(100):
            await w.clock.sleep(1)
        stop.set()
        await asyncio.gather(task, *working)
        assert watched.asked["token_balance"] in (3, 4)
