"""Checks that one callback alone must pass, for what only it promises; beside the battery for all."""

from typing import Any

from scripts.callback_lab.abi import encode_call, types_of
from scripts.callback_lab.battery import BATTERY, Check
from scripts.callback_lab.bench import BASE_ACTION, NOBODY, Bench
from scripts.callback_lab.checks_actions import interrupted
from scripts.callback_lab.request import EIP3009_CHOSEN, Request

LIST_ACTION = "listAction(bytes4,(uint128,uint128))"
LOCKED = {
    "EscrowRelease": ("release(bytes32)", "giveBack(bytes32)", "reclaim(bytes32,address)"),
    "RevenueSplit": ("withdraw(address)",),
    "StakingVault": ("unstake(bytes32,address)",),
}
"""The functions that pay out, or decide who is paid, by contract."""
BEYOND_ALL = 2**127
"""A price that no payment reaches."""


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


def other_token(bench: Bench) -> None:
    """Callbacks that count in one token: another one buys nothing, whatever the owner lists."""
    foreign = bench.props["ForeignUSD"]
    bench.by_owner("listToken(address,bool)", foreign, True)
    bench.send(bench.owner, foreign, "mint(address,uint256)", bench.cast.holder.address, 10**15)
    request = bench.request(bench.working()[0], token=foreign)
    bench.refuses(request, "TokenNotTaken", why="a listed token that nothing here is counted in")


def locked(bench: Bench) -> None:
    """Callbacks that pay out: not while the token moves."""
    known = {"bytes32": bench.request(bench.working()[0]).named_order, "address": bench.cast.stranger.address}
    with bench.token_becomes("ReentrantToken"):
        for signature in LOCKED[bench.name]:
            with bench.node.undone():
                data = encode_call(signature, *(known[kind] for kind in types_of(signature)))
                interrupted(bench, signature.partition("(")[0], data)


def whose_hold(bench: Bench) -> None:
    """EscrowRelease: a hold ends once, by whom and when its terms say."""
    arbiter, payer, stranger = bench.read("ARBITER()", "address"), bench.cast.payer.address, bench.cast.stranger.address
    first, second = (request.named_order for request in _bought(bench))
    unknown = bench.request(bench.working()[0], "order-3").named_order
    refused = [
        (stranger, "NotAllowed", "release(bytes32)", first),
        (stranger, "NotAllowed", "giveBack(bytes32)", first),
        (payer, "NotAllowed", "giveBack(bytes32)", first),
        (stranger, "NotAllowed", "reclaim(bytes32,address)", first, stranger),
        (payer, "HeldUntil", "reclaim(bytes32,address)", first, payer),
        (arbiter, "NotHeld", "giveBack(bytes32)", unknown),
    ]
    _refuse(bench, "before the deadline", refused)
    _succeeds(bench, payer, "release(bytes32)", first)
    _refuse(bench, "after it ended", [(payer, "NotHeld", "release(bytes32)", first)])
    bench.node.travel(bench.read("PERIOD()", "uint64") + 1)
    late = [
        (arbiter, "NotAllowed", "release(bytes32)", second),
        (stranger, "NotAllowed", "reclaim(bytes32,address)", second, stranger),
    ]
    _refuse(bench, "after the deadline", late)
    _succeeds(bench, payer, "reclaim(bytes32,address)", second, payer)


def owed_once(bench: Bench) -> None:
    """RevenueSplit: a party takes what it is owed once, and nobody takes what he is not owed."""
    party, stranger, withdraw = bench.read("REST()", "address"), bench.cast.stranger.address, "withdraw(address)"
    _bought(bench)
    _refuse(bench, "with nothing owed", [(stranger, "NothingOwed", withdraw, stranger)])
    _succeeds(bench, party, withdraw, party)
    _refuse(bench, "a second time", [(party, "NothingOwed", withdraw, party)])


def own_stake(bench: Bench) -> None:
    """StakingVault: a stake goes back once, and to its holder's order alone."""
    payer, stranger, unstake = bench.cast.payer.address, bench.cast.stranger.address, "unstake(bytes32,address)"
    first = _bought(bench)[0].named_order
    unknown = bench.request(bench.working()[0], "order-3").named_order
    others = [(stranger, "NotStaked", unstake, first, stranger), (payer, "NotStaked", unstake, unknown, payer)]
    _refuse(bench, "of what is not his", others)
    _succeeds(bench, payer, unstake, first, payer)
    _refuse(bench, "a second time", [(payer, "NotStaked", unstake, first, payer)])


def something_bought(bench: Bench) -> None:
    """Subscription: money that buys no time, or time for nobody, is not taken."""
    for_nobody = bench.request(EIP3009_CHOSEN, action=bench.action[:4] + bytes(32))
    bench.refuses(for_nobody, "NothingBought", why=f"time for {NOBODY}")
    bench.set_immutable("PRICE()", BEYOND_ALL)
    for entry in bench.working():
        bench.refuses(bench.request(entry), "NothingBought", why="a payment that buys no second")


def _bought(bench: Bench) -> list[Request]:
    """Two orders, paid."""
    requests = [bench.request(bench.working()[0], f"order-{number}") for number in (1, 2)]
    for request in requests:
        bench.accepts(request, "a payment")
    return requests


def _refuse(bench: Bench, when: str, attempts: list[tuple[Any, ...]]) -> None:
    """Each attempt, a sender, the error that is due, a signature and its arguments, is refused."""
    for sender, error, signature, *values in attempts:
        why = f"{signature.partition('(')[0]} {when}, by {bench.words.address(sender)}"
        bench.refuses(bench.call(sender, signature, *values), error, why=why)


def _succeeds(bench: Bench, sender: str, signature: str, *values: Any) -> None:
    """What somebody may do, he can, and the books balance."""
    call = bench.call(sender, signature, *values)
    bench.expect(bench.node.send(call).succeeded, f"{signature} by {bench.words.address(sender)} reverts", call)
    bench.books(f"after {signature}")


PAY_OUT = "lock every function that pays out or decides who is paid: nonReentrant"
ONE_TOKEN = Check("other token", "C4", other_token, "derive from OneTokenCallback, and leave its _act as it is")
OWN_CHECKS = {
    "AccessPass": (
        Check("price holds", "C2", price_holds, "keep the price in the action: the list is the owner's to edit"),
        Check("sold out", "C12", sold_out, "count what is sold before it is handed out"),
    ),
    "EscrowRelease": (
        ONE_TOKEN,
        Check("locked", "C6", locked, PAY_OUT),
        Check("whose hold", "C12", whose_hold, "take the hold out of storage first, then ask who calls, and when"),
    ),
    "RevenueSplit": (
        ONE_TOKEN,
        Check("locked", "C6", locked, PAY_OUT),
        Check("owed once", "C12", owed_once, "set what is owed to 0 before it is paid out"),
    ),
    "StakingVault": (
        ONE_TOKEN,
        Check("locked", "C6", locked, PAY_OUT),
        Check("own stake", "C12", own_stake, "ask for the stake's holder, and delete the stake before it is paid out"),
    ),
    "Subscription": (
        ONE_TOKEN,
        Check("something bought", "C12", something_bought, "refuse what adds no second, and what names nobody"),
    ),
}


def checks_of(contract: str) -> tuple[Check, ...]:
    """All that a contract of this name is tried with."""
    return (*BATTERY, *OWN_CHECKS.get(contract, ()))
