"""A metered service: the buyer signs for a ceiling, and is charged for what the call used, or for nothing."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
import pytest

from protocol.wire import PaymentPayload, PaymentRequirements
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.domain.cases import CaseKind
from server.domain.market import Asset
from server.domain.orders import Shown
from server.domain.states import FulfilmentState, PaymentState
from server.services.disassembly import METER, MOST
from server.services.service import Answer, Fulfilment, Meter
from tests.fakes.evm import TOKEN
from tests.fakes.facilitator import FakeFacilitator
from tests.fakes.permit2 import PERMIT2
from tests.simulation.world import RICH, World, open_world, service
from tests.stack.buyer import read_header, write_header

CEILING = 7_500
STRANGER = LocalSigner(account("stranger").key.hex())


class Died(Exception):
    """What a killed process looks like from inside."""


class ExactOnly(FakeFacilitator):
    """A facilitator that does not know scheme upto."""

    def settlers(self):
        return {}


@asynccontextmanager
async def selling(charge, **changes):
    """A world with one more service, "scan", that is metered; `charge` is what its handler asks, by the argument."""
    runs: Counter[str] = Counter()

    def run(arguments, _context):
        runs["scan"] += 1
        return Answer(b'{"used":true}', charge=charge(arguments.text) if callable(charge) else charge)

    metered = service("scan", run, amount=CEILING, meter=Meter("instruction", 1_500, 1_000), **changes)
    async with open_world(metered) as w:
        w.runs = runs
        w.chain.allow(w.buyer.account.address, PERMIT2, RICH, TOKEN)
        yield w


def transfers(w: World) -> list[int]:
    """What left the buyer's wallet."""
    payer = bytes.fromhex(w.buyer.account.address[2:])
    logs = [log for block in w.chain.blocks for mined in block.mined for log in mined.logs]
    moved = [log for log in logs if log.address == TOKEN and len(log.topics) == 3 and log.topics[1][-20:] == payer]
    return [int.from_bytes(log.data, "big") for log in moved if len(log.data) == 32]


async def bought(w: World):
    quoted = await w.buyer.ask(w.url("scan"))
    return quoted, await w.buyer.present(quoted, w.buyer.permit(quoted))


async def test_terms_name_the_ceiling_the_scheme_and_who_settles_it():
    async with selling(1) as w:
        entry = (await w.buyer.ask(w.url("scan"))).entry
        assert (entry["scheme"], entry["amount"]) == ("upto", str(CEILING))
        assert entry["extra"]["assetTransferMethod"] == "permit2"
        assert entry["extra"]["facilitatorAddress"] == account("settler").address


async def test_a_call_costs_what_it_used_and_every_record_names_charge_and_ceiling():
    async with selling(1_234) as w:
        quoted, answer = await bought(w)
        assert answer.status_code == 200
        settled = read_header(answer.headers["payment-response"])
        assert (settled["success"], settled["amount"]) == (True, "1234")
        receipt = settled["extensions"]["paddock-receipt"]["info"]["receipt"]
        assert (receipt["amount"], receipt["transaction"]) == ("1234", settled["transaction"])
        status = (await w.client.get(f"/api/orders/{quoted.id}")).json()
        assert (status["amount"], status["charged"], status["price"]) == (str(CEILING), "1234", "0.001234 USDC")
        assert transfers(w) == [1_234]
        await w.work(30)
        async with w.db.read() as view:
            [row] = await view.ledger.of(quoted.id)
            proof = msgspec.json.decode(await view.proofs.get(quoted.id))
        assert row.amount == 1_234
        assert (proof["payment"]["charged"], proof["quote"]["amount"]) == ("1234", str(CEILING))


async def test_a_call_that_used_nothing_is_delivered_and_moves_nothing():
    async with selling(0) as w:
        quoted, answer = await bought(w)
        assert (answer.status_code, answer.json()) == (200, {"used": True})
        settled = read_header(answer.headers["payment-response"])
        assert (settled["success"], settled["amount"], settled["transaction"]) == (True, "0", "")
        own = settled["extensions"]["paddock-receipt"]["info"]["receipt"]
        assert (own["amount"], own["transaction"], own["status"]) == ("0", "0x" + "00" * 32, "completed")
        assert "transaction" not in settled["extensions"]["offer-receipt"]["info"]["receipt"]["payload"]
        await w.work(300)
        order = await w.order(quoted.id)
        assert (order.payment, order.fulfilment) == (PaymentState.SETTLED, FulfilmentState.RELEASED)
        assert order.final_at is not None
        assert transfers(w) == []
        again = await w.buyer.present(quoted, w.buyer.signed[-1])
        assert (again.content, again.headers["idempotent-replayed"]) == (answer.content, "true")
        assert w.runs["scan"] == 1


async def test_a_call_that_used_nothing_is_final_only_when_its_permit_cannot_be_used_any_more():
    async with selling(0) as w:
        quoted, _ = await bought(w)
        await w.work(60)
        assert (await w.order(quoted.id)).final_at is None
        await w.work(120)
        assert (await w.order(quoted.id)).final_at is not None


