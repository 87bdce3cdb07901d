"""How the console is entered and left: by the operator's token, or by a merchant's wallet (EIP-4361)."""

from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromQuery
from litestar.response import Redirect

from server.application import enter_console
from server.application.enter_console import Entered
from server.application.paddock import Paddock
from server.domain.access_errors import BadSignIn
from server.domain.errors import NotAllowed, PaddockError, RequestRefused
from server.domain.members import SESSION_LIFE
from server.domain.roles import Action
from server.web.access import asker_of, needs
from server.web.credentials import COOKIE, Credentials, mark_of
from server.web.given import GivenCredentials, GivenPaddock
from server.web.merchant_api import answer, read_body
from server.web.origins import require_origin
from server.web.problems import on_paddock_error

T = TypeVar("T")
PATH = "/console"
NO_STORE = {"Cache-Control": "no-store"}
AS_PROBLEM: dict[Any, Any] = {PaddockError: on_paddock_error, NotAllowed: on_paddock_error}
"""For programs and the page's script, which are told in JSON."""


class Wanting(msgspec.Struct, forbid_unknown_fields=True):
    """Who wants to sign in."""

    wallet: str


class Signed(msgspec.Struct, forbid_unknown_fields=True):
    """The message as it was given, with the wallet's signature (0x-hex). With `bearer` there is a token instead of a
    cookie, for programs."""

    message: str
    signature: str
    bearer: bool = False


@get("/enter", include_in_schema=False, opt=needs(Action.ENTER))
async def enter_by_link(
    paddock: GivenPaddock, credentials: GivenCredentials, token: FromQuery[str] = ""
) -> Response[Any]:
    """The link that `make up` gives: a right token becomes a session and leaves the address bar."""
    return await _enter(paddock, credentials, token)


@post("/enter", include_in_schema=False, opt=needs(Action.ENTER))
async def enter_by_form(
    request: Request[Any, Any, Any], paddock: GivenPaddock, credentials: GivenCredentials
) -> Response[Any]:
    """The same by the form that stands on the page for strangers."""
    return await _enter(paddock, credentials, str((await request.form()).get("token", "")))


@post(
    "/challenge",
    status_code=200,
    tags=["providers"],
    summary="The message that a wallet signs to enter the console (EIP-4361)",
    opt=needs(Action.ENTER),
    exception_handlers=AS_PROBLEM,
)
async def challenge(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Response[bytes]:
    """`{"wallet"}` to `{"message", "expires_at"}`: sign exactly that by personal_sign, within five minutes, once."""
    wanting = await _read(request, Wanting)
    message = enter_console.challenge(paddock, require_origin(paddock, request), wanting.wallet)
    return answer({"message": message.text(), "expires_at": message.expiration_time})


@post(
    "/sign-in",
    status_code=200,
    tags=["providers"],
    summary="Enter the console by a wallet's signature",
    opt=needs(Action.ENTER),
    exception_handlers=AS_PROBLEM,
)
async def sign_in(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Response[bytes]:
    """`{"message", "signature"}`: a session of 12 hours as a cookie, or with `"bearer": true` as a `token`."""
    signed = await _read(request, Signed)
    origin = require_origin(paddock, request)
    entered = await enter_console.enter_by_wallet(paddock, origin, signed.message, signed.signature)
    session = entered.session
    told = {"merchant": session.merchant, "role": entered.role, "until": session.until}
    if signed.bearer:
        return answer(told | {"token": entered.secret})
    response = answer(told)
    response.cookies.append(_cookie(paddock, entered))
    return response


@post("/merchant", include_in_schema=False, opt=needs(Action.SEE))
async def show_merchant(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Redirect:
    """Show another merchant of this wallet's; the form names it."""
    asker, merchant = asker_of(request), str((await request.form()).get("merchant", ""))
    await enter_console.show_merchant(paddock, asker.session, asker.wallet, merchant)
    return Redirect(paddock.prefix + PATH, status_code=303, headers=NO_STORE)


@post("/leave", include_in_schema=False, opt=needs(Action.SEE))
async def leave(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Redirect:
    """End the session, and forget the cookie."""
    await enter_console.leave(paddock, asker_of(request).session)
    gone = Redirect(f"{paddock.prefix}/", status_code=303, headers=NO_STORE)
    gone.delete_cookie(COOKIE, path=paddock.prefix + PATH)
    return gone


async def _enter(paddock: Paddock, credentials: Credentials, token: str) -> Redirect:
    if not credentials.opens(token):
        raise NotAllowed("this is the operator's")
    entered = await enter_console.enter_by_token(paddock, mark_of(token))
    cookies = [_cookie(paddock, entered)]
    return Redirect(paddock.prefix + PATH, status_code=303, cookies=cookies, headers=NO_STORE)


def _cookie(paddock: Paddock, entered: Entered) -> Cookie:
    return Cookie(
        COOKIE,
        path=paddock.prefix + PATH,
        value=quote(entered.secret, safe=""),
        max_age=int(SESSION_LIFE.total_seconds()),
        secure=paddock.origin.startswith("https:"),
        httponly=True,
        samesite="strict",
    )


async def _read(request: Request[Any, Any, Any], kind: type[T]) -> T:
    require_json(request, BadSignIn)
    return await read_body(request, kind, BadSignIn)


def require_json(request: Request[Any, Any, Any], refusal: type[RequestRefused]) -> None:
    """JSON that says so: no form of another site can. Raises the refusal."""
    if request.content_type[0] != "application/json":
        raise refusal("send JSON, with Content-Type: application/json")


ENTERING: list[Any] = [enter_by_link, enter_by_form, challenge, sign_in, show_merchant, leave]
