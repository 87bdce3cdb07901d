"""Threats to the resource server, each by its id: refused, and nothing settled and no handler run for it."""

import asyncio
import json

import msgspec
import pytest

from protocol.receipts import SignedReceipt, x402_receipt_digest
from protocol.signatures import recover
from server.domain.states import FulfilmentState, PaymentState
from tests.simulation.world import ALIAS, ORIGIN, TOKEN, open_world, refuse, service
from tests.stack.buyer import changed, mutations, payment_v1, read_header, write_header


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


async def nothing_happened(world):
    assert world.runs["echo"] == 0
    assert world.settlements() == 0
    assert await world.orders() == []


async def test_an_honest_purchase_is_delivered_with_receipt_and_quote_id_everywhere(world):
    quoted = await world.buyer.ask(world.url("echo", "?text=hi"))
    before = (await world.client.get(quoted.entry["extra"]["statusUrl"])).json()
    answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
    assert answer.status_code == 200
    assert answer.json() == {"text": "hi", "run": 1}
    settled = read_header(answer.headers["payment-response"])
    info = settled["extensions"]["paddock-receipt"]["info"]
    receipt = info["receipt"]
    published = (await world.client.get("/.well-known/x402")).json()["receiptSigner"]
    assert msgspec.convert(info, SignedReceipt).signer() == published
    standard = settled["extensions"]["offer-receipt"]["info"]["receipt"]
    assert recover(x402_receipt_digest(standard["payload"]), bytes.fromhex(standard["signature"][2:])) == published
    assert before["status"] == "quoted"
    assert receipt["quoteId"] == receipt["orderId"] == quoted.id == before["id"]
    after = (await world.client.get(quoted.entry["extra"]["statusUrl"])).json()
    assert after["status"] == "completed"
    assert after["transactions"]["settlement"] == settled["transaction"]


class TestS1:
    """A payment quoted for A and spent on B."""

    @pytest.mark.parametrize(
        ("url", "method", "body", "headers"),
        [
            (f"{ORIGIN}/v1/echo-dear?text=hi", "GET", None, {}),
            (f"{ORIGIN}/v1/echo?text=ho", "GET", None, {}),
            (f"{ORIGIN}/v1/echo?text=hi&text=hi", "GET", None, {}),
            (f"{ORIGIN}/v1/echo?text=%68i", "GET", None, {}),
            (f"{ORIGIN}/v1/echo-post", "POST", b'{"text":"hi"}', {}),
            (f"{ALIAS}/v1/echo?text=hi", "GET", None, {}),
            (f"{ORIGIN}/v1/echo?text=hi", "GET", None, {"Content-Type": "text/plain"}),
        ],
    )
    async def test_s1_a_payment_for_one_request_buys_no_other(self, world, url, method, body, headers):
        quoted = await world.buyer.ask(world.url("echo", "?text=hi"))
        header = world.buyer.pay(quoted)
        elsewhere = await world.client.request(
            method, url, content=body, headers={"PAYMENT-SIGNATURE": header, **headers}
        )
        assert elsewhere.status_code == 402
        assert "binding_mismatch" in read_header(elsewhere.headers["payment-required"])["error"]
        await nothing_happened(world)
        assert (await world.buyer.present(quoted, header)).status_code == 200

    async def test_s1_a_body_is_bound_to_the_byte(self, world):
        quoted = await world.buyer.ask(world.url("echo-post"), "POST", {"text": "hi"})
        header = world.buyer.pay(quoted)
        sent = {"PAYMENT-SIGNATURE": header, "Content-Type": "application/json"}
        spaced = await world.client.post(quoted.url, content=json.dumps({"text": "hi"}) + " ", headers=sent)
        assert spaced.status_code == 402
        await nothing_happened(world)
        assert (await world.buyer.present(quoted, header)).status_code == 200

    async def test_s1_a_v1_payment_is_tied_to_the_request_that_it_was_claimed_for(self, world):
        unpaid = await world.client.get(world.url("echo", "?text=hi"))
        paid = write_header(payment_v1(world.buyer.account, unpaid.json()["accepts"][0]))
        first = await world.client.get(world.url("echo", "?text=hi"), headers={"X-PAYMENT": paid})
        assert first.status_code == 200
        assert read_header(first.headers["x-payment-response"])["success"] is True
        other = await world.client.get(world.url("echo", "?text=ho"), headers={"X-PAYMENT": paid})
        assert other.status_code == 409
        again = await world.client.get(world.url("echo", "?text=hi"), headers={"X-PAYMENT": paid})
        assert (again.status_code, again.content) == (200, first.content)
        assert world.settlements() == world.runs["echo"] == 1


async def test_s3_an_expired_quote_gets_fresh_terms_and_no_claim(world):
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted, validBefore=str(int(world.clock.now().timestamp()) + 9999))
    world.clock.advance(200)
    late = await world.buyer.present(quoted, header)
    assert late.status_code == 402
    assert "quote_expired" in read_header(late.headers["payment-required"])["error"]
    await nothing_happened(world)


