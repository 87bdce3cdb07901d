"""A merchant's back end: a client of GOAT's order API, written from the published interface alone."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from eth_account import Account
from eth_account.messages import encode_typed_data

PROOF_TYPES = {
    "PaddockOrderProof": [
        {"name": name, "type": kind}
        for name, kind in (
            ("orderId", "string"),
            ("txHash", "bytes32"),
            ("logIndex", "uint256"),
            ("from", "address"),
            ("to", "address"),
            ("amount", "uint256"),
            ("chainId", "uint256"),
            ("flow", "string"),
            ("resource", "string"),
            ("merchantId", "string"),
            ("dappOrderId", "string"),
            ("token", "address"),
            ("orderAmount", "uint256"),
            ("termsHash", "bytes32"),
        )
    ]
}


def goat_sign(secret: str, fields: dict[str, Any]) -> str:
    """GOAT's signature: every field that is not empty, sorted, as k=v joined by &."""
    given = {name: _word(value) for name, value in fields.items() if name != "sign"}
    text = "&".join(f"{name}={given[name]}" for name in sorted(given) if given[name])
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def sound_sign(secret: str, method: str, url: str, key: str, timestamp: str, nonce: str, body: bytes) -> str:
    """The signature over the request itself."""
    target = urlsplit(url)
    digest = hashlib.sha256(body).hexdigest()
    lines = ["PADDOCK-HMAC-SHA256", method, target.path, target.query, key, timestamp, nonce, digest]
    return hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()


def proof_signer(proof: dict[str, Any]) -> str:
    """Who signed a proof, by EIP-712 as the documentation describes it."""
    payload, binding = proof["payload"], proof["binding"]
    message = {
        "orderId": payload["order_id"],
        "txHash": bytes.fromhex(payload["tx_hash"][2:]),
        "logIndex": payload["log_index"],
        "from": payload["from_addr"],
        "to": payload["to_addr"],
        "amount": int(payload["amount_wei"]),
        "chainId": payload["chain_id"],
        "flow": payload["flow"],
        "resource": binding["resource"],
        "merchantId": binding["merchant_id"],
        "dappOrderId": binding["dapp_order_id"],
        "token": binding["token_contract"],
        "orderAmount": int(binding["order_amount_wei"]),
        "termsHash": bytes.fromhex(binding["terms_hash"][2:]),
    }
    domain = {"name": "Paddock order proof", "version": "1", "chainId": payload["chain_id"]}
    signed = encode_typed_data(domain_data=domain, message_types=PROOF_TYPES, message_data=message)
    return str(Account.recover_message(signed, signature=proof["signature"]))


def calldata_signature(required: dict[str, Any], by: Any) -> str:
    """A payer's signature over what the terms ask it to sign."""
    asked = required["calldata_sign_request"]
    fields = asked["types"][asked["primaryType"]]
    message = {field["name"]: _member(field["type"], asked["message"][field["name"]]) for field in fields}
    signed = encode_typed_data(asked["domain"], {asked["primaryType"]: fields}, message)
    return "0x" + str(by.sign_message(signed).signature.hex()).removeprefix("0x")


@dataclass
class GoatClient:
    """Signs as GOAT's format says, or (`sound`) the request itself; `now` in Unix seconds."""

    http: httpx.AsyncClient
    url: str
    key: str
    secret: str
    now: Callable[[], float] = time.time
    sound: bool = False

    async def create(self, **fields: Any) -> httpx.Response:
        return await self.call("POST", "/api/v1/orders", fields)

    async def status(self, order_id: str) -> str:
        answer = await self.call("GET", f"/api/v1/orders/{order_id}")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["status"])

    async def proof(self, order_id: str) -> dict[str, Any]:
        answer = await self.call("GET", f"/api/v1/orders/{order_id}/proof")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def cancel(self, order_id: str) -> httpx.Response:
        return await self.call("POST", f"/api/v1/orders/{order_id}/cancel", {})

    async def sign_calldata(self, order_id: str, signature: str) -> httpx.Response:
        return await self.call("POST", f"/api/v1/orders/{order_id}/calldata-signature", {"signature": signature})

    async def call(self, method: str, path: str, fields: dict[str, Any] | None = None) -> httpx.Response:
        """A request signed for itself, sent once."""
        return await self.send(self.request(method, path, fields))

    async def send(self, request: httpx.Request) -> httpx.Response:
        return await self.http.send(request)

    def request(self, method: str, path: str, fields: dict[str, Any] | None = None, **changed: str) -> httpx.Request:
        """A signed request, not sent; `changed` headers stand for the usual ones."""
        body = json.dumps(fields).encode() if fields is not None else b""
        timestamp, nonce = str(int(self.now())), secrets.token_hex(16)
        if self.sound:
            sign = sound_sign(self.secret, method, self.url + path, self.key, timestamp, nonce, body)
            signed = {"X-Sign-Request": sign}
        else:
            named = {"api_key": self.key, "timestamp": timestamp, "nonce": nonce}
            signed = {"X-Sign": goat_sign(self.secret, (fields or {}) | named)}
        usual = {"X-API-Key": self.key, "X-Timestamp": timestamp, "X-Nonce": nonce, "Content-Type": "application/json"}
        return self.http.build_request(method, self.url + path, content=body, headers=usual | signed | changed)


def required_of(answer: httpx.Response) -> dict[str, Any]:
    """The terms of a 402, which stand in header and body alike."""
    assert answer.status_code == 402, answer.text
    stated = json.loads(base64.b64decode(answer.headers["PAYMENT-REQUIRED"], validate=True))
    assert stated == answer.json()
    return dict(stated)


def _word(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _member(kind: str, value: str) -> Any:
    if kind == "bytes32":
        return bytes.fromhex(value[2:])
    return int(value) if kind == "uint256" else value
