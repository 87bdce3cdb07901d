"""Receipts: forged, missing, of something else, or about a Transfer that never was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.receipts import pin_signer, pinned_signer
from agent.store import purchase
from protocol.receipts import ZERO_HASH, Receipt
from tests.fakes.seller import CALLBACK, NETWORK, ORIGIN, TOKEN, World, account

URL = f"{ORIGIN}/v1/echo?text=hi"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def changed(**values: Any) -> Callable[[Receipt], Receipt]:
    return lambda receipt: msgspec.structs.replace(receipt, **values)


def assert_unproven(world: World, words: str) -> None:
    """Marked, kept with its evidence, and not bought again by itself."""
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.proof) == ("delivered", "mismatch")
    assert words in outcome.detail
    assert outcome.receipt_id is not None
    again = world.buyer.buy(URL)
    assert (again.status, again.rule) == ("refused", "duplicate.unproven")
    assert world.buyer.buy(URL, task="another task").rule == "duplicate.unproven"
    assert len(world.signer.signed) == 1


@pytest.mark.parametrize("mode", ["DIRECT", "DELEGATE"])
def test_an_honest_purchase_is_proven(world: World, mode: str) -> None:
    world.seller.mode = mode
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.proof, outcome.detail) == ("delivered", "proven", "")
    assert outcome.order_id in world.seller.orders
    assert (outcome.callback is not None) is (mode == "DELEGATE")


FORGED: dict[str, Callable[[Receipt], Receipt]] = {
    "resourceUrl": changed(resource_url=f"{ORIGIN}/v1/cheap"),
    "mode": changed(mode="DELEGATE"),
    "network": changed(network="eip155:1"),
    "asset": changed(asset=CALLBACK),
    "amount": changed(amount="1"),
    "payer": changed(payer=account("stranger").address),
    "payTo": changed(pay_to=account("stranger").address),
    "paymentHash": changed(payment_hash="0x" + "11" * 32),
    "quoteId": changed(quote_id="another"),
    "transaction": changed(transaction="0x" + "22" * 32),
    "callbackTransaction": changed(callback_transaction="0x" + "33" * 32),
    "bodyHash": changed(body_hash=ZERO_HASH),
    "bodySize": changed(body_size=1),
    "bodyType": changed(body_type="text/html"),
}


@pytest.mark.parametrize("field", FORGED)
def test_a18_a_receipt_about_something_else_is_unproven(world: World, field: str) -> None:
    world.seller.alter_receipt = FORGED[field]
    assert_unproven(world, f"receipt: {field}")


def test_a18_a_receipt_by_another_key_is_unproven(world: World) -> None:
    world.seller.signer = "stranger"
    assert_unproven(world, "the merchant's key is")


def test_a18_a_merchant_cannot_exchange_its_receipt_key(world: World) -> None:
    assert world.buyer.buy(f"{URL}&n=1").proof == "proven"
    world.seller.signer, world.seller.publishes = "stranger", ("stranger",)
    assert world.buyer.buy(f"{URL}&n=2").proof == "mismatch"


def test_a18_a_merchant_may_rotate_its_receipt_key_while_it_owns_up_to_the_pinned_one(world: World) -> None:
    assert world.buyer.buy(f"{URL}&n=1").proof == "proven"
    world.seller.signer, world.seller.publishes = "stranger", ("stranger", "receipts")
    assert world.buyer.buy(f"{URL}&n=2").proof == "proven"
    world.seller.signer = "approver"
    assert world.buyer.buy(f"{URL}&n=3").proof == "mismatch"


def test_a18_a_missing_receipt_of_a_merchant_that_signs_receipts_is_unproven(world: World) -> None:
    world.seller.gives_receipt = False
    assert_unproven(world, "gave no receipt")


def test_a18_a_payment_response_about_an_older_payment_of_ours_is_unproven(world: World) -> None:
    first = world.buyer.buy(URL)
    honest = world.seller.chain.move
    world.seller.chain.move = lambda transfer, value=None: (honest(transfer), first.settlement)[1]  # type: ignore[method-assign,assignment,return-value]
    outcome = world.buyer.buy(URL)
    assert outcome.proof == "mismatch"
    assert "did not use this purchase's authorization" in outcome.detail


def test_a18_a_transfer_of_another_amount_is_unproven(world: World) -> None:
    honest = world.seller.chain.move
    world.seller.chain.move = lambda transfer, value=None: honest(transfer, 1)  # type: ignore[method-assign]
    assert_unproven(world, "exactly one Transfer")


def test_a18_a_failed_transaction_is_unproven(world: World) -> None:
    honest = world.seller.chain.move

    def failing(transfer: Any, value: int | None = None) -> str:
        transaction = honest(transfer)
        world.seller.chain.mined[transaction]["status"] = "0x0"
        return transaction

    world.seller.chain.move = failing  # type: ignore[method-assign]
    assert_unproven(world, "failed on chain")


def test_a18_a_transaction_that_never_was_is_unproven_once_the_payment_is_dead(world: World) -> None:
    world.seller.chain.move = lambda transfer, value=None: "0x" + "44" * 32  # type: ignore[method-assign]
    outcome = world.buyer.buy(URL)
    assert (outcome.proof, outcome.status) == ("unchecked", "delivered")
    assert world.buyer.budgets(NETWORK, TOKEN, "default")["limits.per_day"].spent == 50_000
    world.seller.clock.sleep(61)
    (outcome,) = world.buyer.resume()
    assert outcome.proof == "mismatch"
    assert "never reached the chain" in outcome.detail
    assert world.buyer.budgets(NETWORK, TOKEN, "default")["limits.per_day"].spent == 0


def test_a18_money_that_moved_in_another_transaction_than_the_named_one_stays_spent(world: World) -> None:
    honest = world.seller.chain.move
    world.seller.chain.move = lambda transfer, value=None: (honest(transfer), "0x" + "44" * 32)[1]  # type: ignore[method-assign]
    assert world.buyer.buy(URL).proof == "unchecked"
    world.seller.clock.sleep(61)
    (outcome,) = world.buyer.resume()
    assert (outcome.proof, outcome.status) == ("unchecked", "delivered")
    assert "not in a transaction that the seller named" in outcome.detail
    assert world.buyer.budgets(NETWORK, TOKEN, "default")["limits.per_day"].spent == 50_000


def test_g7_a_spent_authorization_is_never_called_dead(world: World) -> None:
    bought_id = world.buyer.buy(URL).purchase_id or ""
    world.seller.clock.sleep(600)
    with world.buyer.store.begin() as connection:
        assert not world.buyer.chain.authorization_dead(purchase(connection, bought_id).signed)


def test_a18_the_first_published_receipt_key_stays_pinned(world: World) -> None:
    moment = world.seller.clock.now()
    with world.buyer.store.begin() as connection:
        pin_signer(connection, ORIGIN, "first", moment)
        pin_signer(connection, ORIGIN, "second", moment)
        assert pinned_signer(connection, ORIGIN) == "first"


def test_a18_a_log_of_a_look_alike_token_proves_nothing(world: World) -> None:
    honest = world.seller.chain.move

    def alike(transfer: Any, value: int | None = None) -> str:
        transaction = honest(transfer)
        world.seller.chain.mined[transaction]["logs"][1]["address"] = CALLBACK
        return transaction

    world.seller.chain.move = alike  # type: ignore[method-assign]
    assert_unproven(world, "exactly one Transfer")


def test_a19_garbage_delivered_is_unproven_and_kept_as_evidence(world: World) -> None:
    world.seller.paid.append("garbage")
    outcome = world.buyer.buy(URL)
    assert (outcome.proof, outcome.body) == ("mismatch", b"garbage")
    assert "bodyHash" in outcome.detail
    assert world.buyer.buy(URL).rule == "duplicate.unproven"
    assert world.buyer.buy(URL, again=True).proof == "proven"


def test_a18_a_delivery_without_a_payment_response_is_unproven(world: World) -> None:
    world.seller.paid.append("silent")
    assert_unproven(world, "without a PAYMENT-RESPONSE")


def test_a_foreign_seller_without_receipts_is_unproven_but_its_transfer_is_checked(world: World) -> None:
    world.seller.gives_receipt = False
    world.seller.publishes = ()
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.proof) == ("delivered", "no_receipt")
    assert outcome.detail.startswith("unproven: the seller gives no receipt")
    assert world.buyer.buy(URL).status == "delivered"


def test_several_of_our_payments_may_be_settled_in_one_transaction(world: World) -> None:
    """A facilitator's batch: as many equal Transfers as authorizations of ours."""
    first = world.buyer.buy(URL)
    honest = world.seller.chain.move

    def batched(transfer: Any, value: int | None = None) -> str:
        transaction = honest(transfer)
        logs = world.seller.chain.mined[transaction]["logs"]
        logs += world.seller.chain.mined[first.settlement or ""]["logs"]
        return transaction

    world.seller.chain.move = batched  # type: ignore[method-assign]
    assert world.buyer.buy(URL).proof == "proven"


