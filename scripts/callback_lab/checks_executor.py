"""Checks: what comes from a delegate executor is believed for who paid, and for nothing else (C1, C2, C4, C5)."""

from dataclasses import replace
from typing import Any

from protocol.hashing import keccak
from scripts.callback_lab.abi import encode_call
from scripts.callback_lab.bench import BASE_ACTION, NOBODY, Bench
from scripts.callback_lab.node import Transaction

ON_PAYMENT = "onPayment(bytes32,address,address,uint256,bytes)"
UNLISTED = encode_call("unlistedAction(address)", NOBODY)


def wrong_executor(bench: Bench) -> None:
    """Nobody hands in a paid order but a listed executor: no stranger, no caller, no owner; one struck off no more."""
    for sender in (bench.cast.stranger.address, bench.caller, bench.owner, bench.address):
        call = replace(_handed(bench), sender=sender)
        bench.refuses(call, "ExecutorNotListed", why=f"onPayment by {bench.words.address(sender)}")
    for listed in (True, False):
        bench.by_owner("listExecutor(address,bool)", _executor(bench), listed)
    bench.refuses(_handed(bench), "ExecutorNotListed", why="onPayment by an executor struck off")
    stranger = bench.cast.stranger.address
    grab = bench.call(stranger, "listExecutor(address,bool)", stranger, True)
    bench.refuses(grab, "OwnableUnauthorizedAccount", why="listExecutor by a stranger")


def lying_executor(bench: Bench) -> None:
    """What a listed executor hands over is checked and counted as any payment is: who brings nothing gets nothing."""
    bench.by_owner("listExecutor(address,bool)", _executor(bench), True)
    most = bench.bounds[BASE_ACTION][1]
    spoilt: dict[str, dict[str, Any]] = {
        "AmountNotReceived": {},
        "TokenNotListed": {"token": bench.props["ForeignUSD"]},
        "AmountOutOfBounds": {"amount": most + 1},
        "PayerMissing": {"payer": NOBODY},
        "CalldataTooShort": {"action": b"\1"},
        "ActionNotListed": {"action": UNLISTED},
    }
    for error, change in spoilt.items():
        bench.refuses(_handed(bench, **change), error, why=f"onPayment with {', '.join(change) or 'no money'} made up")
    for entry in bench.working()[:1]:
        paid = bench.request(entry)
        bench.accepts(paid, "a payment")
        bench.refuses(_handed(bench, order=paid.named_order), "OrderConsumed", why="onPayment for a paid order")


def _executor(bench: Bench) -> str:
    """Something that answers to whatever it is asked, and moves nothing."""
    return bench.props["FalseReturningToken"]


def _handed(bench: Bench, **changes: Any) -> Transaction:
    """What an executor says: an order, its payer, token, amount and action."""
    said = {
        "order": keccak(b"handed over"),
        "payer": bench.cast.payer.address,
        "token": bench.token,
        "amount": bench.bounds[BASE_ACTION][0],
        "action": b"",
    }
    return bench.call(_executor(bench), ON_PAYMENT, *(said | changes).values())
