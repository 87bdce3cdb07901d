"""How a standing and an identity are told to programs."""

from typing import Any

from protocol.feedback import registry_name
from server.application.standings import Shown
from server.domain.reputation import Identity, Standing


def reputation_json(shown: Shown, merchant: str, service: str) -> dict[str, Any]:
    """What a listing says of a service: its own standing, and its merchant's verified identity."""
    return standing_json(shown.of_service(merchant, service)) | {"identity": identity_json(shown.badge(merchant))}


def standing_json(standing: Standing) -> dict[str, Any]:
    """`rating` 0 to 100, null without reviews."""
    return {"rating": standing.rating, "reviews": standing.reviews}


def identity_json(identity: Identity | None) -> dict[str, Any] | None:
    """The agent that a merchant verifiably is; None for no badge."""
    if identity is None:
        return None
    registry = registry_name(identity.network, identity.registry)
    return {"agentRegistry": registry, "agentId": identity.agent_id, "agentWallet": identity.wallet}
