"""After the signature left: the same bytes again, the order's word, the chain's word, and refunds."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.chain import TRANSFER
from agent.errors import SellerUnavailable
from protocol.escrow import GIVEN_BACK
from protocol.typed_data import Transfer
from tests.fakes.seller import CALLBACK, ORIGIN, TOKEN, World, account

URL = f"{ORIGIN}/v1/echo?text=hi"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("trouble", ["500", "503", "409", "202", "429", "reset", "lost"])
def test_trouble_after_payment_is_answered_with_the_same_bytes(world: World, trouble: str) -> None:
    world.seller.paid.extend([trouble, trouble])
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.proof) == ("delivered", "proven")
    assert len(set(world.seller.payments)) == 1
    assert len(world.signer.signed) == 1


def test_the_sellers_retry_after_is_honoured(world: World) -> None:
    world.seller.paid.extend(["503", "503"])
    world.buyer.buy(URL)
    assert world.seller.clock.sleeps == [2.0, 2.0]


def test_retries_are_bounded_by_number_and_by_patience(world: World) -> None:
    world.seller.paid.extend(["503"] * 99)
    outcome = world.buyer.buy(URL)
    assert outcome.status == "in_doubt"
    assert len(world.seller.payments) == 1 + world.buyer.policy.limits.retries
    assert sum(world.seller.clock.sleeps) <= world.buyer.policy.limits.patience_seconds


def test_a_patience_that_is_over_ends_the_retries(tmp_path: Path) -> None:
    world = World(tmp_path, limits=", patience_seconds = 3")
    world.seller.paid.extend(["503"] * 99)
    assert world.buyer.buy(URL).status == "in_doubt"
    assert (world.seller.clock.sleeps, len(world.seller.payments)) == ([2.0], 2)


def test_a_delivery_after_many_answers_of_trouble_comes_with_resume_after_a_restart(world: World) -> None:
    world.seller.paid.extend(["503"] * 5)
    assert world.buyer.buy(URL).status == "in_doubt"
    (outcome,) = world.restarted().resume()
    assert (outcome.status, outcome.proof, outcome.body) == ("delivered", "proven", world.seller.body)
    assert len(set(world.seller.payments)) == 1


def test_resuming_sends_once_at_once_also_without_any_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path, limits=", patience_seconds = 0")
    standing = world.seller.clock.now

    def ticking() -> datetime:
        world.seller.clock.moment += timedelta(milliseconds=1)
        return standing()

    monkeypatch.setattr(world.seller.clock, "now", ticking)
    world.seller.paid.append("503")
    assert world.buyer.buy(URL).status == "in_doubt"
    assert world.buyer.buy(URL).status == "delivered"
    assert len(world.signer.signed) == 1


def test_a_failed_callback_is_followed_to_its_refund_on_chain(world: World) -> None:
    world.seller.mode = "DELEGATE"
    world.seller.paid.append("undone")
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.proof) == ("refunded", "proven")
    assert outcome.refund in world.seller.chain.mined
    assert world.seller.chain.balances[world.signer.address] == 100_000_000
    assert len(world.seller.payments) == 1


def test_a_refund_that_is_still_due_is_waited_for(world: World) -> None:
    world.seller.mode = "DELEGATE"
    world.seller.paid.append("undone")
    honest = world.seller.handle
    states = ["due", "sending", "refunded"]

    def slow(request: httpx.Request) -> httpx.Response:
        response = honest(request)
        if request.url.path.startswith("/api/orders/"):
            order = world.seller.orders[request.url.path.rpartition("/")[2]]
            state = states.pop(0)
            transactions = order["transactions"] if state == "refunded" else {}
            return httpx.Response(200, json=order | {"money_back": state, "transactions": transactions})
        return response

    world.seller.transport.handler = slow
    assert world.buyer.buy(URL).status == "refunded"
    assert states == []


def test_a_refund_of_another_order_is_no_refund(world: World) -> None:
    world.seller.mode = "DELEGATE"
    honest = world.seller.chain.move

    def elsewhere(transfer: Transfer, value: int | None = None) -> str:
        return honest(transfer._replace(nonce=b"\x07" * 32) if transfer.to == world.signer.address else transfer)

    world.seller.chain.move = elsewhere  # type: ignore[method-assign]
    world.seller.paid.append("undone")
    outcome = world.buyer.buy(URL)
    assert outcome.status == "in_doubt"
    assert "is not of this order" in outcome.detail


def test_a_refund_of_what_was_never_taken_releases_nothing(world: World) -> None:
    """Else the seller could settle the authorization after its hold is gone."""
    world.seller.mode = "DELEGATE"
    world.seller.paid.append("undone")
    honest = world.seller.chain.move

    def only_back(transfer: Transfer, value: int | None = None) -> str:
        return honest(transfer) if transfer.to == world.signer.address else "0x" + "55" * 32

    world.seller.chain.move = only_back  # type: ignore[method-assign]
    assert world.buyer.buy(URL).status == "in_doubt"
    assert world.buyer.budgets("eip155:31337", TOKEN, "default")["limits.per_day"].spent == 50_000


OTHERS = {
    "": {},
    "is not of this order": {"order": "0x" + "07" * 32},
    "gave another amount back": {"value": 1},
    "the contract gave": {"sender": "0x" + "66" * 20},
    "refund 0x": {"contract": "0x" + "66" * 20},
    "refund": {"status": "0x0"},
}


@pytest.mark.parametrize(("finding", "changed"), OTHERS.items(), ids=["as it is", *list(OTHERS)[1:]])
def test_what_the_contract_held_and_gave_back_is_a_refund_of_its_own_order_alone(
    world: World, finding: str, changed: dict[str, Any]
) -> None:
    world.seller.mode = "DELEGATE"
    world.seller.paid.append("undone")
    honest = world.seller.chain.move

    def by_contract(transfer: Transfer, value: int | None = None) -> str:
        transaction = honest(transfer, value)
        if transfer.to == world.signer.address:
            fields = {"order": "0x" + transfer.nonce.hex(), "value": transfer.value, "sender": CALLBACK}
            given_back(world.seller.chain.mined[transaction], transfer.to, **{"contract": CALLBACK} | fields | changed)
        return transaction

    world.seller.chain.move = by_contract  # type: ignore[method-assign]
    outcome = world.buyer.buy(URL)
    assert outcome.status == ("in_doubt" if finding else "refunded")
    assert finding in outcome.detail


def given_back(
    mined: dict[str, Any], payer: str, *, contract: str, order: str, value: int, sender: str, status: str = "0x1"
) -> None:
    """Write into a chain transaction what an escrow and its token log, in place of what stood there."""
    event = ["0x" + GIVEN_BACK.hex(), order, topic(contract), topic(payer)]
    transfer = [TRANSFER, topic(sender), topic(payer)]
    amount = f"0x{value:064x}"
    mined["status"] = status
    mined["logs"] = [
        {"address": contract.lower(), "topics": event, "data": amount},
        {"address": TOKEN.lower(), "topics": transfer, "data": amount},
    ]


def topic(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")


def test_one_refund_is_not_counted_for_two_purchases(world: World) -> None:
    """DIRECT money comes back from any address; then only the transaction tells two refunds apart."""
    world.seller.paid.extend(["undone", "undone"])
    first = world.buyer.buy(f"{URL}&n=1")
    assert first.status == "refunded"
    honest = world.seller.chain.move
    world.seller.chain.move = lambda transfer, value=None: (  # type: ignore[method-assign,assignment,return-value]
        first.refund if transfer.to == world.signer.address else honest(transfer)
    )
    second = world.buyer.buy(f"{URL}&n=2")
    assert second.status == "in_doubt"
    assert "was another purchase's" in second.detail


def test_resuming_all_goes_on_past_a_seller_that_is_down(world: World) -> None:
    world.seller.amount = 600_000
    waiting = world.buyer.buy(URL).purchase_id or ""
    world.seller.clock.sleep(1800)

    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    world.seller.handle_unpaid = down
    assert [outcome.status for outcome in world.buyer.resume()] == ["waiting"]
    with pytest.raises(SellerUnavailable):
        world.buyer.resume(waiting)


def test_a_status_url_at_another_origin_is_not_asked(world: World) -> None:
    honest = world.seller.entry
    elsewhere = "http://elsewhere.test/api/orders/1"

    def lure(path: str = "/v1/echo") -> object:
        entry = honest(path)
        entry.extra["statusUrl"] = elsewhere
        return entry

    world.seller.entry = lure  # type: ignore[method-assign,assignment]
    world.seller.paid.extend(["503"] * 9)
    assert world.buyer.buy(URL).status == "in_doubt"
    assert world.seller.leaks == []


def test_the_payment_is_never_sent_to_the_status_url(world: World) -> None:
    world.seller.paid.extend(["503"] * 9)
    world.buyer.buy(URL)
    asked = [request for request in world.seller.requests if request.url.path.startswith("/api/orders/")]
    assert asked
    assert not any("payment-signature" in [name.decode().lower() for name, _ in one.headers.raw] for one in asked)


def test_a_free_answer_costs_nothing_and_an_error_before_paying_is_no_purchase(world: World) -> None:
    world.seller.handle_unpaid = lambda request: httpx.Response(200, content=b"free")
    assert (world.buyer.buy(URL).status, world.buyer.buy(URL).rule) == ("delivered", "free")
    world.seller.handle_unpaid = lambda request: httpx.Response(404, json={"detail": "no such service"})
    assert world.buyer.buy(URL).status == "failed"
    assert world.signer.signed == []


def test_a_seller_that_is_down_is_an_error_with_a_mend_and_no_signature(world: World) -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    world.seller.handle_unpaid = down
    with pytest.raises(SellerUnavailable, match="does not answer") as caught:
        world.buyer.buy(URL)
    assert caught.value.mend
    assert world.signer.signed == []


def test_a_dead_attempt_makes_room_for_a_new_purchase(world: World) -> None:
    world.seller.paid.extend(["402"] * 2)
    assert world.buyer.buy(URL).status == "in_doubt"
    world.seller.clock.sleep(61)
    assert world.buyer.buy(URL).status == "delivered"
    assert len(world.signer.signed) == 2
    assert len(world.seller.chain.used) == 1


def test_a_topped_up_wallet_lets_the_same_bytes_through(world: World) -> None:
    world.seller.paid.append("402")
    assert world.buyer.buy(URL).status == "in_doubt"
    assert world.buyer.buy(URL).status == "delivered"
    assert len(world.signer.signed) == 1


def test_discovery_compares_by_price_and_says_what_comes_back(world: World) -> None:
    (offer,) = world.buyer.market.discover(ORIGIN)
    assert (offer.url, offer.method, offer.terms.amount) == (f"{ORIGIN}/v1/echo", "GET", 50_000)
    assert (offer.example, offer.unit, offer.terms.pay_to) == ({"text": "hello"}, "answer", account("merchant").address)
