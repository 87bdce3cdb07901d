"""Code that anvil is given without a deployment: what has the same address on every public chain."""

from collections.abc import Mapping

from scripts.compile import Artifact
from scripts.rpc import call
from scripts.solc import ROOT

PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
EXACT_PROXY = "0x402085c248EeA27D92E8b30b2C58ed07f9E20001"
UPTO_PROXY = "0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002"
PERMIT2_CODE = ROOT / "contracts" / "mocks" / "permit2.hex"


def etch(rpc: str, artifacts: Mapping[str, Artifact]) -> None:
    """Put Permit2 and the x402 proxies, of our own making, where clients expect them.

    Idempotent. Does nothing on a node that is not anvil; on an anvil that forked a public chain, what is there stays.
    Raises RpcError.
    """
    if "anvil" not in str(call(rpc, "web3_clientVersion")).lower():
        return
    is_fork = bool((call(rpc, "anvil_nodeInfo").get("forkConfig") or {}).get("forkUrl"))
    for address, code in _codes(artifacts).items():
        present = call(rpc, "eth_getCode", address, "latest")
        if present == "0x" or (present != code and not is_fork):
            call(rpc, "anvil_setCode", address, code)


def _codes(artifacts: Mapping[str, Artifact]) -> dict[str, str]:
    """Runtime code by address."""
    return {
        PERMIT2: PERMIT2_CODE.read_text().splitlines()[-1],
        EXACT_PROXY: artifacts["ExactPermit2Proxy"].runtime,
        UPTO_PROXY: artifacts["UptoPermit2Proxy"].runtime,
    }
