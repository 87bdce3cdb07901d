"""A facilitator in another process, over HTTP."""

from typing import TypeVar

import httpx
import msgspec

from protocol.wire import FacilitatorRequest, PaymentPayload, PaymentRequirements, SettleResponse, VerifyResponse
from server.domain.errors import FacilitatorRefused, FacilitatorUnavailable

T = TypeVar("T")


class RemoteFacilitator:
    """Implements ports.Facilitator. Follows no redirects: a payload goes to the configured URL or nowhere."""

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        self._url = url.rstrip("/")
        # No bound on connections, for slow settlements would hold up everybody else's: the claim bounds them.
        self._client = httpx.AsyncClient(timeout=timeout, follow_redirects=False, limits=httpx.Limits())

    async def close(self) -> None:
        await self._client.aclose()

    async def verify(self, payload: PaymentPayload, requirements: PaymentRequirements) -> VerifyResponse:
        return await self._post("verify", payload, requirements, VerifyResponse)

    async def settle(self, payload: PaymentPayload, requirements: PaymentRequirements) -> SettleResponse:
        return await self._post("settle", payload, requirements, SettleResponse)

    async def _post(self, verb: str, payload: PaymentPayload, requirements: PaymentRequirements, kind: type[T]) -> T:
        request = FacilitatorRequest(
            x402_version=payload.x402_version, payment_payload=payload, payment_requirements=requirements
        )
        try:
            response = await self._client.post(
                f"{self._url}/{verb}",
                content=msgspec.json.encode(request),
                headers={"Content-Type": "application/json"},
            )
        except httpx.HTTPError as error:
            raise FacilitatorUnavailable(f"/{verb} did not get through: {type(error).__name__}") from error
        if response.status_code != 200:
            kind_of = FacilitatorRefused if 400 <= response.status_code < 500 else FacilitatorUnavailable
            raise kind_of(f"/{verb} answered with status {response.status_code}")
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.DecodeError as error:
            raise FacilitatorUnavailable(f"/{verb} answered with something else than its response") from error
