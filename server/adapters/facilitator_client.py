"""A facilitator in another process, over HTTP."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import httpx
import msgspec

from protocol.errors import ProtocolError
from protocol.headers import decode_json
from protocol.wire import (
    SCHEME_DELEGATE,
    SCHEME_UPTO,
    FacilitatorRequest,
    PaymentPayload,
    PaymentRequirements,
    SettleResponse,
    VerifyResponse,
)
from server.adapters.spreading import SpreadingTransport
from server.domain.errors import ConfigurationError
from server.domain.outages import FacilitatorRefused, FacilitatorUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
MOST_BYTES = 1024 * 1024
"""An answer longer than this is none."""
FRESH = 10.0
"""Seconds for which `ready` takes the last good answer for the present one."""
PATIENCE = 1.0
"""Seconds between two questions to a facilitator that is not ready, however many purchases wait for it."""


class Kind(msgspec.Struct, frozen=True):
    """What a facilitator settles: a scheme on a network (CAIP-2)."""

    scheme: str
    network: str

    def __str__(self) -> str:
        return f"{self.scheme} on {self.network}"


class SupportedKind(msgspec.Struct, rename="camel"):
    """One of `kinds` in the answer of `/supported`."""

    x402_version: int = msgspec.field(name="x402Version")
    scheme: str
    network: str
    extra: dict[str, Any] = {}


class Supported(msgspec.Struct):
    """The answer of `/supported`, as far as it matters here."""

    kinds: list[SupportedKind]


class RemoteFacilitator:
    """Implements ports.Facilitator.

    Payments and `token` go to the configured URL or nowhere: no redirect is followed, and no proxy or stored login of
    the environment is used. Until `/supported` has named everything in `wanted`, no payment goes there either.
    """

    def __init__(self, url: str, *, token: str = "", wanted: Sequence[Kind] = (), timeout: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._wanted = wanted
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # No bound on connections, for slow settlements would hold up everybody else's: the claim bounds them.
        transport = SpreadingTransport(httpx.AsyncHTTPTransport(trust_env=False, limits=httpx.Limits()))
        self._client = httpx.AsyncClient(
            timeout=timeout, follow_redirects=False, trust_env=False, headers=headers, transport=transport
        )
        self._asking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._lacking = ""
        self._settlers: dict[str, str] = {}
        self._executors: dict[str, str] = {}
        self._problem = "the facilitator was not asked yet" if wanted else ""

    async def close(self) -> None:
        await self._client.aclose()

    async def require_fit(self) -> None:
        """At the start: raises ConfigurationError if it answers and does not settle what is wanted.

        One that is down may come later; until then every purchase is refused with FacilitatorUnavailable.
        """
        if not self._wanted:
            return
        await self._look()
        if self._lacking:
            raise ConfigurationError(f"the facilitator at PADDOCK_FACILITATOR_URL does not settle {self._lacking}")
        if self._problem:
            log.warning("no purchase is possible until the facilitator is there: %s", self._problem)

    async def ready(self) -> None:
        async with self._asking:
            if time.monotonic() - self._looked_at > (PATIENCE if self._problem else FRESH):
                await self._look()
            if self._problem:
                raise FacilitatorUnavailable(self._problem)

    def settlers(self) -> Mapping[str, str]:
        return self._settlers

    def executors(self) -> Mapping[str, str]:
        return self._executors

    async def verify(self, payload: PaymentPayload, requirements: PaymentRequirements) -> VerifyResponse:
        verdict = await self._post("verify", payload, requirements, VerifyResponse)
        if verdict.is_valid:
            _require_payer("verify", verdict.payer, payload)
        return verdict

    async def settle(self, payload: PaymentPayload, requirements: PaymentRequirements) -> SettleResponse:
        response = await self._post("settle", payload, requirements, SettleResponse)
        if response.success:
            _require_payer("settle", response.payer, payload)
            if response.network != requirements.network:
                raise FacilitatorUnavailable("/settle answered for another network")
        return response

    async def _look(self) -> None:
        """Ask what it settles, and keep in `_problem` why no payment may go there."""
        try:
            supported = await self._ask("GET", "supported", None, Supported)
        except FacilitatorUnavailable as error:
            self._problem = error.detail
        else:
            offered = {Kind(kind.scheme, kind.network) for kind in supported.kinds if kind.x402_version == 2}
            self._settlers = _told(supported, SCHEME_UPTO, "facilitatorAddress")
            self._executors = _told(supported, SCHEME_DELEGATE, "executor")
            self._lacking = ", ".join(str(kind) for kind in self._wanted if kind not in offered)
            self._problem = f"the facilitator does not settle {self._lacking}" if self._lacking else ""
        self._looked_at = time.monotonic()

    async def _post(self, verb: str, payload: PaymentPayload, requirements: PaymentRequirements, kind: type[T]) -> T:
        if self._problem:
            await self.ready()
        request = FacilitatorRequest(
            x402_version=payload.x402_version, payment_payload=payload, payment_requirements=requirements
        )
        return await self._ask("POST", verb, msgspec.json.encode(request), kind)

    async def _ask(self, method: str, verb: str, body: bytes | None, kind: type[T]) -> T:
        headers = {"Content-Type": "application/json"} if body else {}
        url = f"{self._url}/{verb}"
        try:
            async with self._client.stream(method, url, content=body, headers=headers) as response:
                if response.status_code != 200:
                    of_the_asker = response.status_code in (401, 403)
                    refused = method == "POST" and 400 <= response.status_code < 500 and not of_the_asker
                    kind_of = FacilitatorRefused if refused else FacilitatorUnavailable
                    raise kind_of(f"/{verb} answered with status {response.status_code}")
                content = b""
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > MOST_BYTES:
                        raise FacilitatorUnavailable(f"/{verb} answered with more than {MOST_BYTES} bytes")
        except httpx.HTTPError as error:
            raise FacilitatorUnavailable(f"/{verb} did not get through: {type(error).__name__}") from error
        try:
            return decode_json(content, kind)
        except ProtocolError as error:
            raise FacilitatorUnavailable(f"/{verb} answered with something else than its response") from error


def _told(supported: Supported, scheme: str, member: str) -> dict[str, str]:
    """What it says of a scheme on each network (x402 v2)."""
    own = [kind for kind in supported.kinds if (kind.x402_version, kind.scheme) == (2, scheme)]
    return {kind.network: str(kind.extra[member]) for kind in own if member in kind.extra}


def _require_payer(verb: str, named: str | None, payload: PaymentPayload) -> None:
    """An answer that names a payer names the one who signed, in whichever form the scheme keeps him."""
    signed = [part.get("from") for part in payload.payload.values() if isinstance(part, dict)]
    if named is not None and named.lower() not in [str(payer).lower() for payer in signed]:
        raise FacilitatorUnavailable(f"/{verb} answered for another payer")
