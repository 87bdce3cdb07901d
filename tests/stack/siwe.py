"""A small writer of EIP-4361 texts and SIGN-IN-WITH-X headers of the tests' own: nothing of ours, so that it can
disagree."""

import base64
import json
from typing import Any

from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

JSON = dict[str, Any]


def text(
    *,
    domain: str,
    address: str,
    uri: str,
    version: str,
    chain_id: int,
    nonce: str,
    issued_at: str,
    statement: str | None = None,
    expiration_time: str | None = None,
    not_before: str | None = None,
    request_id: str | None = None,
    resources: list[str] | None = None,
) -> str:
    """The text as the grammar of EIP-4361 has it."""
    written = f"{domain} wants you to sign in with your Ethereum account:\n{address}\n\n"
    written += f"{statement}\n" if statement else ""
    written += f"\nURI: {uri}\nVersion: {version}\nChain ID: {chain_id}\nNonce: {nonce}\nIssued At: {issued_at}"
    written += f"\nExpiration Time: {expiration_time}" if expiration_time else ""
    written += f"\nNot Before: {not_before}" if not_before else ""
    written += f"\nRequest ID: {request_id}" if request_id else ""
    return written + ("\nResources:" + "".join(f"\n- {one}" for one in resources) if resources else "")


def members(proof: JSON) -> JSON:
    """The members of a header's content that its text holds, as `text` names them."""
    found = {_snake(name): value for name, value in proof.items() if name not in ("type", "signature")}
    return found | {"chain_id": int(proof["chainId"].removeprefix("eip155:"))}


def proof(account: LocalAccount, required: JSON, **changes: Any) -> JSON:
    """The content of a header that answers a 402's challenge; `changes` alter it before it is signed."""
    extension = required["extensions"]["sign-in-with-x"]
    made = {**extension["info"], "address": account.address, **extension["supportedChains"][0], **changes}
    signed = account.sign_message(encode_defunct(text=text(**members(made))))
    return made | {"signature": "0x" + bytes(signed.signature).hex()}


def header(content: JSON) -> str:
    """JSON values as the header's value."""
    return base64.b64encode(json.dumps(content).encode()).decode()


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
