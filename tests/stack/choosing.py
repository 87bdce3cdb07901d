"""Calldata that a buyer chooses, and its signature, by JSON values and eth-account: nothing of ours."""

from typing import Any

from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from tests.stack.buyer import JSON

PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
_SHARED = {
    "token": "address",
    "owner": "address",
    "payer": "address",
    "amount": "uint256",
    "orderId": "bytes32",
    "calldataNonce": "uint256",
    "deadline": "uint256",
    "calldataHash": "bytes32",
}
OURS, GOATS = "Payment", "Data"
"""How the structs' names end: ours names the payment too."""
STRUCTS = {
    f"Eip3009Callback{OURS}": _SHARED | {"paymentNonce": "bytes32"},
    f"Eip3009Callback{GOATS}": _SHARED,
    f"Permit2Callback{OURS}": {"permit2": "address"} | _SHARED | {"paymentNonce": "uint256"},
    f"Permit2Callback{GOATS}": {"permit2": "address"} | _SHARED,
}
"""As contracts/libraries/CallbackTypedData.sol has them."""


def mint_to(holder: str) -> str:
    """The call that mints a pass to somebody else than its payer."""
    return "0x" + (keccak(b"mintTo(address)")[:4] + encode(["address"], [holder])).hex()


def choice(entry: JSON, payer: str, /, struct: str = OURS, **changes: Any) -> Any:
    """What the payer of an `accepts` entry signs, as eth-account wants it."""
    extra = entry["extra"]
    order, by_permit2 = keccak(extra["quoteId"].encode()), extra.get("assetTransferMethod") == "permit2"
    message = {
        "permit2": PERMIT2,
        "token": entry["asset"],
        "owner": entry["payTo"],
        "payer": payer,
        "amount": int(entry["amount"]),
        "orderId": order,
        "calldataNonce": int.from_bytes(order, "big"),
        "deadline": int(extra["calldataDeadline"]),
        "calldataHash": keccak(bytes.fromhex(extra["calldata"][2:])),
        "paymentNonce": int.from_bytes(order, "big") if by_permit2 else order,
    } | changes
    domain = {
        "name": "GoatX402 Pay Callback",
        "version": "1",
        "chainId": int(entry["network"].removeprefix("eip155:")),
        "verifyingContract": extra["callback"],
    }
    primary = f"{'Permit2' if by_permit2 else 'Eip3009'}Callback{struct}"
    types = {primary: [{"name": name, "type": kind} for name, kind in STRUCTS[primary].items()]}
    return encode_typed_data(
        domain_data=domain, message_types=types, message_data={name: message[name] for name in STRUCTS[primary]}
    )


def signed_choice(account: LocalAccount, entry: JSON, struct: str = OURS, **changes: Any) -> str:
    """The payer's signature over the calldata that the entry names; 0x-hex of r, s, v."""
    signable = choice(entry, account.address, struct, **changes)
    return "0x" + bytes(account.sign_message(signable).signature).hex()


def with_choice(paid: JSON, required: JSON, signature: str) -> JSON:
    """A payment whose extensions carry that signature, beside what the 402 had in them."""
    offered = required["extensions"]["calldata-signature"]
    info = offered["info"] | {"signature": signature}
    return paid | {"extensions": required["extensions"] | {"calldata-signature": offered | {"info": info}}}
