"""The JSON interface of buyer keys: a wallet makes, lists and revokes them by requests that it signs."""

import hashlib
from typing import Any

from litestar import Response, delete, get, post
from litestar.params import FromPath

from protocol.errors import ProtocolError
from protocol.requests import LIST_KEYS, MAKE_KEY, REVOKE_KEY, PayerRequest
from protocol.signatures import parse_address
from server.application.issue_key import Wanted, issue_key, keys_of, require_wallet, revoke_key
from server.application.paddock import Paddock
from server.domain.access_errors import BuyerKeyRefused
from server.domain.buyer_keys import BuyerKey
from server.domain.errors import BadSignedRequest
from server.web.credentials import signed_request
from server.web.given import GivenPaddock
from server.web.merchant_api import Asked, answer, read_body
from server.web.origins import require_origin

PATH = "/api/wallets/{wallet:str}/keys"


@post(PATH, status_code=201, tags=["buyer keys"], summary="Make a key for a program that pays with this wallet")
async def make_key(request: Asked, wallet: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """For the wallet, signed for action `make-key` on this URL, `reason` the body's SHA-256: `key` is shown this once.

    `{"name", "per_minute", "days", "limits": [{"asset", "per_day", "network"}]}`.
    """
    owner, signed = await _signed(request, paddock, wallet, MAKE_KEY)
    if signed.reason != "0x" + hashlib.sha256(await request.body()).hexdigest():
        raise BadSignedRequest("reason is the SHA-256 of the body, in 0x-hex")
    made = await issue_key(paddock, owner, await read_body(request, Wanted, BuyerKeyRefused), signed)
    return answer({"key": made.secret, **_shown(paddock, made.key)}, 201)


@get(PATH, tags=["buyer keys"], summary="A wallet's keys, newest first")
async def list_keys(request: Asked, wallet: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """For the wallet, signed for action `list-keys` on this URL. The keys themselves are not kept, so not shown."""
    owner, _ = await _signed(request, paddock, wallet, LIST_KEYS)
    return answer({"keys": [_shown(paddock, one) for one in await keys_of(paddock, owner)]})


@delete(PATH + "/{key:str}", status_code=200, tags=["buyer keys"], summary="Revoke a key")
async def end_key(request: Asked, wallet: FromPath[str], key: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """For the wallet, signed for action `revoke-key` on this URL. It counts no more, in any server, from then on."""
    owner, _ = await _signed(request, paddock, wallet, REVOKE_KEY)
    await revoke_key(paddock, owner, key)
    return answer({"id": key, "live": False})


async def _signed(request: Asked, paddock: Paddock, wallet: str, action: str) -> tuple[str, PayerRequest]:
    """The wallet (checksummed) and what it signed for exactly this URL. Raises BadSignedRequest."""
    try:
        owner = parse_address(wallet, "the wallet")
    except ProtocolError as error:
        raise BadSignedRequest(error.detail) from error
    url = require_origin(paddock, request) + request.scope["path"]
    signed = signed_request(request, paddock, action, url)
    return owner, await require_wallet(paddock, signed, owner)


def _shown(paddock: Paddock, key: BuyerKey) -> dict[str, Any]:
    """A key without what its holder sends."""
    return {
        "id": key.id,
        "wallet": key.wallet,
        "name": key.name,
        "live": key.is_live(paddock.clock.now()),
        "per_minute": key.per_minute,
        "made_at": key.at,
        "expires_at": key.until,
        "revoked_at": key.revoked_at,
        "limits": [{"network": c.network, "asset": c.asset, "per_day": str(c.per_day)} for c in key.caps],
    }


BUYER_KEYS: list[Any] = [make_key, list_keys, end_key]
