"""How a record, a standing and an identity are told to programs."""

from typing import Any

from protocol.feedback import registry_name
from server.application.ranks import Ranked
from server.application.standings import Shown
from server.domain.ranking import WINDOW
from server.domain.reputation import Identity, Standing
from server.services.service import Service


def reputation_json(shown: Shown, merchant: str, service: str) -> dict[str, Any]:
    """What a listing says of a service: its own standing, and its merchant's verified identity."""
    return standing_json(shown.of_service(merchant, service)) | {"identity": identity_json(shown.badge(merchant))}


def record_json(ranked: Ranked, service: Service) -> dict[str, Any]:
    """What became of a service's calls in so many `days`: `success` and `score` in thousandths, `p50_ms` from the
    claim to the answer; null for what nobody knows."""
    record = ranked.record(service.slug)
    return {
        "days": WINDOW.days,
        "calls": record.calls,
        "failed": record.failed,
        "payers": record.payers,
        "success": record.success,
        "p50_ms": record.p50_ms,
        "score": ranked.score(service),
    }


def standing_json(standing: Standing) -> dict[str, Any]:
    """`rating` 0 to 100, null without reviews."""
    return {"rating": standing.rating, "reviews": standing.reviews}


def identity_json(identity: Identity | None) -> dict[str, Any] | None:
    """The agent that a merchant verifiably is; None for no badge."""
    if identity is None:
        return None
    registry = registry_name(identity.network, identity.registry)
    return {"agentRegistry": registry, "agentId": identity.agent_id, "agentWallet": identity.wallet}
