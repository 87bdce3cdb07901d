"""Prove: put together and store everything that shows what happened in an order."""

from collections.abc import Mapping
from typing import Any

import msgspec

from protocol.amounts import display
from server.application.chain_receipts import ask_to_chain
from server.application.execute import load
from server.application.paddock import Paddock, ground_of, shown_asset
from server.application.reconcile import Books
from server.domain.orders import Order
from server.ports import UnitOfWork


async def prove(paddock: Paddock, order_id: str) -> float | None:
    """Store the proof record of a final order that has none; None: there is nothing more to do."""
    order = await load(paddock, order_id)
    record = await proof_record(paddock, order)
    async with paddock.db.begin("proof") as work:
        await keep_proof(paddock, work, order, record)
    return None


async def keep_proof(paddock: Paddock, work: UnitOfWork, order: Order, record: Mapping[str, Any]) -> None:
    """Store it in the caller's unit of work, and have the receipt that it names wait to be chained."""
    await work.proofs.put(order.id, msgspec.json.encode(record), paddock.clock.now())
    await ask_to_chain(paddock, work, order)


async def proof_record(paddock: Books, order: Order) -> dict[str, Any]:
    """Quote, payment hash, chain evidence, delivery, times, ledger rows, receipt and terminal status, as JSON values.

    Holds no signed payload: the payment is named by its hash.
    """
    chain = ground_of(paddock.grounds, order.terms.network).chain
    settlement = await chain.mined(order.settlement_tx) if order.settlement_tx else None
    async with paddock.db.read() as view:
        return {
            "order": {"id": order.id, "status": order.shown, "failure": order.failure},
            "quote": _quote(paddock, order),
            "payment": {
                "id": "0x" + order.authorization.digest.hex(),
                "payer": order.authorization.payer,
                "nonce": "0x" + order.authorization.nonce.hex(),
                "x402Version": order.authorization.x402_version,
                "scheme": order.authorization.scheme,
                "method": order.authorization.method,
                "charged": str(order.price),
            },
            "settlement": {
                "transaction": order.settlement_tx,
                "block": settlement.block if settlement else None,
                "blockHash": settlement.block_hash if settlement else None,
                "callbackTransaction": order.callback_tx,
                "refundTransaction": order.refund_tx,
                "moneyBack": order.money_back,
            },
            "resource": await _resource(view, order),
            "times": _times(order),
            "ledger": [_entry(row) for row in await view.ledger.of(order.id)],
            "receipt": await _receipt(view, order),
        }


def _quote(paddock: Books, order: Order) -> dict[str, Any]:
    terms, asset = order.terms, shown_asset(paddock.grounds, order)
    return {
        "id": order.id,
        "service": terms.service,
        "merchant": terms.merchant,
        "resourceUrl": terms.resource_url,
        "intentHash": "0x" + terms.intent.hex(),
        "mode": terms.mode.name,
        "network": terms.network,
        "asset": terms.asset,
        "amount": str(terms.amount),
        "price": f"{display(terms.amount, asset.decimals)} {asset.symbol}",
        "payTo": terms.pay_to,
        "quotedAt": terms.quoted_at,
        "expiresAt": terms.expires_at,
    }


async def _resource(view: UnitOfWork, order: Order) -> dict[str, Any] | None:
    delivery = await view.deliveries.get(order.id)
    if delivery is None or order.released_at is None:
        return None
    return {"sha256": delivery.digest.hex(), "size": len(delivery.body), "type": delivery.content_type}


def _times(order: Order) -> dict[str, Any]:
    return {
        "claimed": order.created_at,
        "paid": order.paid_at,
        "released": order.released_at,
        "final": order.final_at,
    }


def _entry(row: Any) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "debit": row.debit,
        "credit": row.credit,
        "amount": str(row.amount),
        "transaction": row.transaction,
        "logIndex": row.log_index,
        "block": row.block,
        "blockHash": row.block_hash,
        "reversal": row.reversal,
    }


async def _receipt(view: UnitOfWork, order: Order) -> Any:
    receipts = await view.receipts.get(order.id)
    return msgspec.to_builtins(receipts[0]) if receipts else None