async def test_a_call_that_used_nothing_needs_no_facilitator_and_survives_its_owners_death():
    async with selling(0) as w:
        quoted = await w.buyer.ask(w.url("scan"))
        header = w.buyer.permit(quoted)

        def die(label, moment):
            if (label, moment) == ("waived", "commit"):
                raise Died

        w.db.hooks.append(die)
        await asyncio.gather(w.buyer.present(quoted, header), return_exceptions=True)
        w.db.hooks.clear()
        assert (await w.order(quoted.id)).payment is PaymentState.SETTLING
        await w.work(120)
        assert (await w.order(quoted.id)).shown is Shown.COMPLETED
        assert (await w.buyer.present(quoted, header)).status_code == 200
        assert w.runs["scan"] == 1


@pytest.mark.parametrize("charge", [CEILING + 1, -1, None], ids=str)
async def test_s28_a_handler_that_charges_above_the_ceiling_or_nonsense_charges_nothing(charge):
    async with selling(charge) as w:
        quoted, answer = await bought(w)
        assert (answer.status_code, answer.json()["type"]) == (502, "/problems/service-failed")
        assert transfers(w) == []
        assert (await w.order(quoted.id)).charged is None


async def test_s28_the_facilitator_settles_nothing_above_the_ceiling():
    async with selling(1) as w:
        quoted = await w.buyer.ask(w.url("scan"))
        answer = await settle(w, w.buyer.permit(quoted), CEILING + 1)
        assert answer["success"] is False
        assert answer["errorReason"] == "invalid_upto_evm_payload_settlement_exceeds_amount"
        assert transfers(w) == []


async def test_s28_many_settlements_at_once_under_one_ceiling_move_one_amount():
    async with selling(1) as w:
        header = w.buyer.permit(await w.buyer.ask(w.url("scan")))
        answers = await asyncio.gather(*(settle(w, header, amount) for amount in range(1_000, 1_020)))
        assert len({(one["success"], one["amount"], one["transaction"]) for one in answers}) == 1
        [moved] = transfers(w)
        assert answers[0]["amount"] == str(moved)
        w.foreign.add(answers[0]["transaction"])


async def test_s28_many_calls_at_once_under_one_permit_are_one_call():
    async with selling(len) as w:
        quoted = await w.buyer.ask(w.url("scan", "?text=12345"))
        header = w.buyer.permit(quoted)
        others = [replace(quoted, url=w.url("scan", f"?text={'x' * n}")) for n in range(1, 10)]
        answers = await asyncio.gather(*(w.buyer.present(one, header) for one in [quoted] * 10 + others))
        assert [one.status_code for one in answers[:10]] == [200] * 10
        assert {one.status_code for one in answers[10:]} == {402}
        assert (w.runs["scan"], transfers(w)) == (1, [5])


