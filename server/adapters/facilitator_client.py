"""A facilitator in another process, over HTTP."""

from collections.abc import Mapping
from typing import TypeVar

import httpx
import msgspec

from protocol.wire import (
    SCHEME_UPTO,
    FacilitatorRequest,
    PaymentPayload,
    PaymentRequirements,
    SettleResponse,
    VerifyResponse,
)
from server.domain.errors import FacilitatorUnavailable

T = TypeVar("T")


class RemoteFacilitator:
    """Implements ports.Facilitator. Follows no redirects: a payload goes to the configured URL or nowhere."""

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=timeout, follow_redirects=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def settlers(self) -> Mapping[str, str]:
        try:
            response = await self._client.get(f"{self._url}/supported")
            kinds = response.json()["kinds"]
            return {
                kind["network"]: kind["extra"]["facilitatorAddress"] for kind in kinds if kind["scheme"] == SCHEME_UPTO
            }
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise FacilitatorUnavailable(f"/supported did not say what it settles: {type(error).__name__}") from error

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
            raise FacilitatorUnavailable(f"/{verb} answered with status {response.status_code}")
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.DecodeError as error:
            raise FacilitatorUnavailable(f"/{verb} answered with something else than its response") from error
