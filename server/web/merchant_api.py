"""What the interfaces of merchants have in common: how a body is read, and how an answer is given."""

from typing import Any, TypeVar

import msgspec
from litestar import Request, Response

from server.application.paddock import Paddock
from server.domain.errors import ConfigurationError, RequestRefused
from server.ports import Gateway

NO_STORE = {"Cache-Control": "no-store"}
Asked = Request[Any, Any, Any]
T = TypeVar("T")


async def read_body(request: Asked, kind: type[T], refusal: type[RequestRefused]) -> T:
    """The JSON body; an empty one is an empty object. Raises the refusal where it is not of that kind."""
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refusal(f"the body is not what is wanted here: {error}") from error


def answer(value: object, status: int = 200) -> Response[bytes]:
    """JSON that nobody on the way keeps."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json", headers=NO_STORE)


def gateway_of(paddock: Paddock) -> Gateway:
    """The way out to upstreams. Raises ConfigurationError where this process has none."""
    if paddock.gateway is None:
        raise ConfigurationError("this process has no way out to upstreams")
    return paddock.gateway
