"""Checks: what an action may do and what is done to it: failure, reentrancy, gas, return bombs (C3, C6, C7, C8)."""

from protocol.hashing import keccak
from scripts.callback_lab.abi import encode_call
from scripts.callback_lab.bench import Bench
from scripts.callback_lab.request import EIP3009, EIP3009_CHOSEN, ENTRIES, Request
from scripts.callback_lab.tracing import frame_of

LIABILITY = keccak(b"LiabilityRecorded(bytes32,address,uint256)")
PERFORM = "performAction((bytes32,address,address,uint256),bytes)"
ANSWERS = (("gotThrough", "bool"), ("answer", "bytes"))
REENTERED = "ReentrancyGuardReentrantCall"
TINY_GAS = 300
BOMB = 300_000
"""Bytes of error that an action's gas can still buy."""
LONG_ERROR = encode_call("TooLong(uint256,uint256)", 1, 2)
SHORT_ERROR = encode_call("Short(uint256)", 7)
OVERHEAD = 400_000
"""Gas that checks, pull and books may take beside the action."""
SLACK = 20_000


def failing_action(bench: Bench) -> None:
    """An action that runs out of gas reverts everything, or leaves a claim of the whole amount; never silence."""
    bench.set_immutable("ACTION_GAS()", TINY_GAS)
    for entry in bench.working():
        _fails_aloud(bench, bench.request(entry), "ActionFailed", why="an action that runs out of gas")


def failing_base(bench: Bench) -> None:
    """On the contract's base, an action's short error reaches the caller, a long one is cut, both undo everything."""
    crook = bench.crook or bench
    for reason, error in ((SHORT_ERROR, ""), (LONG_ERROR, "ActionFailed"), (b"", "ActionFailed")):
        request = crook.request(EIP3009_CHOSEN, action=encode_call("fail(bytes)", reason))
        seen = crook.refuses(request, *filter(None, [error]), why="an action that fails")
        crook.expect(
            bool(error) or seen == reason,
            "an action's short error does not reach the caller",
            crook.transaction(request),
        )


def reentrancy_by_token(bench: Bench) -> None:
    """In the middle of a pull the token hands in another payment, or has revenue paid out as the owner."""
    calls = {entry.partition("(")[0]: bench.request(entry, "inner", caller=bench.token).calldata() for entry in ENTRIES}
    calls["withdrawRevenue"] = encode_call("withdrawRevenue(address,address,uint256)", bench.token, bench.token, 0)
    order = (keccak(b"inner"), bench.cast.payer.address, bench.token, bench.bounds[bytes(4)][0], b"")
    calls["onPayment"] = encode_call("onPayment(bytes32,address,address,uint256,bytes)", *order)
    calls["declareSurplus"] = encode_call("declareSurplus(address)", bench.token)
    with bench.token_becomes("ReentrantToken"):
        make_owner_and_caller(bench, bench.token)
        for method, data in calls.items():
            with bench.node.undone():
                interrupted(bench, method, data)


def reentrancy_by_action(bench: Bench) -> None:
    """On the contract's base, an action calls back: another payment, or its own frame a second time."""
    crook = bench.crook or bench
    crook.by_owner("listCaller(address,bool)", crook.address, True)
    inner = {entry: crook.request(entry, "inner", caller=crook.address).calldata() for entry in ENTRIES}
    payment = (keccak(b"order-1"), crook.cast.payer.address, crook.token, crook.bounds[crook.action[:4]][0])
    inner[PERFORM] = encode_call(PERFORM, payment, b"")
    for method, data in inner.items():
        action = encode_call("callOut(address,bytes)", crook.address, data)
        with crook.node.undone():
            crook.accepts(crook.request(EIP3009_CHOSEN, action=action), "an action that calls back")
            through = crook.read("callSucceeded()", "bool")
            crook.expect(not through, f"{method.partition('(')[0]} can be entered from within an action")


def frame_closed(bench: Bench) -> None:
    """Nobody runs an action without a payment: not a stranger, not a caller, not the contract itself."""
    payment = (keccak(b"free"), bench.cast.stranger.address, bench.token, bench.bounds[bytes(4)][0])
    for sender in (bench.cast.stranger.address, bench.caller, bench.owner, bench.address):
        for action in (b"", bench.action):
            free = bench.call(sender, PERFORM, payment, action)
            bench.refuses(free, "FrameClosed", why=f"an action without a payment, by {bench.words.address(sender)}")


def starved_action(bench: Bench) -> None:
    """With the least gas that a payment passes with, its action has all of its own; with less, nothing happens."""
    wanted = bench.action_gas()
    for entry in bench.working():
        request = bench.request(entry)
        least = _least_gas(bench, request)
        bench.refuses(request, "ActionGasTooLow", why=f"a payment with {least - 1} gas", gas=least - 1)
        transaction = bench.transaction(request, least)
        frame = frame_of(bench, transaction)
        given = int(frame["gas"], 16) if frame else 0
        bench.expect(given >= wanted, f"the action was given {given} gas of {wanted}", transaction)


