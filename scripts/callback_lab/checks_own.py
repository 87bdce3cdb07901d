"""Checks that one callback alone must pass, for what only it promises; beside the battery for all."""

from scripts.callback_lab.battery import BATTERY, Check
from scripts.callback_lab.bench import BASE_ACTION, Bench

LIST_ACTION = "listAction(bytes4,(uint128,uint128))"


def price_holds(bench: Bench) -> None:
    """AccessPass: whatever the owner lists, a pass is sold from its price to below twice that."""
    price = bench.read("PRICE()", "uint256")
    for selector in (BASE_ACTION, bench.action[:4]):
        bench.by_owner(LIST_ACTION, selector, (1, 10 * price))
    for entry in bench.working():
        for amount in (price - 1, 2 * price):
            bench.refuses(bench.request(entry, amount=amount), "ActionFailed", why=f"a pass of {price} for {amount}")


def sold_out(bench: Bench) -> None:
    """AccessPass: no more passes than there are."""
    bench.set_immutable("SUPPLY()", 1)
    bench.accepts(bench.request(bench.working()[0]), "the last pass")
    for entry in bench.working():
        bench.refuses(bench.request(entry, "order-2"), "SoldOut", why="one pass more than there are")


OWN_CHECKS = {
    "AccessPass": (
        Check("price holds", "C2", price_holds, "keep the price in the action: the list is the owner's to edit"),
        Check("sold out", "C12", sold_out, "count what is sold before it is handed out"),
    ),
}


def checks_of(contract: str) -> tuple[Check, ...]:
    """All that a contract of this name is tried with."""
    return (*BATTERY, *OWN_CHECKS.get(contract, ()))
