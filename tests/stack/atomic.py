"""Payments of scheme delegate, by JSON values and eth-account: nothing of ours."""

import secrets
from typing import Any

from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from tests.fakes.permit2 import PERMIT2, permit_types
from tests.stack.buyer import JSON, sign

TYPE = (
    b"DelegatePayment(uint256 chainId,address executor,address payer,address token,uint256 amount,address target,"
    b"bytes callData,bytes32 orderId,bytes32 quoteHash,uint256 deadline,bytes32 salt)"
)
WITNESS = TYPE[TYPE.index(b"(") + 1 : -1].decode().split(",")
KINDS = ("bytes32", "uint256", "address", "address", "address", "uint256", "address", *["bytes32"] * 3)


def atomic_entry(quoted: Any) -> JSON:
    """The entry of scheme delegate in a 402."""
    (found,) = [entry for entry in quoted.required["accepts"] if entry["scheme"] == "delegate"]
    return dict(found)


def witness_of(entry: JSON, payer: str, deadline: int, salt: bytes) -> JSON:
    """All that is committed to, by the names of the struct."""
    extra = entry["extra"]
    quote_hash = keccak(extra["quote"].encode())
    return {
        "chainId": int(entry["network"].removeprefix("eip155:")),
        "executor": entry["payTo"],
        "payer": payer,
        "token": entry["asset"],
        "amount": int(entry["amount"]),
        "target": extra["callback"],
        "callData": bytes.fromhex(extra.get("calldata", "0x")[2:]),
        "orderId": keccak(encode(["bytes32", "address"], [quote_hash, payer])),
        "quoteHash": quote_hash,
        "deadline": deadline,
        "salt": salt,
    }


def commitment(entry: JSON, payer: str, deadline: int, salt: bytes, /, **changes: Any) -> bytes:
    """The nonce that commits to all of an entry."""
    values = witness_of(entry, payer, deadline, salt) | changes
    values["callData"] = keccak(values["callData"])
    return keccak(encode([*KINDS, "uint256", "bytes32"], [keccak(TYPE), *values.values()]))


def pay_atomic(account: LocalAccount, quoted: Any, deadline: int, payer: str = "", /, **changes: Any) -> JSON:
    """A whole payment; `changes` are committed to, and are not what the entry says. `payer`: a wallet of the account's,
    whose signature is left for the caller to put in."""
    entry, salt, payer = atomic_entry(quoted), secrets.token_bytes(32), payer or account.address
    nonce = commitment(entry, payer, deadline, salt, **changes)
    if entry["extra"].get("assetTransferMethod") == "permit2":
        payload = _permit(account, entry, payer, deadline, salt, nonce, **changes)
        return _payment(quoted, entry, payload)
    fields = {
        "from": payer,
        "to": entry["payTo"],
        "value": entry["amount"],
        "validAfter": "0",
        "validBefore": str(deadline),
        "nonce": "0x" + nonce.hex(),
    }
    signature = sign(account, entry, fields, "ReceiveWithAuthorization")
    return _payment(quoted, entry, {"signature": signature, "authorization": fields, "salt": "0x" + salt.hex()})


def _payment(quoted: Any, entry: JSON, payload: JSON) -> JSON:
    return {"x402Version": 2, "resource": quoted.required["resource"], "accepted": entry, "payload": payload}


def _permit(
    account: LocalAccount, entry: JSON, payer: str, deadline: int, salt: bytes, nonce: bytes, /, **changes: Any
) -> JSON:
    """The payload by Permit2, whose signer sees all that is committed to: eth-account hashes the struct by itself."""
    witness = witness_of(entry, payer, deadline, salt) | changes
    number = int.from_bytes(nonce, "big")
    permitted = {"token": entry["asset"], "amount": entry["amount"]}
    signed = {
        "permitted": permitted,
        "from": payer,
        "spender": entry["payTo"],
        "nonce": str(number),
        "deadline": str(deadline),
    }
    message = {
        "permitted": permitted | {"amount": int(entry["amount"])},
        "spender": entry["payTo"],
        "nonce": number,
        "deadline": deadline,
        "witness": witness,
    }
    domain = {
        "name": "Permit2",
        "chainId": int(entry["network"].removeprefix("eip155:")),
        "verifyingContract": PERMIT2,
    }
    signable = encode_typed_data(domain, permit_types(WITNESS, "DelegatePayment"), message)
    signature = "0x" + bytes(account.sign_message(signable).signature).hex()
    return {"signature": signature, "permit2Authorization": signed, "salt": "0x" + salt.hex()}
