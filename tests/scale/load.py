"""Buyers over several servers: each keeps the payment it signed and sends it again until it is answered."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
from eth_account.signers.local import LocalAccount

from tests.scale.checks import Bought, Outcome
from tests.scale.plans import SERVICES, Kill
from tests.stack.buyer import Buyer, Quoted, read_header
from tests.stack.waiting import eventually

PATIENCE = 180.0
"""Seconds for each answer. What a killed process held is taken up after its lease: 45 s for an order."""
WAITS = (202, 409, 429, 503)
"""Answers after which a buyer sends the same payment again."""
REFUNDED, REFUSED = 502, 402


class Balancer(httpx.AsyncBaseTransport):
    """Goes round the servers as a proxy does, with no memory of who asked before; one that is away is passed over.

    `ports` are asked for with each request. The Host header stays as the buyer sent it.
    """

    def __init__(self, ports: Callable[[], Sequence[int]], way: httpx.AsyncBaseTransport | None = None) -> None:
        self._ports = ports
        # No connection is kept: a server may end an idle one in the moment in which the next request goes out.
        self._way = way or httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))
        self._turn = 0
        self.answers: Counter[int] = Counter()
        """By place in `ports`: requests that were answered."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        ports = self._ports()
        for _ in ports:
            self._turn = (self._turn + 1) % len(ports)
            place = self._turn
            url = request.url.copy_with(host="127.0.0.1", port=ports[place])
            there = httpx.Request(
                request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
            )
            try:
                response = await self._way.handle_async_request(there)
            except httpx.ConnectError:
                continue
            self.answers[place] += 1
            return response
        raise httpx.ConnectError("no server can be reached", request=request)

    async def aclose(self) -> None:
        await self._way.aclose()


@dataclass
class Load:
    """What was bought so far, and when: `answered` are (seconds of the monotonic clock, seconds it took)."""

    answered: list[tuple[float, float]] = field(default_factory=list)
    bought: list[Bought] = field(default_factory=list)
    open: int = 0
    """Payments that are signed and not answered yet."""
    sent_again: int = 0
    differing: list[str] = field(default_factory=list)
    """Orders whose stored answer was another one the second time."""
    given_up: list[tuple[LocalAccount, Quoted, str, str]] = field(default_factory=list)
    """(payer, terms, payment header, service) of those who had no answer within their patience."""
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def reach(self, count: int) -> None:
        """Wait until so many purchases are answered."""
        async with self._moved:
            await self._moved.wait_for(lambda: len(self.bought) >= count)

    async def buy_all(self, buyer: Buyer, origin: str, wishes: Sequence[str]) -> None:
        """One after the other."""
        for service in wishes:
            began = time.monotonic()
            one = await self._buy(buyer, f"http://{origin}/v1/{service}", service)
            async with self._moved:
                self.bought.append(one)
                self.answered.append((time.monotonic(), time.monotonic() - began))
                self._moved.notify_all()

    async def _buy(self, buyer: Buyer, url: str, service: str) -> Bought:
        quoted = await eventually(lambda: _terms(buyer, url, service), PATIENCE, f"terms of {service}", every=0.2)
        header = buyer.pay(quoted)
        self.open += 1
        try:
            one = await self._present(buyer, quoted, header, service)
        finally:
            self.open -= 1
        if one.outcome is Outcome.NEVER:
            self.given_up.append((buyer.account, quoted, header, service))
        return one

    async def come_back(self, client: httpx.AsyncClient) -> None:
        """Who gave up, on a machine that had more to do than it could, presents the same payment once more."""
        for account, quoted, header, service in self.given_up:
            one = await self._present(Buyer(client, account), quoted, header, service)
            self.bought = [one if known.order == one.order else known for known in self.bought]

    async def _present(self, buyer: Buyer, quoted: Quoted, header: str, service: str) -> Bought:
        async def answer() -> httpx.Response | None:
            try:
                response = await buyer.present(quoted, header)
            except httpx.TransportError:
                self.sent_again += 1
                return None
            self.sent_again += response.status_code in WAITS
            return None if response.status_code in WAITS else response

        try:
            said = await eventually(answer, PATIENCE, f"an answer for {quoted.id}", every=0.25)
        except AssertionError:
            outcome = Outcome.NEVER
        else:
            outcome = outcome_of(said.status_code, service)
            if outcome is Outcome.DELIVERED:
                await self._ask_another(buyer, quoted, header, said.content)
        signed = read_header(header)["payload"]["authorization"]
        return Bought(quoted.id, service, buyer.account.address, signed["nonce"], int(signed["value"]), outcome)

    async def _ask_another(self, buyer: Buyer, quoted: Quoted, header: str, content: bytes) -> None:
        """The same payment once more goes to the next server, which has to know the same answer."""

        async def answer() -> httpx.Response | None:
            try:
                response = await buyer.present(quoted, header)
            except httpx.TransportError:
                return None
            return None if response.status_code in WAITS else response

        again = await eventually(answer, PATIENCE, f"the stored answer of {quoted.id}", every=0.25)
        if again.status_code != 200 or again.content != content:
            self.differing.append(f"{quoted.id}: {again.status_code}")


async def _terms(buyer: Buyer, url: str, service: str) -> Quoted | None:
    try:
        if SERVICES[service] == "DELEGATE":
            return await buyer.ask(url, "POST", {})
        return await buyer.ask(f"{url}?symbol=DEMO-TREND&window=20")
    except httpx.TransportError:
        return None
    except AssertionError as error:
        if str(error).startswith(("429", "503")):
            return None
        raise


def outcome_of(status: int, service: str) -> Outcome:
    """What an answer to a payment means. Raises AssertionError for one that no service may give."""
    if status == REFUSED:
        return Outcome.REFUSED
    if status == REFUNDED and SERVICES[service] == "DELEGATE":
        return Outcome.REFUNDED
    assert status == 200, f"{service} was answered with {status}"
    return Outcome.DELIVERED


@dataclass(frozen=True)
class Died:
    """A kill as it happened: when it died and was started (monotonic seconds), and how many payments were open then."""

    kill: Kill
    at: float
    back: float
    open: int