async def test_s22_a_payment_with_any_field_of_its_terms_changed_or_removed_is_refused(world):
    quoted = await world.buyer.ask(world.url("echo"))
    paid = read_header(world.buyer.pay(quoted))
    tried = 0
    for what, mutated in mutations(paid, "accepted"):
        answer = await world.buyer.present(quoted, write_header(mutated))
        assert answer.status_code in (400, 402), f"{what}: {answer.status_code}"
        tried += 1
    assert tried > 20
    await nothing_happened(world)


@pytest.mark.parametrize(
    "amount", ["1e4", "010000", "+10000", "0x2710", "-1", str(2**256), "10000.0", "\uff11\uff10\uff10\uff10\uff10", "0"]
)
async def test_s23_amounts_in_any_other_spelling_are_refused(world, amount):
    quoted = await world.buyer.ask(world.url("echo"))
    paid = changed(read_header(world.buyer.pay(quoted)), "payload.authorization.value", amount)
    assert (await world.buyer.present(quoted, write_header(paid))).status_code == 400
    await nothing_happened(world)


async def test_s4_the_same_payment_gets_the_stored_bytes_for_a_day_and_then_409(world):
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    first = await world.buyer.present(quoted, header)
    for _ in range(20):
        world.clock.advance(3600)
        again = await world.buyer.present(quoted, header)
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["idempotent-replayed"] == "true"
    world.clock.advance(5 * 3600)
    late = await world.buyer.present(quoted, header)
    assert late.status_code == 409
    assert late.json()["type"] == "/problems/already-delivered"
    assert world.runs["echo"] == world.settlements() == 1


