"""Network names: CAIP-2 for x402 v2, and the fixed names that v1 clients know."""

import re

from protocol.errors import ProtocolError

_CAIP2 = re.compile(r"eip155:([1-9][0-9]{0,18})", re.ASCII)

V1_NAMES = {
    "base": "eip155:8453",
    "base-sepolia": "eip155:84532",
    "avalanche": "eip155:43114",
    "avalanche-fuji": "eip155:43113",
    "polygon": "eip155:137",
    "polygon-amoy": "eip155:80002",
    "sei": "eip155:1329",
    "sei-testnet": "eip155:1328",
    "iotex": "eip155:4689",
    "paddock-devnet": "eip155:31337",
}
_V1_OF = {caip2: name for name, caip2 in V1_NAMES.items()}


def caip2(chain_id: int) -> str:
    """The CAIP-2 name of an EVM chain."""
    return f"eip155:{chain_id}"


def chain_id(network: str) -> int:
    """The EVM chain id of a CAIP-2 name."""
    match = _CAIP2.fullmatch(network)
    if not match:
        raise ProtocolError(
            "invalid_network", f"{network[:40]!r} is not an EVM network in CAIP-2 form, like eip155:8453"
        )
    return int(match[1])


def v1_name(network: str) -> str:
    """What x402 v1 calls a CAIP-2 network; unknown ones keep their CAIP-2 name."""
    return _V1_OF.get(network, network)


def from_v1(name: str) -> str:
    """The CAIP-2 network of a v1 name."""
    if name in V1_NAMES:
        return V1_NAMES[name]
    chain_id(name)
    return name
