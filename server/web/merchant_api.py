"""What the interfaces of merchants have in common: who may, how a body is read, and how an answer is given."""

from typing import Any, TypeVar

import msgspec
from litestar import Request, Response

from server.application.paddock import Paddock
from server.domain.errors import ConfigurationError, NotAllowed, RequestRefused
from server.ports import Gateway
from server.web.credentials import Credentials, Role

NO_STORE = {"Cache-Control": "no-store"}
Asked = Request[Any, Any, Any]
T = TypeVar("T")


def require_merchant(request: Asked, paddock: Paddock, credentials: Credentials, merchant: str) -> str:
    """Who asks, for an audit: the merchant itself, or the operator for it.

    Raises NotAllowed; a merchant that does not exist is refused as another's.
    """
    if merchant not in paddock.merchants or not credentials.acts_for(request, paddock, merchant):
        raise NotAllowed("this is for the operator and the merchant itself")
    return merchant if credentials.staff(request, paddock)[0] is Role.MERCHANT else "operator"


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
