"""Every guard of a callback taken out in turn: the edits, and the check of the battery that must notice each."""

from typing import NamedTuple

GUARD = "contracts/base/PaymentGuard.sol"
BOOKS = "contracts/base/PaymentBooks.sol"
OWNER = "contracts/base/TwoStepOwner.sol"
FRAME = "contracts/base/ActionFrame.sol"
BOUNDED = "contracts/base/BoundedCall.sol"
ESCROW = "contracts/callbacks/EscrowRelease.sol"
SUBSCRIPTION = "contracts/callbacks/Subscription.sol"
BASE = "contracts/X402Callback.sol"
PASS = "contracts/callbacks/AccessPass.sol"


class Mutant(NamedTuple):
    """One edit of one file, which must fit exactly once, and the check that fails for it."""

    name: str
    file: str
    old: str
    new: str
    check: str


def _never(name: str, file: str, condition: str, check: str) -> Mutant:
    """A condition that holds whatever it says; a comma after it belongs to its place, not to it."""
    bare = condition.removesuffix(", ")
    return Mutant(name, file, condition, f"true || ({bare}){condition.removeprefix(bare)}", check)


def _gone(name: str, file: str, text: str, check: str) -> Mutant:
    """A piece of code that is not there."""
    return Mutant(name, file, text, "", check)


def _without(name: str, file: str, text: str, word: str, check: str) -> Mutant:
    """A place without one of its words."""
    return Mutant(name, file, text, text.replace(word, ""), check)


def _entry(name: str, beginning: str, check: str) -> list[Mutant]:
    """An entry without its lock, its list of callers, and what holds for every payment.

    `beginning` is how its body begins after the callers' check, up to the payment's own `check`.
    """
    lock, caller = "external nonReentrant {\n        ", "_requireCaller();\n        "
    return [
        Mutant(f"lock of {name}", BASE, lock + caller + beginning, "external {\n        " + caller + beginning, LOCK),
        Mutant(f"caller of {name}", BASE, caller + beginning, beginning, "wrong caller"),
        Mutant(f"checks of {name}", BASE, beginning, beginning.replace(check, ""), "foreign token"),
    ]


LOCK = "reentrancy by token"
_CHECK_BASE = "        _check(payment, BASE_ACTION);\n"
_BY_NONCE = "Payment memory payment = Payment(nonce, originalPayer, token, amount);\n"
_BY_PERMIT2 = "Payment memory payment = Payment(bytes32(nonce), originalPayer, token, amount);\n"
_CHOSEN = (
    "Payment memory payment = Payment(orderId, originalPayer, token, amount);\n"
    "        bytes4 selector = _selectorOf(calldata_);\n"
)
_THEN_EIP3009 = "        (bytes32 ours, bytes32 goats) =\n            CallbackTypedData.hashEip3009("
_THEN_PERMIT2 = (
    "        _requirePermit2(permit2);\n        (bytes32 ours, bytes32 goats) = CallbackTypedData.hashPermit2("
)
_CHECK = "        _check(payment, selector);\n"
_HANDED = "        uint256 held = _consume(payment, selector);\n        IDelegateExecutor(msg.sender).collect();\n"
_PULL = (
    "IERC3009(token).receiveWithAuthorization(owner, address(this), amount, validAfter, validBefore, nonce, v, r, s);\n"
)
_SIGNED = "_requireSigned(payment, {}, ours, goats, abi.encodePacked(calldataR, calldataS, calldataV));"