def test_a_transfer_too_many_is_unproven(world: World) -> None:
    honest = world.seller.chain.move

    def twice(transfer: Any, value: int | None = None) -> str:
        transaction = honest(transfer)
        logs = world.seller.chain.mined[transaction]["logs"]
        logs.append(logs[1])
        return transaction

    world.seller.chain.move = twice  # type: ignore[method-assign]
    assert_unproven(world, "exactly one Transfer")


def test_a_delegate_payout_of_another_order_is_unproven(world: World) -> None:
    world.seller.mode = "DELEGATE"
    honest = world.seller.chain.move

    def other_order(transfer: Any, value: int | None = None) -> str:
        return honest(transfer._replace(nonce=b"\x07" * 32) if transfer.to == CALLBACK else transfer)

    world.seller.chain.move = other_order  # type: ignore[method-assign]
    assert_unproven(world, "is not of this order")


def test_an_unreachable_chain_leaves_the_proof_open_and_a_later_look_closes_it(world: World) -> None:
    world.seller.chain.down = True
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.proof) == ("delivered", "unchecked")
    world.seller.chain.down = False
    assert [outcome.proof for outcome in world.buyer.resume()] == ["proven"]


def test_an_rpc_of_another_chain_proves_nothing(world: World) -> None:
    world.seller.chain.chain_id = 1
    outcome = world.buyer.buy(URL)
    assert outcome.proof == "unchecked"
    assert "serves eip155:1" in outcome.detail
