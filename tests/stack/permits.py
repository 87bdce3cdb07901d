"""Payments by Permit2 as the tests' own client makes them: scheme upto, of JSON values and eth-account."""

import secrets
import time
from typing import Any

from eth_account.signers.local import LocalAccount

from protocol.payment import UPTO_PROXY
from tests.fakes.permit2 import permit_signable
from tests.stack.buyer import JSON


def upto_payment(account: LocalAccount, entry: JSON, resource: JSON | None = None, **changes: Any) -> JSON:
    """A whole v2 payment for an `accepts` entry of scheme upto; `changes` by x402 name alter the permit beforehand.

    `amount`, `token` and `to`, `facilitator`, `validAfter` reach into the permit's parts.
    """
    permitted = {"token": entry["asset"], "amount": entry["amount"]}
    witness = {"to": entry["payTo"], "facilitator": entry["extra"]["facilitatorAddress"], "validAfter": "0"}
    permit = {
        "permitted": permitted,
        "from": account.address,
        "spender": UPTO_PROXY,
        "nonce": str(secrets.randbits(256)),
        "deadline": str(int(time.time()) + entry["maxTimeoutSeconds"]),
        "witness": witness,
    }
    for name, value in changes.items():
        next(part for part in (permitted, witness, permit) if name in part)[name] = value
    signature = "0x" + bytes(account.sign_message(permit_signable(permit)).signature).hex()
    made: JSON = {
        "x402Version": 2,
        "accepted": entry,
        "payload": {"signature": signature, "permit2Authorization": permit},
    }
    return made | ({"resource": resource} if resource else {})
