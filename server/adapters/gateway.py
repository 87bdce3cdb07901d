"""Requests to providers' upstreams over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.adapters.egress import GuardedClient, Unreachable
from server.domain.addresses import EgressRules
from server.domain.upstreams import MOST_ANSWER
from server.ports import Forwarded, Reached


class HttpGateway:
    """Implements ports.Gateway by a GuardedClient."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client

    async def forward(self, request: Forwarded) -> Reached:
        try:
            fetched = await self._client.fetch(
                request.method,
                request.url,
                headers=request.headers,
                content=request.body,
                seconds=request.seconds,
                most=MOST_ANSWER,
            )
        except Unreachable as error:
            return Reached(None, begun=error.begun, error=str(error))
        return Reached(fetched.status, fetched.body, fetched.media_type, fetched.whole)


@asynccontextmanager
async def open_gateway(rules: EgressRules) -> AsyncIterator[HttpGateway]:
    """One for a process, to where the rules allow."""
    client = GuardedClient(rules)
    try:
        yield HttpGateway(client)
    finally:
        await client.close()
