"""What the wallet holds, what Permit2 may move of it, and what the budgets leave: `paddock-agent wallet`."""

from argparse import Namespace
from dataclasses import asdict, dataclass

import msgspec

from agent.buyer import Buyer
from agent.commands import Shell
from agent.errors import ChainUnavailable
from agent.policy_file import AssetRules
from agent.printing import plain, table
from protocol.amounts import display
from protocol.payment import PERMIT2

ANY = 2**255
"""An allowance from here on is one that nobody means as an amount; some tokens never count it down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Of one asset of the policy: amounts in its units, None where its chain is not the one that is asked.

    `left` is what each budget leaves, by its rule. `permit2` is "any amount" where that has no end.
    """

    network: str
    asset: str
    symbol: str
    balance: str | None
    permit2: str | None
    left: dict[str, str]


def wallet(shell: Shell, args: Namespace) -> int:
    """The command: a row for each asset."""
    buyer = Buyer.from_settings(shell.settings)
    found = [holding(buyer, asset, args.task) for asset in buyer.policy.file.assets]
    if args.json:
        told = {"address": buyer.signer.address, "holdings": [asdict(one) for one in found]}
        shell.out.out(msgspec.json.format(msgspec.json.encode(told), indent=2).decode(), highlight=False)
        return 0
    rows = table("asset", "balance", "Permit2 may move", "budgets leave")
    for one in found:
        left = ", ".join(f"{amount} of {rule}" for rule, amount in one.left.items())
        name = f"{one.symbol or one.asset} on {one.network}"
        rows.add_row(plain(name), one.balance or "not asked", one.permit2 or "not asked", plain(left))
    shell.out.print(f"wallet {buyer.signer.address}", soft_wrap=True)
    shell.out.print(rows)
    return 0


def holding(buyer: Buyer, asset: AssetRules, task: str) -> Holding:
    """What there is of an asset, and what a task may spend of it."""
    levels = buyer.budgets(asset.network, asset.address, task)
    left = {rule: display(max(0, level.most - level.spent), asset.decimals) for rule, level in levels.items()}
    balance, permit2 = _on_chain(buyer, asset)
    return Holding(
        network=asset.network,
        asset=asset.address,
        symbol=asset.symbol,
        balance=balance,
        permit2=permit2,
        left=left,
    )


def _on_chain(buyer: Buyer, asset: AssetRules) -> tuple[str | None, str | None]:
    """Balance and Permit2's allowance; neither where the asset's chain cannot be asked."""
    owner = buyer.signer.address
    try:
        buyer.chain.require(asset.network)
        held = buyer.chain.balance(asset.address, owner)
        allowed = buyer.chain.allowance(asset.address, owner, PERMIT2)
    except ChainUnavailable:
        return None, None
    return display(held, asset.decimals), "any amount" if allowed >= ANY else display(allowed, asset.decimals)