async def test_s28_a_second_purchase_never_uses_what_the_first_left_of_its_permit():
    async with selling(1_000) as w:
        _, answer = await bought(w)
        assert answer.status_code == 200
        paid = read_header(w.buyer.signed[-1])
        quoted = await w.buyer.ask(w.url("scan", "?text=more"))
        answer = await w.buyer.present(quoted, write_header({**paid, "accepted": quoted.entry, "resource": None}))
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/payment-conflict")
        assert (w.runs["scan"], transfers(w)) == (1, [1_000])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount": str(CEILING - 1)}, "permit2_amount_mismatch"),
        ({"facilitator": STRANGER.address}, "upto_facilitator_mismatch"),
        ({"to": STRANGER.address}, "invalid_permit2_recipient_mismatch"),
        ({"token": STRANGER.address}, "permit2_token_mismatch"),
        ({"deadline": "1"}, "permit2_deadline_expired"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_permit_that_is_not_what_the_terms_ask_runs_nothing(change, reason):
    async with selling(1) as w:
        quoted = await w.buyer.ask(w.url("scan"))
        answer = await w.buyer.present(quoted, w.buyer.permit(quoted, **change))
        assert (answer.status_code, w.runs["scan"]) == (402, 0)
        assert read_header(answer.headers["payment-response"])["errorReason"] == reason


async def test_a_payer_who_has_not_let_permit2_move_his_money_is_told_so():
    async with selling(1) as w:
        w.chain.allow(w.buyer.account.address, PERMIT2, CEILING - 1, TOKEN)
        _, answer = await bought(w)
        refusal = read_header(answer.headers["payment-response"])
        assert (answer.status_code, refusal["errorReason"]) == (402, "permit2_allowance_required")
        assert w.runs["scan"] == 0


async def test_the_facilitator_settles_an_amount_of_zero_without_a_chain_transaction_and_once():
    async with selling(1) as w:
        header = w.buyer.permit(await w.buyer.ask(w.url("scan")))
        for amount in (0, CEILING, 0):
            answer = await settle(w, header, amount)
            assert (answer["success"], answer.get("amount"), answer["transaction"]) == (True, "0", ""), answer
        assert transfers(w) == []


async def test_a_facilitator_that_takes_what_was_waived_is_found_out():
    async with selling(0) as w:
        facilitator = FakeFacilitator(w.chain, w.clock, w.paddock.market, STRANGER)
        w.paddock = w.app.state.paddock = replace(w.paddock, facilitator=facilitator)
        quoted, answer = await bought(w)
        assert answer.status_code == 200
        taken = await facilitator.settle(*signed(w.buyer.signed[-1], 900))
        w.foreign.add(taken.transaction)
        await w.work(60)
        assert [case.kind for case in await cases(w, quoted.id)] == [CaseKind.MISCHARGED]


@pytest.mark.parametrize("moved", [999, 1_001, CEILING])
async def test_s8_a_facilitator_that_moves_another_amount_than_was_charged_opens_a_case(moved):
    async with selling(1_000) as w:
        facilitator = FakeFacilitator(w.chain, w.clock, w.paddock.market, STRANGER, takes=moved)
        w.paddock = w.app.state.paddock = replace(w.paddock, facilitator=facilitator)
        quoted, answer = await bought(w)
        assert answer.status_code == 503
        await w.work(60)
        order = await w.order(quoted.id)
        assert (order.payment, order.fulfilment) == (PaymentState.FAILED, FulfilmentState.FAILED)
        assert CaseKind.MISCHARGED in [case.kind for case in await cases(w, quoted.id)]
        w.foreign.update(facilitator.settled.values())


@pytest.mark.parametrize("scheme", ["exact", "upto"])
@pytest.mark.parametrize("settles", [True, False], ids=["somebody settles it", "nobody settles it"])
async def test_v1_offers_no_metered_service_and_takes_no_payment_for_one(scheme, settles):
    async with selling(1) as w:
        quoted = await w.buyer.ask(w.url("scan"))
        assert quoted.required_v1["accepts"] == []
        paid = {"x402Version": 1, "scheme": scheme, "network": "paddock-devnet"}
        permit = read_header(w.buyer.permit(quoted))["payload"]
        if not settles:
            facilitator = ExactOnly(w.chain, w.clock, w.paddock.market, STRANGER)
            w.paddock = w.app.state.paddock = replace(w.paddock, facilitator=facilitator)
        answer = await w.client.get(quoted.url, headers={"X-PAYMENT": write_header({**paid, "payload": permit})})
        assert (answer.status_code, w.runs["scan"]) == (402 if settles else 503, 0)


async def test_without_anybody_who_settles_upto_the_service_says_so():
    async with selling(1) as w:
        facilitator = ExactOnly(w.chain, w.clock, w.paddock.market, STRANGER)
        w.paddock = w.app.state.paddock = replace(w.paddock, facilitator=facilitator)
        answer = await w.client.get(w.url("scan"))
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/facilitator-unavailable")
        assert "retry-after" in answer.headers


def test_a_meter_rounds_in_the_buyers_favour_at_every_use():
    assert [METER.charge(used) for used in (0, 1, 2, 3, 667, 1_000)] == [0, 1, 3, 4, 1_000, 1_500]
    assert METER.charge(MOST) == 7_500
    for used in range(2_000):
        assert METER.charge(used) * 1_000 <= used * 1_500 < (METER.charge(used) + 1) * 1_000


def test_a_charge_is_rounded_down_where_the_asset_is_coarse_and_never_above_the_ceiling():
    cents, dai = Asset(TOKEN, "", "", 2, ""), Asset(TOKEN, "", "", 18, "")
    assert [cents.charge(price) for price in (0, 9_999, 10_000, 19_999)] == [0, 0, 1, 1]
    assert dai.charge(1) == 10**12
    for price in range(0, 30_000, 7):
        assert cents.charge(price) <= cents.amount(price)


@pytest.mark.parametrize(
    "changes", [{"fulfilment": Fulfilment.AFTER_SETTLEMENT}, {"mode": "DELEGATE", "callback": "AccessPass"}]
)
def test_what_is_charged_by_use_cannot_be_paid_first(changes):
    with pytest.raises(ValueError, match="cannot be paid first"):
        service("scan", None, meter=Meter("instruction", 1), **changes)


async def settle(w: World, header: str, amount: int):
    """Ask the marketplace's facilitator to settle so much of a payment, as a foreign resource server does."""
    paid = read_header(header)
    terms = paid["accepted"] | {"amount": str(amount)}
    body = {"x402Version": 2, "paymentPayload": paid, "paymentRequirements": terms}
    return (await w.client.post("/facilitator/settle", json=body)).json()


def signed(header: str, amount: int) -> tuple[PaymentPayload, PaymentRequirements]:
    paid = msgspec.convert(read_header(header), PaymentPayload)
    return paid, msgspec.structs.replace(paid.accepted, amount=str(amount))


async def cases(w: World, order_id: str):
    async with w.db.read() as view:
        return await view.cases.of(order_id)
