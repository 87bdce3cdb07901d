"""A signer that is away loses nothing: the buyer is told to come again, and is charged once."""

from dataclasses import replace

import pytest

from server.domain.outages import SignerUnavailable
from server.domain.states import FulfilmentState, PaymentState
from tests.simulation.world import open_world


class Away:
    """A signer that can be switched off."""

    def __init__(self, signer):
        self.signer, self.off, self.refused = signer, False, 0

    @property
    def address(self):
        return self.signer.address

    def __getattr__(self, method):
        async def sign(*arguments):
            if self.off:
                self.refused += 1
                raise SignerUnavailable("the signer cannot be reached: ConnectError")
            return await getattr(self.signer, method)(*arguments)

        return sign


def with_away(w, role):
    """That key of the world's, switched off."""
    if role == "settler":
        away = w.settler._signer = Away(w.settler._signer)
    else:
        away = Away(getattr(w.paddock, role))
        w.paddock = w.app.state.paddock = replace(w.paddock, **{role: away})
    away.off = True
    return away


@pytest.mark.parametrize("role", ["settler", "receipts"])
async def test_f20_a_purchase_while_a_signer_is_away_is_answered_when_it_is_back(role):
    async with open_world() as w:
        quoted = await w.buyer.ask(w.url("echo"))
        header = w.buyer.pay(quoted)
        away = with_away(w, role)
        assert (await w.buyer.present(quoted, header)).status_code == 503
        assert away.refused
        assert (await w.order(quoted.id)).payment is not PaymentState.FAILED
        away.off = False
        w.clock.advance(30)
        await w.work(60)
        assert (await w.buyer.present(quoted, header)).status_code == 200
        assert (w.runs["echo"], w.settlements()) == (1, 1)


async def test_f20_nobody_is_asked_to_pay_while_no_offer_and_no_receipt_can_be_signed():
    async with open_world() as w:
        away = with_away(w, "receipts")
        answer = await w.client.get(w.url("echo"))
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/signer-unavailable")
        away.off = False
        await w.buyer.ask(w.url("echo"))


async def test_f20_a_callback_waits_for_the_delegate_wallets_signer():
    async with open_world() as w:
        away = with_away(w, "delegate")
        quoted = await w.buyer.ask(w.url("access-pass"), "POST", {})
        header = w.buyer.pay(quoted)
        async with w.workers():
            assert (await w.buyer.present(quoted, header)).status_code == 202
            assert away.refused
            assert (await w.order(quoted.id)).fulfilment is FulfilmentState.EXECUTING
            away.off = False
            await w.clock.sleep(70)
            assert (await w.buyer.present(quoted, header)).status_code == 200
        assert w.settlements() == 1
