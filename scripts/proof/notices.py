"""Who must notice that a guard is missing: a check of the callback lab, or suites of forge for what is no callback."""

from collections.abc import Mapping
from typing import NamedTuple


class Check(NamedTuple):
    """A check of the callback lab, by its name; `shown_by` is the callback it is tried on, if not the usual one."""

    name: str
    shown_by: str = ""


class Suites(NamedTuple):
    """Forge's suites in the files that match below `tests/contracts/forge`; one test of theirs must fail."""

    files: str


class Doubled(NamedTuple):
    """Nobody can notice: the reason, which says what else stands in the way. Without both, somebody does."""

    reason: str


Notice = Check | Suites | Doubled
LOCK, OWNER = Check("reentrancy by token"), Check("ownership")
CALLER, EXECUTOR = Check("wrong caller"), Check("wrong executor")
TOKEN, PERMIT2 = Check("foreign token"), Check("foreign Permit2")
FORGED, BOUNDS = Check("forged signature"), Check("amount out of bounds")
UNDERFLOW = Doubled("the subtraction beside it reverts where the balance fell")

BASE: Mapping[str, Mapping[str, Notice]] = {
    "X402Callback.x402SpentEip3009": {"nonReentrant": LOCK, "_requireCaller": CALLER, "_check": TOKEN},
    "X402Callback.x402SpentPermit2": {
        "nonReentrant": LOCK,
        "_requireCaller": CALLER,
        "_check": TOKEN,
        "_requirePermit2": PERMIT2,
    },
    "X402Callback.x402SpentEip3009WithCalldata": {
        "nonReentrant": LOCK,
        "_requireCaller": CALLER,
        "_check": TOKEN,
        "_requireSigned": FORGED,
    },
    "X402Callback.x402SpentPermit2WithCalldata": {
        "nonReentrant": LOCK,
        "_requireCaller": CALLER,
        "_check": TOKEN,
        "_requirePermit2": PERMIT2,
        "_requireSigned": FORGED,
    },
    "X402Callback.onPayment": {
        "nonReentrant": LOCK,
        "_requireExecutor": EXECUTOR,
        "_check": Check("lying executor"),
    },
    "X402Callback._onCalldata": {
        "revert ActionNotListed(selector)": Check("unwritten action", "contracts/callbacks/StakingVault.sol"),
    },
    "X402Callback._check": {
        "_requirePrice": TOKEN,
        "payment.payer != address(0)": Check("missing payer"),
        "!isConsumed[payment.orderId]": Check("order again"),
    },
    "X402Callback._consume": {"isConsumed[payment.orderId] = true": Check("order again")},
    "X402Callback._choice": {
        "orderId == bytes32(calldataNonce)": Check("order id mismatch"),
        "block.timestamp <= deadline": Check("expired signature"),
    },
    "X402Callback._requireSigned": {"signed": FORGED},
    "X402Callback._perform": {
        "received >= held && received - held == payment.amount": Check("fee-taking token"),
        "received >= held": UNDERFLOW,
        "received - held == payment.amount": Check("fee-taking token"),
        "left == expected": Check("unbooked money"),
    },
    "ActionFrame.performAction": {
        "msg.sender == address(this) && _entering": Check("frame closed"),
        "msg.sender == address(this)": Doubled("_entering is set for nothing but the contract's own call"),
        "_entering": Check("frame closed"),
        "_entering = false": Check("reentrancy by action"),
    },
    "ActionFrame._runAction": {"_entering = true": Check("right payments")},
    "BoundedCall._callBounded": {
        "gasleft() >= required": Check("starved action"),
        "if (!succeeded)": Check("failing action"),
    },
    "BoundedCall._revertWithReason": {"revert ActionFailed(orderId, reason)": Check("failing action, base")},
    "OneTokenCallback._act": {"payment.token == TOKEN": Check("other token")},
    "PaymentBooks.withdrawRevenue": {
        "onlyOwner": OWNER,
        "nonReentrant": LOCK,
        "amount <= available": Check("owed money"),
    },
    "PaymentBooks.declareSurplus": {"onlyOwner": OWNER, "nonReentrant": LOCK},
    "PaymentGuard.listCaller": {"onlyOwner": OWNER},
    "PaymentGuard.listExecutor": {"onlyOwner": EXECUTOR},
    "PaymentGuard.listToken": {"onlyOwner": OWNER},
    "PaymentGuard.listPermit2": {"onlyOwner": OWNER},
    "PaymentGuard.listAction": {"onlyOwner": OWNER},
    "PaymentGuard._requireCaller": {"isCaller[msg.sender]": CALLER},
    "PaymentGuard._requireExecutor": {"isExecutor[msg.sender]": EXECUTOR},
    "PaymentGuard._requirePermit2": {"isPermit2[permit2]": PERMIT2},
    "PaymentGuard._requirePrice": {
        "isToken[token]": TOKEN,
        "bounds.maximum != 0": Check("unlisted selector"),
        "amount >= bounds.minimum && amount <= bounds.maximum": BOUNDS,
        "amount >= bounds.minimum": BOUNDS,
        "amount <= bounds.maximum": BOUNDS,
    },
    "PaymentGuard._selectorOf": {
        "action.length >= 4": Check("short calldata"),
        "selector != BASE_ACTION": Check("base action by calldata"),
    },
    "PaymentGuard._listAction": {
        "struckOff || (bounds.minimum != 0 && bounds.minimum <= bounds.maximum)": Check("bounds that are none"),
        "bounds.minimum != 0": Check("bounds that are none"),
        "bounds.minimum <= bounds.maximum": Check("bounds that are none"),
    },
    "TwoStepOwner.renounceOwnership": {"onlyOwner": OWNER, "revert OwnershipNotRenounceable()": OWNER},
}

