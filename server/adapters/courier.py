"""Messages to merchants' endpoints over HTTP."""

import re
import time
from collections.abc import Mapping

from server.adapters.egress import GuardedClient, Unreachable
from server.ports import Reply

MOST_SHOWN = 500
"""Characters of an answer that are kept for the merchant to see."""
_UNPRINTABLE = re.compile(r"[^\t\n -~\u00a0-\uffff]")


class HttpCourier:
    """Implements ports.Courier by a GuardedClient."""

    def __init__(self, client: GuardedClient, seconds: float = 10.0) -> None:
        self._client, self._seconds = client, seconds

    async def close(self) -> None:
        await self._client.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        sent, started = {"Content-Type": "application/json", **headers}, time.monotonic()
        try:
            fetched = await self._client.fetch("POST", url, headers=sent, content=body, seconds=self._seconds)
        except Unreachable as error:
            return Reply(None, time.monotonic() - started, error=str(error))
        excerpt = _UNPRINTABLE.sub("�", fetched.body.decode("utf-8", "replace"))[:MOST_SHOWN]
        return Reply(fetched.status, fetched.seconds, excerpt)
