"""Providers' upstreams as functions, in the test's own process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from server.ports import Forwarded, Reached


@dataclass
class FakeGateway:
    """Implements ports.Gateway. `upstreams` answer by URL without its query; `asked` is all that was forwarded."""

    upstreams: dict[str, Callable[[Forwarded], Reached]] = field(default_factory=dict)
    asked: list[Forwarded] = field(default_factory=list)

    async def forward(self, request: Forwarded) -> Reached:
        self.asked.append(request)
        parts = urlsplit(request.url)
        answer = self.upstreams.get(f"{parts.scheme}://{parts.netloc}{parts.path}")
        return answer(request) if answer else Reached(None, begun=False, error="no connection")
