"""A courier whose merchants' servers are functions, in the test's own process and on its clock."""

from collections.abc import Callable, Mapping

from server.ports import Reply

Receiver = Callable[[Mapping[str, str], bytes], Reply]


class FakeCourier:
    """Implements ports.Courier. `receivers` answers by URL; at any other there is nobody."""

    def __init__(self) -> None:
        self.receivers: dict[str, Receiver] = {}
        self.posted: list[tuple[str, Mapping[str, str], bytes]] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        self.posted.append((url, dict(headers), body))
        receiver = self.receivers.get(url)
        return receiver(headers, body) if receiver else Reply(None, 0.01, error="no connection")