def burning_action(bench: Bench) -> None:
    """On the contract's base, an action that burns all it gets burns no more than its own gas."""
    crook = bench.crook or bench
    request = crook.request(EIP3009_CHOSEN, action=encode_call("burnGas()"))
    crook.refuses(request, "ActionFailed", why="an action that burns all gas")
    most = crook.action_gas() + OVERHEAD
    used = _cost(crook, request)
    crook.expect(used <= most, f"it costs {used} gas, where {most} is the most", crook.transaction(request))


def return_bomb(bench: Bench) -> None:
    """On the contract's base, an action's megabyte of error is not copied."""
    crook = bench.crook or bench
    request = crook.request(EIP3009_CHOSEN, action=encode_call("bomb(uint256)", BOMB))
    error = crook.refuses(request, "ActionFailed", why="an action that returns a bomb")
    crook.expect(len(error) <= 100, f"{len(error)} bytes of error came back", crook.transaction(request))
    most = _cost(crook, crook.request(EIP3009_CHOSEN, action=encode_call("burnGas()"))) + SLACK
    used = _cost(crook, request)
    crook.expect(used <= most, f"it costs {used} gas, where {most} is the most", crook.transaction(request))


def bombing_payer(bench: Bench) -> None:
    """A payer whose wallet answers at great length, or burns what it is asked with, stops nobody."""
    for prop in ("ReturnBombWallet", "LongWindedWallet", "GasBurningWallet"):
        wallet = bench.props[prop]
        for entry in ENTRIES:
            request = bench.request(entry, payer=wallet)
            outcome = bench.ask(bench.transaction(request))
            if outcome.succeeded and request.is_chosen and prop != "LongWindedWallet":
                bench.expect(False, f"{prop} signed nothing, and was believed", bench.transaction(request))
            if outcome.succeeded:
                with bench.node.undone():
                    bench.accepts(request, f"a payment of a {prop}")
            else:
                short = len(outcome.data) <= 260
                bench.expect(short, f"{len(outcome.data)} bytes of error came back", bench.transaction(request))


def _fails_aloud(bench: Bench, request: Request, *errors: str, why: str) -> None:
    """Reverts, or has recorded a liability of the whole amount for the order."""
    transaction = bench.transaction(request)
    if not bench.ask(transaction).succeeded:
        bench.refuses(request, *errors, why=why)
        return
    with bench.node.undone():
        mined = bench.node.send(transaction)
        claims = [log for log in mined.logs if log.topics[:2] == (LIABILITY, request.named_order)]
        owed = sum(int.from_bytes(log.data, "big") for log in claims)
        bench.expect(
            owed == request.amount, f"{why}: the payment was taken in silence, with no claim left", transaction
        )


def make_owner_and_caller(bench: Bench, who: str) -> None:
    """So that nothing but the guard stands in its way."""
    bench.by_owner("listCaller(address,bool)", who, True)
    bench.by_owner("listExecutor(address,bool)", who, True)
    bench.by_owner("transferOwnership(address)", who)
    bench.send(who, bench.address, "acceptOwnership()")


def interrupted(bench: Bench, method: str, data: bytes) -> None:
    """A payment in the middle of which the token makes this call."""
    bench.send(bench.cast.stranger.address, bench.token, "arm(address,bytes)", bench.address, data)
    entry = EIP3009 if bench.runs_base else EIP3009_CHOSEN
    transaction = bench.transaction(bench.request(entry))
    mined = bench.node.send(transaction)
    bench.expect(mined.succeeded, f"{method} in the middle of a pull spoils the payment", transaction)
    through, answer = (bench.read(f"{name}()", kind, at=bench.token) for name, kind in ANSWERS)
    bench.expect(not through, f"{method} can be entered in the middle of a pull")
    said = bench.words.words(answer)
    bench.expect(bench.words.name(answer) == REENTERED, f"{method} in the middle of a pull: {said}, not {REENTERED}")
    bench.books(f"after {method} in the middle of a pull")


def _least_gas(bench: Bench, request: Request) -> int:
    """The smallest gas limit that the payment passes with."""
    low, high = 21_000, bench.action_gas() + 2_000_000
    while high - low > 1:
        middle = (low + high) // 2
        if bench.ask(bench.transaction(request, middle)).succeeded:
            high = middle
        else:
            low = middle
    return high


def _cost(bench: Bench, request: Request) -> int:
    """Gas that a payment takes, whether or not it fails; it is undone."""
    with bench.node.undone():
        return bench.node.send(bench.transaction(request)).gas_used
