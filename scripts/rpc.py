"""JSON-RPC to the node that the contracts are deployed to."""

import json
import urllib.request
from typing import Any


class RpcError(Exception):
    """The node does not answer, or answers with an error; the message says what to do."""


class RpcRefusal(RpcError):
    """The node answered with an error; `data` is what a call reverted with, where it is one."""

    def __init__(self, message: str, data: object) -> None:
        super().__init__(message)
        self.data = bytes.fromhex(data[2:]) if isinstance(data, str) and data.startswith("0x") else b""


def call(rpc: str, method: str, *parameters: Any) -> Any:
    """The result of one call to the node at `rpc`. Raises RpcError, RpcRefusal for the node's own."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
    request = urllib.request.Request(rpc, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = json.load(response)
    except (OSError, ValueError) as error:
        raise RpcError(f"no JSON-RPC answers at {rpc} ({error}): start the devnet, or name it with --rpc") from error
    if "error" in answer:
        refusal = answer["error"]
        raise RpcRefusal(f"{method} at {rpc} failed: {refusal['message']}", refusal.get("data"))
    return answer["result"]
