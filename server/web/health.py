"""Whether the process lives, and whether it can do its work."""

from typing import Any

from litestar import Response, get

from protocol.headers import to_json
from server.application.paddock import Paddock
from server.web.given import GivenPaddock


@get("/health/live", tags=["health"], summary="The process answers")
async def live() -> dict[str, str]:
    """Always ok while the process can answer at all."""
    return {"status": "ok"}


@get("/health/ready", tags=["health"], summary="Database, chain and facilitator answer")
async def ready(paddock: GivenPaddock) -> Response[bytes]:
    """200 when everything that a purchase needs is there, else 503; names each part."""
    checks: dict[str, Any] = {
        "database": await _database(paddock),
        "chain": await _chain(paddock),
        "facilitator": await _facilitator(paddock),
    }
    healthy = all(check["ok"] for check in checks.values())
    body = {"status": "ok" if healthy else "not ready", "network": paddock.market.network, "checks": checks}
    return Response(to_json(body), status_code=200 if healthy else 503, media_type="application/json")


async def _database(paddock: Paddock) -> dict[str, Any]:
    try:
        async with paddock.db.read() as view:
            waiting = await view.outbox.waiting()
        return {
            "ok": True,
            "jobs_waiting": waiting,
            "paused": await paddock.admission.pause.paused(paddock.db, paddock.clock),
        }
    except Exception as error:
        return {"ok": False, "error": type(error).__name__, "action": "check PADDOCK_DATABASE_URL"}


async def _chain(paddock: Paddock) -> dict[str, Any]:
    try:
        return {"ok": True, "block": await paddock.chain.block_number()}
    except Exception as error:
        return {"ok": False, "error": type(error).__name__, "action": "check PADDOCK_RPC_URL"}


async def _facilitator(paddock: Paddock) -> dict[str, Any]:
    try:
        await paddock.facilitator.ready()
        return {"ok": True}
    except Exception as error:
        return {"ok": False, "error": type(error).__name__, "action": "check PADDOCK_FACILITATOR_URL"}
