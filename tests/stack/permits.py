"""Payments by Permit2 as a client makes them: JSON values and eth-account, nothing of ours, so that it can disagree."""

import secrets
import time
from typing import Any

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from tests.fakes.permit2 import EXACT_PROXY, EXACT_WITNESS, PERMIT2, UPTO_PROXY, UPTO_WITNESS, permit_types
from tests.stack.buyer import JSON


def permit_payment(account: LocalAccount, entry: JSON, resource: JSON | None = None, **changes: Any) -> JSON:
    """A whole v2 payment by Permit2; `changes` alter what is signed, such as amount, nonce, deadline, facilitator."""
    upto = entry["scheme"] == "upto"
    usual: JSON = {
        "amount": entry["amount"],
        "token": entry["asset"],
        "nonce": str(int.from_bytes(secrets.token_bytes(32), "big")),
        "deadline": str(int(time.time()) + entry["maxTimeoutSeconds"]),
        "to": entry["payTo"],
        "validAfter": "0",
        "facilitator": entry["extra"].get("facilitatorAddress"),
        "spender": UPTO_PROXY if upto else EXACT_PROXY,
        "from": account.address,
    }
    said = usual | {name.rstrip("_"): value for name, value in changes.items()}
    witness = {name: said[name] for name in ("to", *(["facilitator"] if upto else []), "validAfter")}
    signed: JSON = {
        "permitted": {"token": said["token"], "amount": said["amount"]},
        "from": said["from"],
        "spender": said["spender"],
        "nonce": said["nonce"],
        "deadline": said["deadline"],
        "witness": witness,
    }
    message = {
        "permitted": {"token": said["token"], "amount": int(said["amount"])},
        "spender": said["spender"],
        "nonce": int(said["nonce"]),
        "deadline": int(said["deadline"]),
        "witness": witness | {"validAfter": int(said["validAfter"])},
    }
    domain = {
        "name": "Permit2",
        "chainId": int(entry["network"].removeprefix("eip155:")),
        "verifyingContract": PERMIT2,
    }
    types = permit_types(UPTO_WITNESS if upto else EXACT_WITNESS)
    signable = encode_typed_data(domain_data=domain, message_types=types, message_data=message)
    signature = "0x" + bytes(account.sign_message(signable).signature).hex()
    made: JSON = {
        "x402Version": 2,
        "accepted": entry,
        "payload": {"signature": signature, "permit2Authorization": signed},
    }
    return made | ({"resource": resource} if resource else {})
