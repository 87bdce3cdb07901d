"""The peer's client: the official Python SDK signs what terms ask for, as its documentation shows.

Runs in the peers' environment, where the SDK is and Paddock is not; told by JSON on its standard input.
"""

import asyncio
import json
import os
import sys
import time
from typing import Any

from eth_account import Account
from x402 import x402Client
from x402.http.utils import decode_payment_required_header
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact import ExactEvmScheme


async def sign(given: dict[str, Any]) -> dict[str, Any]:
    """Seconds for all but the first `warm` of them, and every payload."""
    client = x402Client()
    client.set_spend_controls(False)
    client.register("eip155:*", ExactEvmScheme(signer=EthAccountSigner(Account.from_key(given["key"]))))
    took, payloads = 0.0, []
    for number, (_, header) in enumerate(given["terms"]):
        required = decode_payment_required_header(header)
        began = time.perf_counter()
        payload = await client.create_payment_payload(required)
        took += time.perf_counter() - began if number >= given["warm"] else 0.0
        payloads.append(payload.model_dump(by_alias=True, exclude_none=True)["payload"])
    return {"seconds": took, "payloads": payloads}


def main() -> None:
    given = json.load(sys.stdin)
    if given["core"] is not None:
        os.sched_setaffinity(0, {given["core"]})
    json.dump(asyncio.run(sign(given)), sys.stdout)


if __name__ == "__main__":
    main()
