"""Who signs: a merchant's back end, by its API key and an HMAC over the request, each signature once."""

from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Request

from server.application.paddock import Paddock
from server.domain import api_requests
from server.domain.errors import BadApiSignature, DuplicateClaim
from server.domain.market import Merchant
from server.web.credentials import matches

KEY, TIMESTAMP, NONCE = "X-API-Key", "X-Timestamp", "X-Nonce"
GOAT_SIGN, SOUND_SIGN = "X-Sign", "X-Sign-Request"


async def signing_merchant(request: Request[Any, Any, Any], paddock: Paddock) -> Merchant:
    """The merchant whose back end signed exactly this request, for the first time. Raises BadApiSignature."""
    key, timestamp, nonce = (_one(request, name) for name in (KEY, TIMESTAMP, NONCE))
    now = paddock.clock.now()
    merchant = next((one for one in paddock.merchants.values() if matches(key, *one.digests(now))), None)
    if merchant is None:
        raise BadApiSignature("X-API-Key is no merchant's key")
    signed_at = api_requests.require_fresh(timestamp, nonce, int(now.timestamp()))
    message, signature = await _signed(request, paddock, key, timestamp, nonce)
    if not api_requests.is_signed(message, signature, _secrets(paddock, merchant, now)):
        raise BadApiSignature("the signature is not this merchant's over this request")
    until = datetime.fromtimestamp(signed_at, UTC) + timedelta(seconds=api_requests.WINDOW)
    try:
        async with paddock.db.begin("api nonce used") as work:
            await work.api_nonces.use(merchant.id, nonce, until, now)
    except DuplicateClaim as error:
        raise BadApiSignature("this nonce was used before: sign each request with one of its own") from error
    return merchant


async def _signed(
    request: Request[Any, Any, Any], paddock: Paddock, key: str, timestamp: str, nonce: str
) -> tuple[bytes, str]:
    """What must have been signed, and the signature that came; exactly one of the two forms."""
    given = [name for name in (GOAT_SIGN, SOUND_SIGN) if name in request.headers]
    if len(given) != 1:
        raise BadApiSignature(f"send exactly one of {GOAT_SIGN} and {SOUND_SIGN}")
    body, query = await request.body(), bytes(request.scope["query_string"])
    if given == [GOAT_SIGN]:
        message = api_requests.goat_message(query.decode("latin-1"), body, key, timestamp, nonce)
    else:
        path = paddock.prefix.encode() + bytes(request.scope["raw_path"])
        message = api_requests.sound_message(request.method, path, query, key, timestamp, nonce, body)
    return message, _one(request, given[0])


def _one(request: Request[Any, Any, Any], name: str) -> str:
    """A header that must come once."""
    found: list[str] = request.headers.getall(name, [])
    if len(found) != 1 or not found[0]:
        raise BadApiSignature(f"send the header {name} once")
    return found[0]


def _secrets(paddock: Paddock, merchant: Merchant, now: datetime) -> list[str]:
    names = merchant.secret_names(now)
    if paddock.post is None or not names:
        raise BadApiSignature(f"merchant {merchant.id} has no API secret yet: the operator makes one")
    return [paddock.post.keys.api_secret(merchant.id, name) for name in names]
