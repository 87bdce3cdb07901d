"""The battery: every check with the threat it answers and how to mend what it finds; runs all of them on a bench."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from scripts.callback_lab import checks_actions as actions
from scripts.callback_lab import checks_executor as executor
from scripts.callback_lab import checks_lists as lists
from scripts.callback_lab import checks_money as money
from scripts.callback_lab import checks_payments as payments
from scripts.callback_lab.bench import Bench, CheckFailed
from scripts.callback_lab.tracing import trace_lines

BASE = (
    "leave contracts/X402Callback.sol and contracts/base/ as they are, and let every payment come through its entries"
)
ACTION = (
    "look at the trace: the action itself refuses a right payment; say what it needs by --constructor or --calldata"
)
BOOK = "book every unit that stays, with _declareRevenue or _recordLiability, and release what leaves"


@dataclass(frozen=True, slots=True)
class Check:
    """One attack, by its name in reports: the threat's row, what must hold, and how to mend a failure."""

    name: str
    threat: str
    run: Callable[[Bench], None]
    mend: str

    @property
    def title(self) -> str:
        """What is tried, in a sentence."""
        return (self.run.__doc__ or "").strip()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check; `failure` is empty when it passed."""

    check: Check
    failure: str
    trace: tuple[str, ...]
    seconds: float


BATTERY = (
    Check("right payments", "C12", lists.right_payments, ACTION),
    Check("GOAT's form", "C11", lists.goats_choice, ACTION),
    Check("wrong caller", "C1", lists.wrong_caller, BASE),
    Check("wrong executor", "C1", executor.wrong_executor, BASE),
    Check("lying executor", "C4", executor.lying_executor, BASE),
    Check("unlisted selector", "C2", lists.unlisted_selector, BASE),
    Check(
        "unwritten action",
        "C2",
        lists.unwritten_action,
        "in _onCalldata, compare the selector with each action there is and revert ActionNotListed for the rest",
    ),
    Check("base action by calldata", "C2", lists.base_action_by_calldata, BASE),
    Check("short calldata", "C2", lists.short_calldata, BASE),
    Check("amount out of bounds", "C2", lists.amount_out_of_bounds, BASE),
    Check("bounds that are none", "C2", lists.bounds_that_are_none, BASE),
    Check(
        "failing action",
        "C3",
        actions.failing_action,
        "never catch a failure: let it revert, or record a liability of the whole amount",
    ),
    Check("failing action, base", "C3", actions.failing_base, BASE),
    Check("foreign token", "C4", lists.foreign_token, BASE),
    Check("foreign Permit2", "C4", lists.foreign_permit2, BASE),
    Check("lying Permit2", "C4", lists.lying_permit2, BASE),
    Check("fee-taking token", "C4", lists.fee_taking_token, BASE),
    Check("false-returning token", "C4", lists.false_returning_token, BASE),
    Check("look-alike token", "C4", lists.look_alike_token, BASE),
    Check("order again", "C5", payments.order_again, BASE),
    Check("payment again", "C5", payments.payment_again, BASE),
    Check("other chain", "C5", payments.other_chain, BASE),
    Check("other contract", "C5", payments.other_contract, BASE),
    Check("swapped payments", "C5", payments.swapped_payments, BASE),
    Check("reentrancy by token", "C6", actions.reentrancy_by_token, BASE),
    Check("reentrancy by action", "C6", actions.reentrancy_by_action, BASE),
    Check("frame closed", "C6", actions.frame_closed, BASE),
    Check("starved action", "C7", actions.starved_action, BASE),
    Check("burning action", "C7", actions.burning_action, BASE),
    Check("return bomb", "C8", actions.return_bomb, BASE),
    Check("bombing payer", "C8", actions.bombing_payer, "an action that calls its payer must live with any answer"),
    Check("spent elsewhere", "C9", payments.spent_elsewhere, BASE),
    Check("forged signature", "C11", payments.forged_signature, BASE),
    Check("malleable signature", "C11", payments.malleable_signature, BASE),
    Check("expired signature", "C11", payments.expired_signature, BASE),
    Check("order id mismatch", "C11", payments.order_id_mismatch, BASE),
    Check("missing payer", "C11", payments.missing_payer, BASE),
    Check("unbooked money", "C12", money.unbooked_money, BASE),
    Check("gifts", "C12", money.gifts, BOOK),
    Check("owed money", "C12", money.owed_money, BOOK),
    Check(
        "every function",
        "C12",
        money.every_function,
        "no function may pay out more than it releases in the books, or to whom it is not owed",
    ),
    Check("ownership", "C13", money.ownership, BASE),
    Check(
        "no other code",
        "C13",
        money.no_other_code,
        "no proxy, no delegatecall, no selfdestruct: a new version is a new contract",
    ),
    Check(
        "reorganisation",
        "F17",
        payments.reorganisation,
        "keep all that an action does in storage and tokens, so that the chain can take it back",
    ),
)
"""Names are unique; reports and mutants go by them."""


def run_battery(bench: Bench, checks: Iterable[Check] = BATTERY) -> list[Verdict]:
    """Every check on the same untouched contract; each is undone before the next."""
    return [_run(bench, check) for check in checks]


def _run(bench: Bench, check: Check) -> Verdict:
    started = time.monotonic()
    failure, trace = "", tuple[str, ...]()
    with bench.node.undone():
        try:
            check.run(bench)
        except CheckFailed as failed:
            failure = str(failed)
            trace = tuple(trace_lines(bench, failed.transaction)) if failed.transaction else ()
    return Verdict(check, failure, trace, time.monotonic() - started)
