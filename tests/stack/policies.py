"""Policies of agents that buy on a devnet: what is the same in each of them."""

from server.domain.market import Asset

_HEAD = """
networks = ["{network}"]
limits = {{ per_call = "{per_call}", per_task = "{per_task}", per_day = "20.00" }}
approval = {{ above = "{above}", approver = "{approver}" }}
[[assets]]
network = "{network}"
address = "{asset.address}"
name = "{asset.name}"
version = "{asset.version}"
decimals = {asset.decimals}
symbol = "{asset.symbol}"
[[merchants]]
origin = "{origin}"
routes = ["/v1/*"]
"""


def policy(
    network: str,
    asset: Asset,
    origin: str,
    more: str = "",
    *,
    per_call: str = "1.00",
    per_task: str = "5.00",
    above: str = "1.00",
    approver: str = "",
) -> str:
    """TOML: one asset, and one seller, whose table goes on with `more`."""
    limits = {"per_call": per_call, "per_task": per_task, "above": above, "approver": approver}
    return _HEAD.format(network=network, asset=asset, origin=origin, **limits) + more