async def test_s5_fifty_identical_requests_at_once_are_one_run_one_settlement_and_one_fresh_answer(world):
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    answers = await asyncio.gather(*(world.buyer.present(quoted, header) for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    fresh = [a for a in answers if a.status_code == 200 and "idempotent-replayed" not in a.headers]
    assert len(fresh) == 1
    assert {a.content for a in answers if a.status_code == 200} == {fresh[0].content}
    assert world.runs["echo"] == world.settlements() == 1


async def test_s6_one_authorization_under_fifty_quotes_settles_once(world):
    """The authorization is the same, each quote another: the unique key on the payment decides."""
    quotes = [await world.buyer.ask(world.url("echo")) for _ in range(50)]
    signed = read_header(world.buyer.pay(quotes[0]))["payload"]
    headers = [write_header({"x402Version": 2, "accepted": q.entry, "payload": signed}) for q in quotes]
    answers = await asyncio.gather(*(world.buyer.present(q, h) for q, h in zip(quotes, headers, strict=True)))
    fresh = [a for a in answers if a.status_code == 200 and "idempotent-replayed" not in a.headers]
    assert len(fresh) == 1
    assert world.runs["echo"] == world.settlements() == 1


class TestS10:
    """A handler that does not answer costs nothing, and the same payment may be sent again."""

    async def slow(self, _arguments, _context):
        await asyncio.sleep(3600)

    def broken(self, _arguments, _context):
        raise RuntimeError("canary-secret")

    @pytest.mark.parametrize(
        ("name", "status"),
        [("refusing", 422), ("missing", 404), ("broken", 502), ("slow", 502), ("empty", 502), ("null", 502)],
    )
    async def test_s10_no_answer_no_charge(self, name, status):
        handlers = {
            "refusing": service("refusing", refuse(422)),
            "missing": service("missing", refuse(404)),
            "broken": service("broken", self.broken),
            "slow": service("slow", self.slow, timeout=0.05),
            "empty": service("empty", lambda *_: b""),
            "null": service("null", lambda *_: b"null"),
        }
        async with open_world(handlers[name]) as world:
            quoted = await world.buyer.ask(world.url(name))
            answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
            assert answer.status_code == status
            assert "canary" not in answer.text
            assert world.settlements() == 0
            order = await world.order(quoted.id)
            assert (order.payment, order.fulfilment) == (PaymentState.AUTHORIZED, FulfilmentState.FAILED)

    async def test_s10_a_transient_failure_then_the_same_payment_succeeds(self):
        answers = iter([RuntimeError("once"), {"at": "last"}])

        def flaky(_arguments, _context):
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        async with open_world(service("flaky", flaky)) as world:
            quoted = await world.buyer.ask(world.url("flaky"))
            header = world.buyer.pay(quoted)
            assert (await world.buyer.present(quoted, header)).status_code == 502
            second = await world.buyer.present(quoted, header)
            assert (second.status_code, second.json()) == (200, {"at": "last"})
            assert world.settlements() == 1


async def test_s12_while_a_payment_is_in_doubt_another_one_for_its_quote_is_refused(world):
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    world.chain.automine = False
    world.chain.block_seconds = 10_000
    assert (await world.buyer.present(quoted, header)).status_code == 503
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 409
    world.chain.mine()
    await world.work(60)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    assert world.settlements() == 1


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST"])
async def test_s16_other_methods_run_nothing_even_with_a_good_payment(world, method):
    quoted = await world.buyer.ask(world.url("echo"))
    headers = {"PAYMENT-SIGNATURE": world.buyer.pay(quoted), "X-HTTP-Method-Override": "GET"}
    answer = await world.client.request(method, quoted.url, headers=headers)
    assert answer.status_code in (204, 400, 402, 404, 405)
    await nothing_happened(world)


class TestS18:
    """More than one payment, or one in disguise."""

    @pytest.mark.parametrize("disguise", ["PAYMENT_SIGNATURE", "X_PAYMENT"])
    async def test_s18_underscore_variants_are_refused(self, world, disguise):
        quoted = await world.buyer.ask(world.url("echo"))
        header = world.buyer.pay(quoted)
        answer = await world.buyer.present(quoted, header, **{disguise: header})
        assert answer.status_code == 400
        await nothing_happened(world)

    async def test_s18_two_headers_or_both_versions_are_refused(self, world):
        quoted = await world.buyer.ask(world.url("echo"))
        header = world.buyer.pay(quoted)
        old = write_header(payment_v1(world.buyer.account, quoted.required_v1["accepts"][0]))
        twice = [("PAYMENT-SIGNATURE", header), ("PAYMENT-SIGNATURE", header)]
        both = [("PAYMENT-SIGNATURE", header), ("X-PAYMENT", old)]
        joined = [("PAYMENT-SIGNATURE", f"{header},{header}")]
        for headers in (twice, both, joined):
            assert (await world.client.get(quoted.url, headers=headers)).status_code == 400
        await nothing_happened(world)


async def test_s19_terms_and_answers_are_never_cached(world):
    quoted = await world.buyer.ask(world.url("echo"))
    unpaid = await world.client.get(quoted.url)
    paid = await world.buyer.present(quoted, world.buyer.pay(quoted))
    assert unpaid.headers["cache-control"] == "no-store"
    assert paid.headers["cache-control"] == "private, no-store"


async def test_s21_a_foreign_host_gets_no_quote(world):
    answer = await world.client.get("/v1/echo", headers={"Host": "evil.test", "X-Forwarded-Host": "paddock.test"})
    assert answer.status_code == 421
    assert "payment-required" not in answer.headers


async def test_s25_oversized_and_deep_payments_are_refused_cheaply(world):
    deep = write_header({"x402Version": 2, "extensions": json.loads("[" * 100 + "]" * 100)})
    for header in ("A" * 20_000, deep, "%%%", "bm90IGpzb24="):
        answer = await world.client.get(world.url("echo"), headers={"PAYMENT-SIGNATURE": header})
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["action"]
    await nothing_happened(world)


async def test_s31_a_proof_is_for_operator_and_merchant_and_a_guessed_id_is_unknown(world):
    quoted = await world.buyer.ask(world.url("echo"))
    await world.buyer.present(quoted, world.buyer.pay(quoted))
    await world.work(30)
    path = f"/api/orders/{quoted.id}/proof"
    assert (await world.client.get(path)).status_code == 404
    assert (await world.client.get(path, headers={"Authorization": "Bearer "})).status_code == 404
    proof = await world.client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})
    record = proof.json()
    assert record["order"]["status"] == "completed"
    assert record["quote"]["id"] == quoted.id
    assert record["resource"]["size"] == len(json.dumps({"text": "hello", "run": 1}))
    assert record["ledger"][0]["amount"] == "10000"
    assert (await world.client.get("/api/orders/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")).status_code == 404


class TestS32:
    """Claims: never without a valid signature, and never lost with their owner."""

    async def test_s32_an_invalid_signature_claims_nothing_and_blocks_nobody(self, world):
        quoted = await world.buyer.ask(world.url("echo"))
        good = world.buyer.pay(quoted)
        paid = read_header(good)
        signature = paid["payload"]["signature"]
        flipped = signature[:10] + ("0" if signature[10] != "0" else "1") + signature[11:]
        squat = await world.buyer.present(quoted, write_header(changed(paid, "payload.signature", flipped)))
        assert squat.status_code == 402
        await nothing_happened(world)
        assert (await world.buyer.present(quoted, good)).status_code == 200

    async def test_s32_when_the_owner_of_a_claim_dies_its_lease_lapses_and_the_same_payment_goes_on(self, world):
        class Died(BaseException):
            pass

        def die(name, when):
            if (name, when) == ("ready", "begin"):
                raise Died

        quoted = await world.buyer.ask(world.url("echo"))
        header = world.buyer.pay(quoted)
        world.db.hooks.append(die)
        with pytest.raises(Died):
            await world.buyer.present(quoted, header)
        world.db.hooks.clear()
        began, patience = world.clock.now(), world.paddock.limits.wait_for_other
        held = await world.buyer.present(quoted, header)
        assert held.status_code == 409
        assert held.headers["retry-after"]
        assert patience <= (world.clock.now() - began).total_seconds() < patience + 1
        world.clock.advance(60)
        assert (await world.buyer.present(quoted, header)).status_code == 200
        assert world.settlements() == 1
