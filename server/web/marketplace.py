"""The marketplace's application: Litestar, and before its routing the answer to a plain request for terms."""

from typing import cast

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import HTTPScope, LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send

from protocol import headers as names
from server.application.sheet import Sheet
from server.web.accepting import ACCEPT, HTML
from server.web.guards import PAID, guards
from server.web.offering import offered, require_askable, terms_sheet
from server.web.paywall import TELLING, TERMS, read_call

_MORE = TELLING | {b"content-length", b"origin", b"transfer-encoding"}
"""Headers of what is no plain request: those by which one gets more than terms, a body's, and another site's."""
_TERMS = [(name.lower().encode(), value.encode()) for name, value in TERMS.items()]
_GUARDS = [(name.lower().encode(), value.encode()) for name, value in guards(PAID, TERMS["Content-Type"]).items()]
_SHEET = names.PAYMENT_REQUIRED.lower().encode()


class Marketplace(Litestar):
    """Answers plain requests for terms itself, with the bytes that the paid route would answer with.

    Plain is a GET of what is on sale, with no header or body that could stand for more; browsers, who get a page, are
    told by the paid route.
    """

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        sheet = await self._asked(cast(HTTPScope, scope)) if scope["type"] == ScopeType.HTTP else None
        if sheet is None:
            await super().__call__(scope, receive, send)
            return
        length = (b"content-length", b"%d" % len(sheet.body))
        headers = [(_SHEET, sheet.header.encode()), *_TERMS, length, *_GUARDS]
        await send({"type": "http.response.start", "status": 402, "headers": headers})  # type: ignore[arg-type]
        await send({"type": "http.response.body", "body": sheet.body, "more_body": False})  # type: ignore[arg-type]

    async def _asked(self, scope: HTTPScope) -> Sheet | None:
        """The terms; None for what is not plain, and for what goes wrong: the paid route tells it."""
        path = scope["path"]
        asks = scope["method"] == "GET" and path.startswith(PAID) and not scope.get("root_path")
        if not asks:
            return None
        for name, value in scope["headers"]:
            if name in _MORE or (name == ACCEPT and HTML in value.lower()):
                return None
        try:
            paddock = self.state.paddock
            service = await offered(paddock, path[len(PAID) :])
            if service.method != "GET":
                return None
            call = read_call(paddock, service, scope, b"")
            require_askable(service, call, given=bool(call.query))
            return await terms_sheet(paddock, service, call)
        except Exception:
            return None