PRICE, LOCKED, HOLD = Check("price holds"), Check("locked"), Check("whose hold")
ESCROW, SPLIT = Suites("callbacks/EscrowRelease*"), Suites("callbacks/RevenueSplit*")
TERMS, BOUGHT = Suites("callbacks/Subscription*"), Check("something bought")
CALLBACKS: Mapping[str, Mapping[str, Notice]] = {
    "AccessPass._onCalldata": {"selector == MINT_TO": Check("unwritten action")},
    "AccessPass._mintPass": {
        "payment.amount >= PRICE && payment.amount <= MAXIMUM": PRICE,
        "payment.amount >= PRICE": PRICE,
        "payment.amount <= MAXIMUM": PRICE,
        "minted < SUPPLY": Check("sold out"),
    },
    "EscrowRelease.constructor": {
        "arbiter != address(0) && period != 0": ESCROW,
        "arbiter != address(0)": ESCROW,
        "period != 0": ESCROW,
    },
    "EscrowRelease.release": {
        "nonReentrant": LOCKED,
        "msg.sender == hold.payer || (msg.sender == ARBITER && block.timestamp < hold.deadline)": HOLD,
        "msg.sender == ARBITER": HOLD,
        "block.timestamp < hold.deadline": HOLD,
    },
    "EscrowRelease.giveBack": {"nonReentrant": LOCKED, "msg.sender == ARBITER || msg.sender == owner()": HOLD},
    "EscrowRelease.reclaim": {
        "nonReentrant": LOCKED,
        "msg.sender == hold.payer": HOLD,
        "block.timestamp >= hold.deadline": HOLD,
    },
    "EscrowRelease._take": {"hold.payer != address(0)": HOLD, "delete holds[orderId]": HOLD},
    "RevenueSplit.constructor": {
        "rest != address(0) && shares_.length <= MOST_SHARES": SPLIT,
        "rest != address(0)": SPLIT,
        "shares_.length <= MOST_SHARES": SPLIT,
        "shares_[i].party != address(0) && shares_[i].basisPoints != 0": SPLIT,
        "shares_[i].party != address(0)": SPLIT,
        "shares_[i].basisPoints != 0": SPLIT,
        "sum <= WHOLE": SPLIT,
    },
    "RevenueSplit.withdraw": {
        "nonReentrant": LOCKED,
        "amount != 0": Check("owed once"),
        "owed[msg.sender] = 0": Check("owed once"),
    },
    "StakingVault.unstake": {
        "nonReentrant": LOCKED,
        "stake.holder == msg.sender": Check("own stake"),
        "delete stakes[orderId]": Check("own stake"),
    },
    "Subscription.constructor": {"price != 0 && period != 0": TERMS, "price != 0": TERMS, "period != 0": TERMS},
    "Subscription._onCalldata": {"selector == EXTEND_FOR": Check("unwritten action")},
    "Subscription._extend": {
        "bought != 0 && subscriber != address(0)": BOUGHT,
        "bought != 0": BOUGHT,
        "subscriber != address(0)": BOUGHT,
    },
}

