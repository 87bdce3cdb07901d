"""Around every request of the console: whose name it was asked by, where a form came from, and what a page may do."""

from dataclasses import dataclass

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
SAFE = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Guard:
    """The application behind two checks. `hosts` are the names with port by which it may be asked: another one is a
    page elsewhere that had its own name lead here."""

    app: ASGIApp
    hosts: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        headers = Headers.from_scope(scope)
        if headers.get("host", "") not in self.hosts:
            await _refuse(send, 421, "This console answers to the address in its link alone.")
        elif scope.get("method") not in SAFE and not _own_form(headers):
            await _refuse(send, 403, "That form was not the console's own.")
        else:
            await self.app(scope, receive, _guarded(send))


def _own_form(headers: Headers) -> bool:
    """A browser says where a form was; to a cookie, another port of this machine is the same site."""
    same_site = headers.get("sec-fetch-site", "same-origin") == "same-origin"
    return same_site and headers.get("origin") == f"http://{headers['host']}"


def _guarded(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            found = MutableScopeHeaders.from_message(message)
            for name, value in HEADERS.items():
                found[name] = value
        await send(message)

    return sent


async def _refuse(send: Send, status: int, words: str) -> None:
    given = {"Content-Type": "text/plain; charset=utf-8"} | HEADERS
    headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words.encode(), "more_body": False})
