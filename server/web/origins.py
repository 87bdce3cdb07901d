"""Which of our origins a request asked; a link never names a host that a stranger chose."""

from typing import Any

from litestar.connection import ASGIConnection

from server.application.paddock import Paddock
from server.domain.errors import Misdirected


def asked_origin(paddock: Paddock, request: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Our origin of the request's Host header; None for a host that is not ours."""
    return origin_of(paddock, request.headers.get("host", ""))


def require_origin(paddock: Paddock, request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The same. Raises Misdirected for a host that is not ours."""
    found = asked_origin(paddock, request)
    if found is None:
        raise Misdirected(f"the request's host is {request.headers.get('host', '')[:100]!r}")
    return found


def origin_of(paddock: Paddock, host: str) -> str | None:
    """Our origin at a host; None for one that is not ours."""
    return paddock.origin_at.get(host.lower())


def link_origin(paddock: Paddock, request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The origin for links in an answer: the one asked if it is ours, else our first."""
    return asked_origin(paddock, request) or paddock.origin
