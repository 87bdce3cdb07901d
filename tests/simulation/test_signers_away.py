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


async def test_f20_a_402_has_no_offers_while_they_cannot_be_signed_and_has_them_again_later():
    async with open_world() as w:
        away = with_away(w, "receipts")
        assert "offer-receipt" not in (await w.buyer.ask(w.url("echo"))).required["extensions"]
        assert away.refused
        away.off = False
        w.clock.advance(60)
        assert "offer-receipt" in (await w.buyer.ask(w.url("echo"))).required["extensions"]


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
