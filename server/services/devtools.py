"""The Chrome DevTools Protocol over a pair of pipes: commands, their results, and the requests that a page makes."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

from server.domain.errors import BadArguments, HandlerFailed

ORIGIN = "https://document.invalid/"
"""Where the document says that it is from: a name that exists nowhere (RFC 6761)."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox"
"""The document's Content-Security-Policy: nothing but what it carries in itself, and no script."""
_LOST = {"Inspector.targetCrashed", "Target.targetCrashed", "Inspector.detached"}


class BrowserFailed(HandlerFailed):
    """The browser ended, or refused a command: nothing that the buyer can mend."""


@dataclass
class Pipe:
    """One browser's pipes. Whoever calls reads: nothing runs beside it, and nothing is left to end.

    The first request is for the document, and answered with it; every other one is refused.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    document: bytes = b""
    session: str = ""
    sent: int = 0
    answered: bool = False
    engine: str = ""
    loaded: set[str] = field(default_factory=set)

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """A command's result. Raises BrowserFailed, and BadArguments where the document is to blame."""
        number = self._send(method, params)
        while (message := await self._next()).get("id") != number:
            self._hear(message)
        if "error" in message:
            raise BrowserFailed(f"{method}: {message['error'].get('message')}")
        result: dict[str, Any] = message["result"]
        return result

    async def open(self, url: str) -> None:
        """Goes there, and returns when that page has loaded, not the one before it. Raises as `call` does."""
        loader = (await self.call("Page.navigate", url=url))["loaderId"]
        while loader not in self.loaded:
            self._hear(await self._next())

    def _send(self, method: str, params: dict[str, object]) -> int:
        self.sent += 1
        message = {"id": self.sent, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.writer.write(json.dumps(message).encode() + b"\0")
        return self.sent

    async def _next(self) -> dict[str, Any]:
        try:
            message: dict[str, Any] = json.loads((await self.reader.readuntil(b"\0"))[:-1])
        except asyncio.IncompleteReadError as error:
            raise BrowserFailed("the browser ended by itself") from error
        except asyncio.LimitOverrunError as error:
            raise BadArguments("html: what is made of it is too large; ask for less of it") from error
        if message.get("method") in _LOST:
            raise BadArguments("html: the browser gave up on this document; send a smaller or plainer one")
        return message

    def _hear(self, message: dict[str, Any]) -> None:
        match message.get("method"):
            case "Fetch.requestPaused":
                self._answer(message["params"])
            case "Page.lifecycleEvent" if message["params"]["name"] == "load":
                self.loaded.add(message["params"]["loaderId"])

    def _answer(self, paused: dict[str, Any]) -> None:
        request = paused["requestId"]
        if self.answered or paused["request"]["url"] != ORIGIN:
            self._send("Fetch.failRequest", {"requestId": request, "errorReason": "BlockedByClient"})
            return
        self.answered = True
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
        named = [{"name": name, "value": value} for name, value in headers.items()]
        body = base64.b64encode(self.document).decode()
        answer = {"requestId": request, "responseCode": 200, "responseHeaders": named, "body": body}
        self._send("Fetch.fulfillRequest", answer)
