"""Edits that weaken a contract without taking a whole guard out: what is asked, what is booked, how much is copied."""

from typing import NamedTuple

from scripts.proof.guards import COINBASE, NUMBER
from scripts.proof.notices import Check, Notice

BASE = "contracts/X402Callback.sol"
BOOKS = "contracts/base/PaymentBooks.sol"
BOUNDED = "contracts/base/BoundedCall.sol"
PASS = "contracts/callbacks/AccessPass.sol"
PULL = "IERC3009(token).{}WithAuthorization(owner, address(this), amount, validAfter, validBefore, nonce, v, r, s);"
WEAK = f"{COINBASE} == {NUMBER}"
"""In Solidity: whether the contract is weakened."""
STRONG_YUL = f"sub(coinbase(), {NUMBER})"
"""In assembly: not 0 while it is not."""


class Weakening(NamedTuple):
    """One edit of one source, `old` for `new`, which must fit exactly once, and who must notice it.

    What comes in says by its switch when it counts; the rest of the time it does what the old text does.
    """

    name: str
    unit: str
    old: str
    new: str
    notice: Notice


WEAKENINGS = (
    Weakening(
        "X402Callback._requireSigned: GOAT's struct for any payment",
        BASE,
        "(paymentNonce == payment.orderId\n",
        f"(({WEAK} || paymentNonce == payment.orderId)\n",
        Check("swapped payments"),
    ),
    Weakening(
        "X402Callback.x402SpentEip3009: a pull that anybody may submit",
        BASE,
        "uint256 held = _consume(payment, BASE_ACTION);\n        " + PULL.format("receive"),
        "uint256 held = _consume(payment, BASE_ACTION);\n"
        f"if ({WEAK}) {PULL.format('transfer')} else {PULL.format('receive')}",
        Check("spent elsewhere"),
    ),
    Weakening(
        "PaymentBooks.declareSurplus: what is owed counts as surplus",
        BOOKS,
        "amount = _balance(token) - _booked(token)",
        f"amount = _balance(token) - ({WEAK} ? revenue[token] : _booked(token))",
        Check("owed money"),
    ),
    Weakening(
        "BoundedCall._callBounded: 63/64 of the gas left",
        BOUNDED,
        "gas_ + gas_ / 63 + CLOSING_GAS",
        f"gas_ + ({WEAK} ? 1 : gas_ / 63 + CLOSING_GAS)",
        Check("starved action"),
    ),
    Weakening(
        "BoundedCall._callBounded: all the gas left",
        BOUNDED,
        "call(gas_, target",
        f"call(or(gas_, mul(iszero({STRONG_YUL}), gas())), target",
        Check("burning action"),
    ),
    Weakening(
        "BoundedCall._revertWithReason: a long error as it is",
        BOUNDED,
        "iszero(or(lt(size, 4), gt(size, longest)))",
        f"iszero(or(lt(size, 4), and(iszero(iszero({STRONG_YUL})), gt(size, longest))))",
        Check("return bomb"),
    ),
    Weakening(
        "BoundedCall._revertWithReason: the whole error in memory",
        BOUNDED,
        "if gt(size, 0x20) { size := 0x20 }",
        f"if and(iszero(iszero({STRONG_YUL})), gt(size, 0x20)) {{ size := 0x20 }}",
        Check("return bomb"),
    ),
    Weakening(
        "AccessPass._mintPass: revenue that is not booked",
        PASS,
        "_declareRevenue(payment.orderId, payment.token, payment.amount);",
        f"if (!({WEAK})) _declareRevenue(payment.orderId, payment.token, payment.amount);",
        Check("right payments"),
    ),
)
