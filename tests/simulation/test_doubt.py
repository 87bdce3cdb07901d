"""Doubt ends by the chain alone: neither a facilitator's word nor a search that starts too high fails a paid order."""

from dataclasses import replace
from datetime import UTC, datetime

from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.resolve import resolve
from server.application.send import prepare
from server.domain.deliveries import Delivery
from server.domain.states import FulfilmentState, PaymentState
from tests.conformance.worlds import settle_call
from tests.fakes import samples
from tests.fakes.facilitator import FakeFacilitator, How
from tests.simulation.world import open_world
from tests.stack import buyer

STRANGER = LocalSigner(account("stranger").key.hex())


async def test_s8_g7_a_facilitator_that_refuses_and_settles():
    async with open_world() as w:
        facilitator = FakeFacilitator(w.chain, w.clock, w.paddock.market, STRANGER)
        facilitator.script.append(How.REFUSES_AND_SETTLES)
        w.paddock = w.app.state.paddock = replace(w.paddock, facilitator=facilitator)
        quoted = await w.buyer.ask(w.url("echo"))
        answer = await w.buyer.present(quoted, w.buyer.pay(quoted))
        assert answer.status_code == 503
        await w.work(300)
        assert (await w.order(quoted.id)).payment is PaymentState.SETTLED


async def test_f17_g7_a_payment_mined_below_the_block_of_its_claim():
    async with open_world() as w:
        market, valid = w.paddock.market, int(w.clock.now().timestamp()) + 3600
        entry = {
            "network": market.network,
            "amount": "50000",
            "asset": market.asset.address,
            "maxTimeoutSeconds": 3600,
            "payTo": account("merchant").address,
            "extra": {"name": "USDC", "version": "2"},
            "scheme": "exact",
        }
        paid = buyer.payment(w.buyer.account, entry, validBefore=str(valid))
        w.chain.mine(5)
        order = samples.order(
            asset=entry["asset"],
            pay_to=entry["payTo"],
            payer=w.buyer.account.address,
            nonce=bytes.fromhex(paid["payload"]["authorization"]["nonce"][2:]),
            valid_before=datetime.fromtimestamp(valid, UTC),
            created_at=w.clock.now(),
            since_block=await w.chain.block_number(),
        )
        order.fulfil(FulfilmentState.RUNNING)
        order.fulfil(FulfilmentState.READY)
        order.pay(PaymentState.SETTLING)
        order.pay(PaymentState.IN_DOUBT)
        async with w.db.begin("claim") as work:
            await work.orders.add(order)
            await work.deliveries.put(Delivery(order.id, b"{}", "application/json", w.clock.now()))
        ready = await prepare(w.chain, STRANGER, entry["asset"], settle_call(paid))
        signed = await STRANGER.sign(31337, ready.chain_nonce, ready.call, ready.gas, ready.fees)
        w.chain.blocks, w.chain.automine = w.chain.blocks[:-3], False  # three blocks are replaced …
        await w.chain.send(signed.raw)
        w.chain.mine(8)  # … and the first of the new ones takes the payment
        await resolve(w.paddock, order.id)
        assert (await w.order(order.id)).payment is PaymentState.SETTLED
