"""P5 counts purchases settled within its time, P7 gas of payments that arrived, P3 payments that are right."""

from types import SimpleNamespace

import pytest
from eth_abi.abi import decode

from protocol import schemes
from protocol.errors import ProtocolError
from scripts.bench import batch_gas, buyer, settled_rate, verifier
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Market, Side
from scripts.rpc import RpcRefusal

TOKEN, MERCHANT, SETTLER = ("0x" + pair * 20 for pair in ("aa", "bb", "cc"))
MARKET = Market("http://127.0.0.1:1", "eip155:31337", TOKEN, "USDC", "2", 5000, MERCHANT, SETTLER)
PADDOCK = Side("paddock", "Paddock", 1, (11,), MARKET, quotes=True, receipts=True)


class Connected:
    """A connection of nobody."""

    @classmethod
    async def open(cls, port):
        return cls()

    def close(self):
        pass


@pytest.fixture
def sold(monkeypatch):
    """What each buyer's purchases are to be: seconds after the beginning at which they are answered."""
    answered, looked = {"each": [], "moved": None}, iter(range(2))

    async def buying(side, caller, until):
        began = until - settled_rate.WARM_SECONDS - settled_rate.SECONDS
        return [began + seconds for seconds in answered["each"]]

    def balance(rpc, asset, address):
        whole = len(answered["each"]) * settled_rate.BUYERS * 5000
        return 0 if next(looked) == 0 else whole if answered["moved"] is None else answered["moved"]

    monkeypatch.setattr(settled_rate, "Caller", Connected)
    monkeypatch.setattr(settled_rate, "buying", buying)
    monkeypatch.setattr(settled_rate, "balance", balance)
    monkeypatch.setattr(settled_rate.time, "process_time", lambda: 0.0)
    return answered


async def test_purchases_count_that_are_answered_after_the_warm_up_and_before_the_end(sold):
    sold["each"] = [0.5, 1.5, 2.5, 4.9, 5.1]
    assert await settled_rate.measure(PADDOCK) == 3 * settled_rate.BUYERS / settled_rate.SECONDS


async def test_a_rate_does_not_count_unless_every_payment_moved_its_money(sold):
    sold |= {"each": [1.5], "moved": 5000 * settled_rate.BUYERS - 1}
    with pytest.raises(BenchFailed, match="32 payments, and 159999 atomic units moved"):
        await settled_rate.measure(PADDOCK)


async def test_a_rate_of_buyers_who_were_busy_themselves_is_refused(sold, monkeypatch):
    clock = iter([0.0, 10.0])
    monkeypatch.setattr(settled_rate.time, "process_time", lambda: next(clock))
    with pytest.raises(BenchFailed, match="the buyers were busy"):
        await settled_rate.measure(PADDOCK)


@pytest.fixture
def devnet(monkeypatch):
    """A devnet that says yes: what it was sent, and that each payee holds `held` payments' worth."""
    told = SimpleNamespace(sent=[], held=52, status="0x1")

    def call(_rpc, _method, sent):
        told.sent.append(sent)
        return {"status": told.status, "gasUsed": hex(500_000)}

    monkeypatch.setattr(buyer.rpc, "call", call)
    monkeypatch.setattr(batch_gas, "balance", lambda rpc, asset, address: told.held * batch_gas.VALUE)
    return told


@pytest.mark.parametrize(("name", "payments", "to"), [("paddock", 50, SETTLER), ("alone", 1, TOKEN)])
async def test_gas_is_that_of_the_last_call_for_each_payment_in_it(devnet, name, payments, to):
    devnet.held = 2 + payments
    side = Side(name, name, 1, (), MARKET, quotes=True, receipts=True)
    assert await batch_gas.of_one_payee(side) == 500_000 / payments
    *minted, settled = devnet.sent
    assert (len(minted), settled["to"]) == (payments + 1, to), "every payer and the payee held money before"


@pytest.mark.parametrize("missing", [1, 50])
async def test_gas_of_payments_that_did_not_arrive_is_no_figure(devnet, missing):
    devnet.held -= missing
    with pytest.raises(BenchFailed, match="a payee of 50 payments holds"):
        await batch_gas.of_one_payee(PADDOCK)


async def test_a_batch_for_fifty_payees_pays_each_of_them_once(devnet):
    devnet.held = 3
    await batch_gas.of_fifty_payees(PADDOCK)
    _, _, items = decode(["address", "uint256", "bytes"], bytes.fromhex(devnet.sent[-1]["data"][10:]))
    size = len(items) // 50
    assert len({items[at + 20 : at + 40] for at in range(0, len(items), size)}) == 50


async def test_a_call_that_fails_on_the_devnet_is_no_figure(devnet, monkeypatch):
    devnet.status = "0x0"
    with pytest.raises(BenchFailed, match="failed on the devnet"):
        await batch_gas.of_one_payee(PADDOCK)

    def refuse(_rpc, method, _sent):
        raise RpcRefusal(f"{method} failed", None)

    monkeypatch.setattr(buyer.rpc, "call", refuse)
    with pytest.raises(BenchFailed, match="eth_sendTransactionSync failed"):
        await batch_gas.of_one_payee(PADDOCK)


def required(**changes):
    extra = {"name": "USDC", "version": "2"}
    entry = {"scheme": "exact", "network": "eip155:31337", "amount": "5000", "asset": TOKEN, "payTo": MERCHANT}
    return {"accepts": [entry | {"maxTimeoutSeconds": 120, "extra": extra} | changes], "resource": {"url": "u"}}


def test_what_is_verified_is_a_payment_that_is_right_and_nothing_else(monkeypatch):
    (header, *_) = verifier.headers(required())
    assert verifier.verified(header).payer == verifier.PAYER.address
    monkeypatch.setattr(schemes, "recover", lambda signed, signature: MERCHANT)
    with pytest.raises(ProtocolError):
        verifier.verified(header)


def test_a_rate_is_work_done_over_the_time_that_it_took(monkeypatch):
    clock = iter([0.0, 0.0, 0.5, 2.0])
    monkeypatch.setattr(verifier.time, "perf_counter", lambda: next(clock))
    done = []
    assert verifier.rate(done.append) == len(done) / 2.0 == 2 * verifier.COUNT / 2.0
