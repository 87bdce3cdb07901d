"""Receipts for others to read: what was delivered, what it cost, and what was found, as JSON."""

from typing import Any

import msgspec
from sqlalchemy import Connection

from agent import receipts
from agent.disclosure import without_personal
from agent.outcome import Outcome, outcome_of
from agent.store import purchase


def receipt_json(kept: receipts.Kept, outcome: Outcome) -> dict[str, Any]:
    """One kept delivery with its evidence, without the delivered bytes."""
    return outcome.summary() | {
        "body_hash": kept.body_hash,
        "body_size": kept.body_size,
        "body_type": kept.body_type,
        "kept_at": kept.created_at.isoformat(),
        "checked_at": None if kept.checked_at is None else kept.checked_at.isoformat(),
        "findings": kept.evidence(),
        "payment_response": None if kept.settlement is None else msgspec.json.decode(kept.settlement),
    }


def exported(connection: Connection) -> list[dict[str, Any]]:
    """All of them, oldest first, without what is personal in the words of buyer and seller."""
    found = [
        (kept, outcome_of(connection, purchase(connection, kept.purchase_id))) for kept in receipts.kept_all(connection)
    ]
    return [without_personal(receipt_json(kept, outcome)) for kept, outcome in found]
