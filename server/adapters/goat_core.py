"""A client of a GOAT-compatible Core, as one of its merchants."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
import msgspec

from protocol.amounts import parse_amount
from protocol.errors import ProtocolError
from protocol.headers import decode_json
from protocol.networks import chain_id
from protocol.signatures import parse_address
from protocol.wire import PaymentRequirements
from server.domain.api_requests import goat_message, signature_of
from server.domain.core import CoreOrder
from server.domain.errors import OrderRefused
from server.domain.orders import Order
from server.domain.outages import CoreUnavailable
from server.ports import Clock
from server.setting_values import CorePlace

MOST_BYTES = 64 * 1024
T = TypeVar("T")


@asynccontextmanager
async def open_core(place: CorePlace | None, clock: Clock) -> AsyncIterator["GoatCore | None"]:
    """A client of the Core that the settings name, if they name one."""
    core = GoatCore(place, clock) if place else None
    try:
        yield core
    finally:
        if core:
            await core.close()


class _Created(msgspec.Struct):
    order_id: str
    accepts: list[PaymentRequirements]


class _Cancelled(msgspec.Struct):
    status: str


class _Refused(msgspec.Struct):
    error: str = ""


class GoatCore:
    """Implements ports.Core. Requests go to the configured URL or nowhere: no redirect is followed, and no proxy or
    stored login of the environment is used. Signed as GOAT's format says, since that is what every Core takes."""

    def __init__(self, place: CorePlace, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._place, self._url, self._clock = place, place.url.rstrip("/"), clock
        self._client = httpx.AsyncClient(timeout=10.0, follow_redirects=False, trust_env=False, transport=transport)

    async def close(self) -> None:
        await self._client.aclose()

    async def create(self, name: str, symbol: str, order: Order) -> CoreOrder:
        terms = order.terms
        wish = {
            "dapp_order_id": name,
            "chain_id": chain_id(terms.network),
            "token_symbol": symbol,
            "token_contract": terms.asset,
            "from_address": order.authorization.payer,
            "amount_wei": str(terms.amount),
            "merchant_id": self._place.merchant,
        }
        created = await self._ask("/api/v1/orders", wish, 402, _Created)
        try:
            (entry,) = created.accepts
            asset, pay_to = parse_address(entry.asset, "asset"), parse_address(entry.pay_to, "payTo")
            return CoreOrder(created.order_id, entry.network, asset, parse_amount(entry.amount), pay_to)
        except ValueError as error:
            raise CoreUnavailable("the Core answered with something else than an order") from error

    async def cancel(self, core_order_id: str) -> None:
        await self._ask(f"/api/v1/orders/{core_order_id}/cancel", {}, 200, _Cancelled)

    async def _ask(self, path: str, fields: dict[str, Any], wanted: int, kind: type[T]) -> T:
        body = msgspec.json.encode(fields)
        headers = {"Content-Type": "application/json", **self._signed(body)}
        try:
            async with self._client.stream("POST", self._url + path, content=body, headers=headers) as response:
                content = b""
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > MOST_BYTES:
                        raise CoreUnavailable(f"the Core answered with more than {MOST_BYTES} bytes")
        except httpx.HTTPError as error:
            raise CoreUnavailable(f"the Core did not get through: {type(error).__name__}") from error
        try:
            if response.status_code == 400:
                raise OrderRefused(f"the Core refuses it: {decode_json(content, _Refused).error[:200]}")
            if response.status_code != wanted:
                raise CoreUnavailable(f"the Core answered with status {response.status_code}")
            return decode_json(content, kind)
        except ProtocolError as error:
            raise CoreUnavailable("the Core answered with something else than its response") from error

    def _signed(self, body: bytes) -> dict[str, str]:
        timestamp, nonce = str(int(self._clock.now().timestamp())), secrets.token_hex(16)
        message = goat_message("", body, self._place.key, timestamp, nonce)
        signature = signature_of(message, self._place.secret)
        return {"X-API-Key": self._place.key, "X-Timestamp": timestamp, "X-Nonce": nonce, "X-Sign": signature}
