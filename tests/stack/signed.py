"""A payer's signed requests, made with eth-account alone, so that they can disagree with ours."""

import base64
import json
import secrets
from typing import Any

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

CHAIN = 31337
_FIELDS = {"action": "string", "orderId": "string", "reason": "string", "issuedAt": "uint256", "nonce": "bytes32"}


def signed_request(
    account: LocalAccount,
    action: str,
    order_id: str,
    now: float,
    *,
    reason: str = "",
    chain: int = CHAIN,
    nonce: str | None = None,
) -> dict[str, str]:
    """The Authorization header of a request that an account signed, with a nonce of its own unless one is given."""
    request: dict[str, Any] = {"action": action, "orderId": order_id, "reason": reason, "issuedAt": int(now)}
    request["nonce"] = nonce or "0x" + secrets.token_hex(32)
    types = {"PaddockRequest": [{"name": name, "type": kind} for name, kind in _FIELDS.items()]}
    domain = {"name": "Paddock request", "version": "1", "chainId": chain}
    signable = encode_typed_data(domain_data=domain, message_types=types, message_data=request)
    signature = "0x" + bytes(account.sign_message(signable).signature).hex()
    return header(request, signature)


def header(request: dict[str, Any], signature: str) -> dict[str, str]:
    """The header of a request and a signature, whatever they are."""
    text = json.dumps({"request": request, "signature": signature})
    return {"Authorization": "PaddockRequest " + base64.b64encode(text.encode()).decode()}
