"""A small x402 client of the tests' own: JSON values and eth-account, nothing of ours, so that it can disagree."""

import base64
import copy
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

JSON = dict[str, Any]
LONGEST_NUMBER = 78
"""Digits of the largest 256-bit number; Python converts no longer ones than a few thousand."""
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_FIELDS = {
    "from": "address",
    "to": "address",
    "value": "uint256",
    "validAfter": "uint256",
    "validBefore": "uint256",
    "nonce": "bytes32",
}


def read_header(value: str) -> JSON:
    """An x402 header as JSON values."""
    found: JSON = json.loads(base64.b64decode(value, validate=True))
    return found


def write_header(message: JSON) -> str:
    """JSON values as an x402 header."""
    return base64.b64encode(json.dumps(message).encode()).decode()


def authorization(payer: str, entry: JSON, **changes: Any) -> JSON:
    """EIP-3009 fields that pay an `accepts` entry as it asks; `changes` by their x402 names (`from` as `from_`)."""
    usual = {
        "from": payer,
        "to": entry["payTo"],
        "value": entry["amount"],
        "validAfter": "0",
        "validBefore": str(int(time.time()) + entry["maxTimeoutSeconds"]),
        "nonce": "0x" + secrets.token_bytes(32).hex(),
    }
    return usual | {name.rstrip("_"): value for name, value in changes.items()}


def sign(account: LocalAccount, entry: JSON, fields: JSON, primary: str = "TransferWithAuthorization") -> str:
    """The signature over an authorization, in the EIP-712 domain that the entry names; 0x-hex of r, s, v."""
    message = {name: int(v) if _FIELDS[name] == "uint256" else v for name, v in fields.items()}
    return _signed(account, entry, primary, _FIELDS, message)


def cancellation(account: LocalAccount, entry: JSON, nonce: str) -> str:
    """The payer's signature that uses a nonce up without paying; 0x-hex of r, s, v."""
    kinds = {"authorizer": "address", "nonce": "bytes32"}
    return _signed(account, entry, "CancelAuthorization", kinds, {"authorizer": account.address, "nonce": nonce})


def _signed(account: LocalAccount, entry: JSON, primary: str, kinds: dict[str, str], message: JSON) -> str:
    domain = {
        "name": entry["extra"]["name"],
        "version": entry["extra"]["version"],
        "chainId": int(entry["network"].removeprefix("eip155:")),
        "verifyingContract": entry["asset"],
    }
    types = {primary: [{"name": name, "type": kind} for name, kind in kinds.items()]}
    signable = encode_typed_data(domain_data=domain, message_types=types, message_data=message)
    return "0x" + bytes(account.sign_message(signable).signature).hex()


def payment(account: LocalAccount, entry: JSON, resource: JSON | None = None, **changes: Any) -> JSON:
    """A whole v2 payment for an `accepts` entry; `changes` alter the authorization before it is signed."""
    fields = authorization(account.address, entry, **changes)
    made: JSON = {
        "x402Version": 2,
        "accepted": entry,
        "payload": {"signature": sign(account, entry, fields), "authorization": fields},
    }
    return made | ({"resource": resource} if resource else {})


def payment_v1(account: LocalAccount, entry: JSON, **changes: Any) -> JSON:
    """A v1 payment for an entry of a v1 body, whose network is a name that only x402 v1 uses."""
    chains = {"paddock-devnet": 31337, "base-sepolia": 84532, "base": 8453}
    network = f"eip155:{chains[entry['network']]}"
    modern = entry | {"network": network, "amount": entry["maxAmountRequired"]}
    scheme = payment(account, modern, **changes)["payload"]
    return {"x402Version": 1, "scheme": entry["scheme"], "network": entry["network"], "payload": scheme}


# ---------------------------------------------------------------------------------------------------- mutations


def changed(message: JSON, path: str, value: Any) -> JSON:
    """A copy with one member replaced: `changed(paid, "accepted.extra.quote", "x")`. `...` as value removes it."""
    made = copy.deepcopy(message)
    *way, last = path.split(".")
    inside = made
    for name in way:
        inside = inside[name]
    if value is ...:
        del inside[last]
    else:
        inside[last] = value
    return made


def mirrored(message: JSON) -> JSON:
    """The second signature of the same authorization: s mirrored in the curve's order, v toggled."""
    signature = bytes.fromhex(message["payload"]["signature"][2:])
    s = _ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    return changed(message, "payload.signature", "0x" + twin.hex())


def paths(message: JSON, within: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested objects, with its value."""
    for name, value in message.items():
        path = f"{within}.{name}" if within else name
        if isinstance(value, dict):
            yield from paths(value, path)
        else:
            yield path, value


def other(value: Any) -> Any:
    """A different value of the same kind: another number, another last hex digit, another text."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str) and value.isdecimal() and len(value) <= LONGEST_NUMBER:
        return str(int(value) + 1)
    if isinstance(value, str) and value:
        return value[:-1] + ("0" if value[-1] != "0" else "1")
    return "x"


def mutations(message: JSON, within: str) -> Iterator[tuple[str, JSON]]:
    """Every leaf under `within` changed, and then removed: (what was done, the message)."""
    part: Any = message
    for name in within.split("."):
        part = part[name]
    for path, value in paths(part, within):
        yield f"{path} changed", changed(message, path, other(value))
        yield f"{path} removed", changed(message, path, ...)


# ---------------------------------------------------------------------------------------------------- purchases


@dataclass(frozen=True)
class Quoted:
    """A 402 as it came: the v2 terms from the header, the v1 terms from the body."""

    url: str
    method: str
    body: bytes | None
    required: JSON
    required_v1: JSON

    @property
    def entry(self) -> JSON:
        """The first of `accepts`."""
        first: JSON = self.required["accepts"][0]
        return first

    @property
    def id(self) -> str:
        """The quote's id, which becomes the order's."""
        return str(self.entry["extra"]["quoteId"])


@dataclass
class Buyer:
    """An account that buys over an httpx client; it keeps every payment header that it ever signed in `signed`."""

    client: httpx.AsyncClient
    account: LocalAccount = field(default_factory=Account.create)
    signed: list[str] = field(default_factory=list)

    async def ask(self, url: str, method: str = "GET", json_body: Any = None, **headers: str) -> Quoted:
        """The terms for a request. Raises AssertionError for anything but a 402."""
        body = None if json_body is None else json.dumps(json_body).encode()
        response = await self.client.request(method, url, content=body, headers=_typed(body) | headers)
        assert response.status_code == 402, f"{response.status_code}: {response.text}"
        return Quoted(url, method, body, read_header(response.headers["payment-required"]), response.json())

    def pay(self, quoted: Quoted, **changes: Any) -> str:
        """The PAYMENT-SIGNATURE header for terms; `changes` alter the authorization before it is signed."""
        header = write_header(payment(self.account, quoted.entry, quoted.required["resource"], **changes))
        self.signed.append(header)
        return header

    async def present(self, quoted: Quoted, header: str, **headers: str) -> httpx.Response:
        """The request again, with payment bytes as they are."""
        sent = _typed(quoted.body) | {"PAYMENT-SIGNATURE": header} | headers
        return await self.client.request(quoted.method, quoted.url, content=quoted.body, headers=sent)

    async def buy(self, url: str, method: str = "GET", json_body: Any = None) -> httpx.Response:
        """Ask, sign and present: what an obedient client does."""
        quoted = await self.ask(url, method, json_body)
        return await self.present(quoted, self.pay(quoted))


def _typed(body: bytes | None) -> dict[str, str]:
    return {} if body is None else {"Content-Type": "application/json"}