LISTS = [
    _never("caller", GUARD, "isCaller[msg.sender]", "wrong caller"),
    _never("Permit2", GUARD, "isPermit2[permit2], ", "foreign Permit2"),
    _never("token", GUARD, "isToken[token], ", "foreign token"),
    _never("action", GUARD, "bounds.maximum != 0", "unlisted selector"),
    _never("amount", GUARD, "amount >= bounds.minimum && amount <= bounds.maximum", "amount out of bounds"),
    _gone("minimum", GUARD, "amount >= bounds.minimum && ", "amount out of bounds"),
    _gone("maximum", GUARD, " && amount <= bounds.maximum", "amount out of bounds"),
    _never("length", GUARD, "action.length >= 4", "short calldata"),
    _never("base selector", GUARD, "selector != BASE_ACTION", "base action by calldata"),
    _never(
        "bounds",
        GUARD,
        "struckOff || (bounds.minimum != 0 && bounds.minimum <= bounds.maximum)",
        "bounds that are none",
    ),
    _gone("free action", GUARD, "bounds.minimum != 0 && ", "bounds that are none"),
    _without(
        "listCaller", GUARD, "listCaller(address caller, bool listed) external onlyOwner", " onlyOwner", "ownership"
    ),
    _without("listToken", GUARD, "listToken(address token, bool listed) external onlyOwner", " onlyOwner", "ownership"),
    _without(
        "listPermit2", GUARD, "listPermit2(address permit2, bool listed) external onlyOwner", " onlyOwner", "ownership"
    ),
    _without("listAction", GUARD, "Bounds calldata bounds) external onlyOwner", " onlyOwner", "ownership"),
]
MONEY = [
    _without("withdraw", BOOKS, "uint256 amount) external onlyOwner nonReentrant", " onlyOwner", "ownership"),
    _without(
        "withdraw's lock",
        BOOKS,
        "uint256 amount) external onlyOwner nonReentrant",
        " nonReentrant",
        "reentrancy by token",
    ),
    _never("revenue", BOOKS, "amount <= available", "owed money"),
    _without(
        "declare", BOOKS, "declareSurplus(address token) external onlyOwner nonReentrant", " onlyOwner", "ownership"
    ),
    _without(
        "declare's lock",
        BOOKS,
        "declareSurplus(address token) external onlyOwner nonReentrant",
        " nonReentrant",
        "reentrancy by token",
    ),
    Mutant(
        "liabilities",
        BOOKS,
        "amount = _balance(token) - _booked(token)",
        "amount = _balance(token) - revenue[token]",
        "owed money",
    ),
    _gone("renounce", OWNER, "revert OwnershipNotRenounceable();", "ownership"),
]
FRAMES = [
    _never("frame", FRAME, "msg.sender == address(this) && _entering", "frame closed"),
    _gone("entering", FRAME, " && _entering", "frame closed"),
    _gone("entering twice", FRAME, "_entering = false;", "reentrancy by action"),
    _never("gas floor", BOUNDED, "gasleft() >= required", "starved action"),
    Mutant("63/64", BOUNDED, "gas_ + gas_ / 63 + CLOSING_GAS", "gas_ + CLOSING_GAS / 60_000", "starved action"),
    Mutant("gas ceiling", BOUNDED, "call(gas_, target", "call(gas(), target", "burning action"),
    _gone("failure", BOUNDED, "if (!succeeded) _revertWithReason(orderId, longest);", "failing action"),
    Mutant("long error", BOUNDED, "iszero(or(lt(size, 4), gt(size, longest)))", "iszero(lt(size, 4))", "return bomb"),
    _gone("copied error", BOUNDED, "if gt(size, 0x20) { size := 0x20 }", "return bomb"),
]
ENTRIES = [
    *_entry("Eip3009", _BY_NONCE + _CHECK_BASE, _CHECK_BASE),
    *_entry("Permit2", _BY_PERMIT2 + _CHECK_BASE, _CHECK_BASE),
    *_entry("Eip3009WithCalldata", _CHOSEN + _CHECK + _THEN_EIP3009, _CHECK),
    *_entry("Permit2WithCalldata", _CHOSEN + _CHECK + _THEN_PERMIT2, _CHECK),
    _gone("executor", BASE, "_requireExecutor();", "wrong executor"),
    _never("executor's list", GUARD, "isExecutor[msg.sender]", "wrong executor"),
    _without(
        "listExecutor",
        GUARD,
        "listExecutor(address executor, bool listed) external onlyOwner",
        " onlyOwner",
        "wrong executor",
    ),
    _without("lock of onPayment", BASE, "nonReentrant\n    {\n        _requireExecutor();", "nonReentrant", LOCK),
    Mutant("checks of onPayment", BASE, _CHECK + _HANDED, _HANDED, "lying executor"),
    Mutant(
        "Permit2's list", BASE, "BASE_ACTION);\n        _requirePermit2(permit2);", "BASE_ACTION);", "foreign Permit2"
    ),
    Mutant(
        "Permit2's list, chosen", BASE, "selector);\n        _requirePermit2(permit2);", "selector);", "foreign Permit2"
    ),
    Mutant("signature, EIP-3009", BASE, _SIGNED.format("nonce"), "(ours, goats);", "forged signature"),
    Mutant("signature, Permit2", BASE, _SIGNED.format("bytes32(nonce)"), "(ours, goats);", "forged signature"),
    Mutant(
        "pull that is free",
        BASE,
        _PULL + '        _perform(payment, held, "");',
        _PULL.replace("receive", "transfer") + '        _perform(payment, held, "");',
        "spent elsewhere",
    ),
]
PAYMENTS = [
    _gone("price's check", BASE, "_requirePrice(payment.token, selector, payment.amount);", "foreign token"),
    _never("payer", BASE, "payment.payer != address(0)", "missing payer"),
    _never("order", BASE, "!isConsumed[payment.orderId]", "order again"),
    _gone("order's mark", BASE, "isConsumed[payment.orderId] = true;", "order again"),
    _never("order id", BASE, "orderId == bytes32(calldataNonce)", "order id mismatch"),
    _never("deadline", BASE, "block.timestamp <= deadline", "expired signature"),
    Mutant("payer's signature", BASE, "require(signed, ", "require(true || signed, ", "forged signature"),
    Mutant("unnamed payment", BASE, "(paymentNonce == payment.orderId\n", "(paymentNonce != 0\n", "swapped payments"),
    _never("amount received", BASE, "received >= held && received - held == payment.amount", "fee-taking token"),
    _never("books", BASE, "left == expected", "unbooked money"),
]
BASE_MUTANTS = [*LISTS, *MONEY, *FRAMES, *ENTRIES, *PAYMENTS]
CALLBACK_MUTANTS = [
    _never("dispatch", PASS, "selector == MINT_TO", "unwritten action"),
    _never("price", PASS, "payment.amount >= PRICE && payment.amount <= MAXIMUM", "price holds"),
    _never("supply", PASS, "minted < SUPPLY", "sold out"),
    _never("hold's payer", ESCROW, "msg.sender == hold.payer, ", "every function"),
    _never("subscription's dispatch", SUBSCRIPTION, "selector == EXTEND_FOR", "unwritten action"),
    _gone("booking", PASS, "_declareRevenue(payment.orderId, payment.token, payment.amount);", "right payments"),
]
