"""Checks: who hands in, what pays, which action, for how much (C1, C2, C4)."""

from dataclasses import replace

from scripts.callback_lab.abi import encode_call, selector
from scripts.callback_lab.bench import BASE_ACTION, Bench
from scripts.callback_lab.request import CHOSEN_ENTRIES, ENTRIES, PERMIT2, PERMIT2_CHOSEN, Request, sign

UNLISTED = encode_call("unlistedAction(address)", "0x" + "11" * 20)
NEW = encode_call("actionThatNobodyWrote()")
LIST_ACTION = "listAction(bytes4,(uint128,uint128))"


def right_payments(bench: Bench) -> None:
    """Each entry, one after the other: money, event, books."""
    for position, entry in enumerate(bench.working()):
        bench.accepts(bench.request(entry, f"order-{position}"), f"a right payment through {_name(entry)}")


def goats_choice(bench: Bench) -> None:
    """A payer may also sign GOAT's own struct, where the order id is the payment's nonce."""
    for entry in CHOSEN_ENTRIES:
        request = bench.request(entry)
        goats = replace(request, choice=_sign_goats(bench, request))
        if bench.runs_actions:
            with bench.node.undone():
                bench.accepts(goats, "an action signed in GOAT's form")
        else:
            outcome = bench.ask(bench.transaction(goats))
            signed = outcome.succeeded or bench.words.name(outcome.data) != "PayerSignatureInvalid"
            bench.expect(signed, "a choice signed in GOAT's form counts as unsigned", bench.transaction(goats))


def wrong_caller(bench: Bench) -> None:
    """Nobody but a listed caller, not even payer and owner; one struck off no more."""
    strangers = {bench.cast.stranger.address, bench.cast.payer.address, bench.owner, bench.address} - {bench.caller}
    for entry in ENTRIES:
        for caller in sorted(strangers):
            request = bench.request(entry, caller=caller)
            bench.refuses(request, "CallerNotListed", why=f"{_name(entry)} by {bench.words.address(caller)}")
    bench.by_owner("listCaller(address,bool)", bench.caller, False)
    for entry in ENTRIES:
        bench.refuses(bench.request(entry), "CallerNotListed", why=f"{_name(entry)} by a caller struck off")


def foreign_token(bench: Bench) -> None:
    """A dollar of the same name at another address, and the listed one struck off."""
    foreign = bench.props["ForeignUSD"]
    bench.send(bench.owner, foreign, "mint(address,uint256)", bench.cast.holder.address, 10**15)
    for entry in ENTRIES:
        request = bench.request(entry, token=foreign)
        bench.refuses(request, "TokenNotListed", why=f"{_name(entry)} in a foreign token")
    bench.by_owner("listToken(address,bool)", bench.token, False)
    for entry in ENTRIES:
        bench.refuses(bench.request(entry), "TokenNotListed", why=f"{_name(entry)} in a token struck off")


def foreign_permit2(bench: Bench) -> None:
    """A Permit2 that nobody listed, honest or not."""
    for entry in (PERMIT2, PERMIT2_CHOSEN):
        for foreign in (bench.props["FalseReturningToken"], bench.cast.stranger.address):
            request = bench.request(entry, permit2=foreign)
            bench.refuses(request, "Permit2NotListed", why=f"{_name(entry)} by a foreign Permit2")


def lying_permit2(bench: Bench) -> None:
    """One that says yes and moves nothing, listed by mistake: the balance tells."""
    liar = bench.props["FalseReturningToken"]
    bench.by_owner("listPermit2(address,bool)", liar, True)
    for entry in (PERMIT2, PERMIT2_CHOSEN):
        bench.refuses(bench.request(entry, permit2=liar), "AmountNotReceived", why="a Permit2 that moves nothing")


def fee_taking_token(bench: Bench) -> None:
    """The listed token begins to keep one percent."""
    _hostile_token(bench, "FeeTakingToken", ENTRIES)


def false_returning_token(bench: Bench) -> None:
    """The listed token begins to answer false where it should revert."""
    _hostile_token(bench, "FalseReturningToken", (ENTRIES[0], ENTRIES[2]))


def look_alike_token(bench: Bench) -> None:
    """The listed token begins to log transfers that it does not make."""
    _hostile_token(bench, "LookAlikeToken", ENTRIES)


def unlisted_selector(bench: Bench) -> None:
    """What nobody listed, for any amount, nothing included; what was struck off."""
    for entry in CHOSEN_ENTRIES:
        for amount in (bench.bounds[bench.action[:4]][0], 0):
            request = bench.request(entry, action=UNLISTED, amount=amount)
            bench.refuses(request, "ActionNotListed", why=f"an unlisted action for {amount}")
    for one in (BASE_ACTION, bench.action[:4]):
        bench.by_owner(LIST_ACTION, one, (0, 0))
    for entry in ENTRIES:
        bench.refuses(bench.request(entry), "ActionNotListed", why=f"{_name(entry)} of an action struck off")


def unwritten_action(bench: Bench) -> None:
    """A selector on the owner's list that the contract has no action for: the dispatch refuses it."""
    with bench.list_action(NEW[:4]):
        for entry in CHOSEN_ENTRIES:
            bench.refuses(bench.request(entry, action=NEW), "ActionNotListed", why="an action that nobody wrote")


def base_action_by_calldata(bench: Bench) -> None:
    """Calldata that names the base action, also to a contract that would take it for an action."""
    for one in filter(None, (bench, bench.crook)):
        for entry in CHOSEN_ENTRIES:
            request = one.request(entry, action=BASE_ACTION)
            one.refuses(request, "ActionNotListed", why="calldata that names the base action")


def short_calldata(bench: Bench) -> None:
    """Calldata without room for a selector."""
    for entry in CHOSEN_ENTRIES:
        for length in range(4):
            request = bench.request(entry, action=bench.action[:length])
            bench.refuses(request, "CalldataTooShort", why=f"calldata of {length} bytes")


def amount_out_of_bounds(bench: Bench) -> None:
    """One unit below, one above, nothing at all."""
    for entry in ENTRIES:
        least, most = bench.bounds[bench.action[:4] if entry in CHOSEN_ENTRIES else BASE_ACTION]
        for amount in {0, least - 1, most + 1}:
            request = bench.request(entry, amount=amount)
            bench.refuses(request, "AmountOutOfBounds", why=f"{amount}, where {least} to {most} is the price")


def bounds_that_are_none(bench: Bench) -> None:
    """Bounds that would let nothing cost something, or no amount fit."""
    for bounds in ((0, 5), (5, 1), (1, 0)):
        call = bench.call(bench.owner, LIST_ACTION, selector("any()"), bounds)
        bench.refuses(call, "BoundsInvalid", why=f"bounds of {bounds}")


def _hostile_token(bench: Bench, prop: str, entries: tuple[str, ...]) -> None:
    with bench.token_becomes(prop):
        for entry in entries:
            bench.refuses(bench.request(entry), "AmountNotReceived", why=f"{_name(entry)} in a {prop}")


def _sign_goats(bench: Bench, request: Request) -> bytes:
    return sign(request.choice_digest(goats=True), bytes(bench.cast.payer.key))


def _name(entry: str) -> str:
    return entry.partition("(")[0]
