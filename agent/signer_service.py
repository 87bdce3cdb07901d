"""The signer as a service of its own: one path that signs, one that says for whom. Its key never leaves it."""

import asyncio
import hmac
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler

from agent.errors import Refused, WalletError
from agent.signing import Wish
from agent.warden import Warden
from protocol.errors import ProtocolError

PROBLEM = "application/problem+json"
LARGEST = 64 * 1024
"""Bytes of a wish; calldata is the only thing in it that can grow."""


def create_app(warden: Warden, token: str) -> Litestar:
    """The ASGI application. Whoever has the token may ask for signatures, and gets those that the warden allows."""

    @get("/address", sync_to_thread=False)
    def address() -> dict[str, str]:
        return {"address": warden.address, "key": warden.key}

    @post("/sign", status_code=200)
    async def sign(request: Request[Any, Any, Any]) -> dict[str, str]:
        wish: Wish = msgspec.json.decode(await request.body(), type=Wish)
        signature = await asyncio.to_thread(warden.sign, wish)
        return {"signature": "0x" + signature.hex()}

    def has_token(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        given = connection.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise NotAuthorizedException("the signer's token is missing or wrong")

    return Litestar(
        [address, sign],
        guards=[has_token],
        exception_handlers={
            Refused: _refused,
            WalletError: _unable,
            ProtocolError: _unreadable,
            msgspec.DecodeError: _unreadable,
        },
        request_max_body_size=LARGEST,
        openapi_config=None,
    )


def _refused(_request: Request[Any, Any, Any], refusal: Refused) -> Response[bytes]:
    return _problem(403, refusal.rule, str(refusal))


def _unable(_request: Request[Any, Any, Any], error: WalletError) -> Response[bytes]:
    return _problem(409, "wallet", str(error))


def _unreadable(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return _problem(400, "wish.malformed", error.detail if isinstance(error, ProtocolError) else str(error))


def _problem(status: int, rule: str, detail: str) -> Response[bytes]:
    body = {"type": "about:blank", "title": "Not signed", "status": status, "rule": rule, "detail": detail}
    return Response(msgspec.json.encode(body), status_code=status, media_type=PROBLEM)
