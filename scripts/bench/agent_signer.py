"""Paddock's client: the agent decides about terms by policy, budgets and memory, sets the money aside, and signs.

Told by JSON on its standard input, like the peers' clients.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from agent.buyer import Buyer
from agent.settings import Settings
from protocol.headers import decode
from protocol.wire import PaymentPayload

POLICY = """
networks = ["{network}"]
limits = {{ per_call = "1.00", per_task = "1000.00", per_day = "1000.00" }}
approval = {{ above = "1.00" }}

[[assets]]
network = "{network}"
address = "{asset}"
name = "{asset_name}"
version = "{asset_version}"
decimals = 6
symbol = "USDC"

[[merchants]]
origin = "{origin}"
routes = ["/v1/*"]
pay_to = ["{pay_to}"]
"""


def sign(given: dict[str, Any]) -> dict[str, Any]:
    """Seconds from a 402 to the signed request, for all but the first `warm` of them; and every payload."""
    settings = Settings(
        home=Path(given["home"]),
        key=given["key"],
        rpc=given["market"]["rpc"],
        finality="latest",
        policy_text=POLICY.format(origin=given["origin"], **given["market"]),
    )
    buyer, took, payloads = Buyer(settings), 0.0, []
    auth = buyer.auth("bench")
    for number, (target, header) in enumerate(given["terms"]):
        flow = auth.auth_flow(httpx.Request("GET", given["origin"] + target))
        asked = next(flow)
        answer = httpx.Response(402, headers={"payment-required": header}, request=asked)
        began = time.perf_counter()
        paying = flow.send(answer)
        took += time.perf_counter() - began if number >= given["warm"] else 0.0
        sent = dict(paying.headers.raw)[b"PAYMENT-SIGNATURE"]
        payloads.append(decode(sent, PaymentPayload).payload)
        flow.close()
    buyer.close()
    return {"seconds": took, "payloads": payloads}


def main() -> None:
    given = json.load(sys.stdin)
    if given["core"] is not None:
        os.sched_setaffinity(0, {given["core"]})
    json.dump(sign(given), sys.stdout)


if __name__ == "__main__":
    main()