BATCH, ANCHOR, WALLET = Suites("settler/BatchSettler*"), Suites("anchor/W11*"), Suites("settler/F2*")
AGENTS, SAID = Suites("erc8004/IdentityRegistry*"), Suites("erc8004/ReputationRegistry*")
EXACT, UPTO = Suites("x402/ExactPermit2Proxy*"), Suites("x402/UptoPermit2Proxy*")
REENTERED, RECEIVED = Suites("executor/C6*"), Suites("executor/C4*")
OTHERS: Mapping[str, Mapping[str, Notice]] = {
    "BatchSettler.settleItem": {
        "msg.sender == address(this)": BATCH,
        "LowLevelCall.callNoReturn(token, _transferCall(item))": BATCH,
        "balance - before == value": BATCH,
    },
    "BatchSettler._trySettle": {"gasleft() >= required": BATCH},
    "BatchSettler._itemAt": {"length <= item.length": BATCH},
    "DelegateExecutor.listTarget": {"onlyOwner": Suites("executor/C13*")},
    "DelegateExecutor.executeEip3009": {"nonReentrant": REENTERED},
    "DelegateExecutor.executeEip3009Bytes": {"nonReentrant": REENTERED},
    "DelegateExecutor.executePermit2": {"nonReentrant": REENTERED},
    "DelegateExecutor.collect": {"msg.sender == _target": Suites("executor/C1_*"), "_target = address(0)": RECEIVED},
    "DelegateExecutor._begin": {
        "gasOf[payment.target] != 0": Suites("executor/C1_*"),
        "payment.orderId == orderId": Suites("executor/C5*"),
    },
    "DelegateExecutor._finish": {
        "received >= held && received - held == payment.amount": RECEIVED,
        "received >= held": UNDERFLOW,
        "received - held == payment.amount": RECEIVED,
        "left == held": RECEIVED,
    },
    "ProofAnchor.anchor": {
        "from == own.next": ANCHOR,
        "from <= to": ANCHOR,
        "to < type(uint128).max": ANCHOR,
        "root != 0": ANCHOR,
    },
    "WalletSettler.settle": {"payment.from.code.length != 0": WALLET},
    "IdentityRegistry.setAgentURI": {"_requireAuthorized": AGENTS},
    "IdentityRegistry.setMetadata": {"_requireAuthorized": AGENTS},
    "IdentityRegistry.setAgentWallet": {
        "_requireAuthorized": AGENTS,
        "newWallet != address(0)": AGENTS,
        "block.timestamp <= deadline && deadline <= block.timestamp + MAX_DEADLINE_DELAY": AGENTS,
        "block.timestamp <= deadline": AGENTS,
        "deadline <= block.timestamp + MAX_DEADLINE_DELAY": AGENTS,
        "SignatureChecker.isValidSignatureNowCalldata(newWallet, _hashTypedDataV4(consent), signature)": AGENTS,
    },
    "IdentityRegistry.unsetAgentWallet": {"_requireAuthorized": AGENTS},
    "IdentityRegistry._setMetadata": {"keccak256(bytes(key)) != WALLET_KEY": AGENTS},
    "IdentityRegistry._requireAuthorized": {"isAuthorizedOrOwner(msg.sender, agentId)": AGENTS},
    "ReputationRegistry.giveFeedback": {
        "valueDecimals <= MAX_DECIMALS": SAID,
        "value >= -MAX_VALUE && value <= MAX_VALUE": SAID,
        "value >= -MAX_VALUE": SAID,
        "value <= MAX_VALUE": SAID,
        "!_IDENTITIES.isAuthorizedOrOwner(msg.sender, agentId)": SAID,
    },
    "ReputationRegistry.revokeFeedback": {"!found.isRevoked": SAID, "found.isRevoked = true": SAID},
    "ReputationRegistry.getSummary": {"clientAddresses.length != 0": SAID, "_add": SAID},
    "ReputationRegistry._at": {
        "index != 0 && index <= said.length": SAID,
        "index != 0": SAID,
        "index <= said.length": SAID,
    },
    "ExactPermit2Proxy.settle": {"nonReentrant": EXACT},
    "ExactPermit2Proxy.settleWithPermit": {"nonReentrant": EXACT},
    "Permit2Proxy._approvePermit2": {"p.value == permitted.amount": EXACT},
    "Permit2Proxy._transfer": {
        "to != address(0)": EXACT,
        "owner != address(0)": EXACT,
        "block.timestamp >= validAfter": EXACT,
    },
    "UptoPermit2Proxy.settle": {"nonReentrant": UPTO},
    "UptoPermit2Proxy.settleWithPermit": {"nonReentrant": UPTO},
    "UptoPermit2Proxy._settle": {
        "amount <= permit.permitted.amount": UPTO,
        "msg.sender == witness.facilitator": UPTO,
    },
}
NOTICED: Mapping[str, Notice] = {
    f"{place}: {text}": notice
    for part in (BASE, CALLBACKS, OTHERS)
    for place, row in part.items()
    for text, notice in row.items()
}
"""By the guard's name."""
