"""The client of every side alike: reads x402 terms, signs with eth-account, and looks on chain what it paid."""

import base64
import json
import secrets
import time
from typing import Any

from eth_account.signers.local import LocalAccount

from scripts import rpc
from scripts.bench.errors import BenchFailed
from scripts.bench.wire import Answer
from server.domain import calls

JSON = dict[str, Any]
_TYPES = {
    "TransferWithAuthorization": [
        {"name": "from", "type": "address"},
        {"name": "to", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "validAfter", "type": "uint256"},
        {"name": "validBefore", "type": "uint256"},
        {"name": "nonce", "type": "bytes32"},
    ]
}


def read(answer: Answer, header: str, status: int) -> JSON:
    """An x402 header of an answer that has the status it should. Raises BenchFailed for another one."""
    if answer.status != status:
        raise BenchFailed(f"{status} was due and {answer.status} came: {answer.body[:500]!r}")
    found: JSON = json.loads(base64.b64decode(answer.header(header), validate=True))
    return found


def payment(account: LocalAccount, required: JSON, seconds: int | None = None) -> str:
    """The PAYMENT-SIGNATURE header that pays the first of `accepts` exactly as it asks (x402 v2, EIP-3009).

    It is valid for so many seconds; without them for as long as the terms ask at least.
    """
    entry = required["accepts"][0]
    fields = {
        "from": account.address,
        "to": entry["payTo"],
        "value": entry["amount"],
        "validAfter": "0",
        "validBefore": str(int(time.time()) + (seconds or entry["maxTimeoutSeconds"])),
        "nonce": "0x" + secrets.token_bytes(32).hex(),
    }
    domain = {
        "name": entry["extra"]["name"],
        "version": entry["extra"]["version"],
        "chainId": int(entry["network"].removeprefix("eip155:")),
        "verifyingContract": entry["asset"],
    }
    message = fields | {name: int(fields[name]) for name in ("value", "validAfter", "validBefore")}
    signed = account.sign_typed_data(domain, _TYPES, message)
    payload = {"signature": "0x" + bytes(signed.signature).hex(), "authorization": fields}
    made = {"x402Version": 2, "accepted": entry, "payload": payload, "resource": required["resource"]}
    return base64.b64encode(json.dumps(made).encode()).decode()


def balance(node: str, asset: str, address: str) -> int:
    """What an address holds of the asset in the newest block, in atomic units. Raises BenchFailed."""
    call = {"to": asset, "data": "0x" + calls.balance_of(address).hex()}
    return int(asked(node, "eth_call", call, "latest"), 16)


def asked(node: str, method: str, *parameters: Any) -> Any:
    """The devnet's answer. Raises BenchFailed where it has none."""
    try:
        return rpc.call(node, method, *parameters)
    except rpc.RpcError as error:
        raise BenchFailed(str(error)) from error
