"""Errors as application/problem+json: a stable type, what was wrong, and what to do."""

import logging
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from protocol.errors import ProtocolError
from server.domain.errors import InternalError, PaddockError
from server.domain.redaction import scrub

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
UNREADABLE, UNREADABLE_TITLE = "unreadable-message", "The message cannot be read"
COMPARE = "Compare with the x402 specification; nothing was charged."
SEE_ALSO = "See / for the services, /openapi.json for every path and /docs to read about them."
HTTP, HTTP_REFUSED = "http-", "Refused"
HTTP_TITLES = {404: "There is nothing here", 405: "That method is not for this path", 413: "The request is too large"}


def problem(
    status: int, slug: str, title: str, detail: str, action: str, members: dict[str, Any], headers: dict[str, str]
) -> Response[bytes]:
    """A problem document with our two own members, `action` and whatever belongs to the case."""
    body = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": scrub(detail), "action": action}
    return Response(
        msgspec.json.encode(body | members),
        status_code=status,
        media_type=PROBLEM,
        headers={"Cache-Control": "no-store", **headers},
    )


def from_paddock(error: PaddockError, members: dict[str, Any] | None = None) -> Response[bytes]:
    """One of our own errors. Internal ones say nothing of what went wrong inside."""
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    if isinstance(error, InternalError):
        log.error("internal: %s", error.detail)
        return problem(error.status, error.slug, error.title, error.title, error.action, {}, headers)
    shown = error.members if members is None else members
    return problem(error.status, error.slug, error.title, error.detail, error.action, shown, headers)


def on_paddock_error(_request: Request[Any, Any, Any], error: PaddockError) -> Response[bytes]:
    """Litestar's handler for our own errors."""
    return from_paddock(error)


def on_protocol_error(_request: Request[Any, Any, Any], error: ProtocolError) -> Response[bytes]:
    """A message that cannot be read; `reason` is x402's code for why."""
    return problem(400, UNREADABLE, UNREADABLE_TITLE, error.detail, COMPARE, {"reason": error.reason}, {})


def on_http_error(_request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The framework's own refusals: unknown path, wrong method, body too large."""
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    status = error.status_code
    title = HTTP_TITLES.get(status, HTTP_REFUSED)
    return problem(status, f"{HTTP}{status}", title, error.detail, SEE_ALSO, {}, headers)


def on_any_error(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """What nobody expected: logged with its trace, answered without it."""
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    return problem(500, PaddockError.slug, PaddockError.title, PaddockError.title, PaddockError.action, {}, {})


HANDLERS: dict[Any, Any] = {
    PaddockError: on_paddock_error,
    ProtocolError: on_protocol_error,
    HTTPException: on_http_error,
    Exception: on_any_error,
}
