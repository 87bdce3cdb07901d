"""Checks: whose the money is (C12) and whose the contract (C13)."""

from collections.abc import Iterator
from typing import Any

from scripts.callback_lab.abi import encode_call, signature_of, types_of
from scripts.callback_lab.actions import sample
from scripts.callback_lab.bench import Bench
from scripts.callback_lab.node import Transaction
from scripts.callback_lab.request import EIP3009_CHOSEN, ENTRY_NAMES

GIFT = 12_345
YEAR = 366 * 86_400
DOORS = (
    "initialize()", "initialize(address)", "upgradeTo(address)", "upgradeToAndCall(address,bytes)",
    "setOwner(address)", "proxiableUUID()",
)  # fmt: skip
FORBIDDEN = {0xF2: "CALLCODE", 0xF4: "DELEGATECALL", 0xFF: "SELFDESTRUCT"}
_PUSH1, _PUSH32 = 0x60, 0x7F


def unbooked_money(bench: Bench) -> None:
    """On the contract's base, an action that keeps money without booking it, or sends booked money away, is undone."""
    crook = bench.crook or bench
    actions = {
        "keeps the payment unbooked": encode_call("hoard()"),
        "sends booked money away": encode_call("embezzle(address,uint256)", crook.cast.stranger.address, 1),
    }
    for what, action in actions.items():
        request = crook.request(EIP3009_CHOSEN, action=action)
        crook.refuses(request, "BooksOutOfBalance", why=f"an action that {what}")


def gifts(bench: Bench) -> None:
    """What came by mistake disturbs no payment, is nobody's, and becomes revenue by the owner alone."""
    bench.send(bench.cast.stranger.address, bench.token, "mint(address,uint256)", bench.address, GIFT)
    booked = bench.booked()
    for entry in bench.working()[:1]:
        request = bench.request(entry)
        outcome = bench.ask(bench.transaction(request))
        bench.expect(outcome.succeeded, "a gift stops the next payment", bench.transaction(request))
        bench.node.send(bench.transaction(request))
        bench.books("after a payment on top of a gift", GIFT)
        booked = bench.booked()
    bench.by_owner("declareSurplus(address)", bench.token)
    bench.expect(bench.booked() == booked + GIFT, "the gift was not booked")
    bench.by_owner("declareSurplus(address)", bench.token)
    bench.books("after a gift was declared")


def owed_money(bench: Bench) -> None:
    """The owner takes what was earned, to the unit, and of what is owed nothing; also on the contract's base."""
    crook = bench.crook or bench
    crook.accepts(crook.request(EIP3009_CHOSEN, action=encode_call("owe()")), "a payment that is held for somebody")
    _only_revenue(crook)
    for entry in bench.working()[:1]:
        bench.accepts(bench.request(entry, "order-2"), "a payment")
    _only_revenue(bench)


def ownership(bench: Bench) -> None:
    """A stranger's every attempt at what is the owner's, and an owner who cannot be nobody."""
    stranger = bench.cast.stranger.address
    attempts = {
        "listCaller(address,bool)": (stranger, True),
        "listToken(address,bool)": (stranger, True),
        "listPermit2(address,bool)": (stranger, True),
        "listAction(bytes4,(uint128,uint128))": (b"\1\2\3\4", (1, 2)),
        "withdrawRevenue(address,address,uint256)": (bench.token, stranger, 0),
        "declareSurplus(address)": (bench.token,),
        "transferOwnership(address)": (stranger,),
        "acceptOwnership()": (),
        "renounceOwnership()": (),
    }
    for signature, values in attempts.items():
        call = bench.call(stranger, signature, *values)
        bench.refuses(call, "OwnableUnauthorizedAccount", why=f"{signature} by a stranger")
    renounced = bench.call(bench.owner, "renounceOwnership()")
    bench.refuses(renounced, "OwnershipNotRenounceable", why="an owner who leaves nobody")
    bench.by_owner("transferOwnership(address)", stranger)
    bench.expect(bench.read("owner()", "address").lower() == bench.owner.lower(), "ownership passes in one step")
    bench.send(stranger, bench.address, "acceptOwnership()")
    bench.expect(bench.read("owner()", "address").lower() == stranger.lower(), "a new owner cannot take over")


def no_other_code(bench: Bench) -> None:
    """No initialiser, no upgrade, and no opcode that would run somebody else's code or end this one."""
    for signature in DOORS:
        values = [sample(kind) for kind in types_of(signature)]
        bench.refuses(bench.call(bench.owner, signature, *values), why=f"{signature} by the owner")
    found = {FORBIDDEN[op] for op in _opcodes(bench.node.code(bench.address)) if op in FORBIDDEN}
    bench.expect(not found, f"the code has {', '.join(sorted(found))}: it can become another")


def every_function(bench: Bench) -> None:
    """A stranger calls everything, after a payment and a year later: it brings no money, and the books balance."""
    for entry in bench.working()[:1]:
        bench.accepts(bench.request(entry), "a payment")
    for later in (0, YEAR):
        bench.node.travel(later)
        _try_everything(bench)


def _try_everything(bench: Bench) -> None:
    stranger = bench.cast.stranger.address
    before = bench.balance(bench.token, stranger)
    for call in _everything(bench, stranger):
        if not bench.ask(call).succeeded:
            continue
        with bench.node.undone():
            bench.node.send(call)
            what = f"{bench.words.name(call.data)} by a stranger"
            gained = bench.balance(bench.token, stranger) - before
            bench.expect(gained <= 0, f"{what} brings the stranger {gained}", call)
            bench.books(f"after {what}")


def _everything(bench: Bench, sender: str) -> Iterator[Transaction]:
    for entry in bench.abi:
        if entry["type"] != "function" or entry["stateMutability"] in ("view", "pure"):
            continue
        signature = signature_of(entry)
        data = encode_call(signature, *_likely(bench, entry, signature))
        if data[:4] not in ENTRY_NAMES:
            yield Transaction(sender, bench.address, data)


def _likely(bench: Bench, entry: dict[str, Any], signature: str) -> list[Any]:
    """Values that get far: the dollar where a token is asked for, the order that was paid, else samples."""
    known = {"token": bench.token, "orderid": bench.request(next(iter(bench.working()))).named_order}
    names = [item["name"].strip("_").lower() for item in entry["inputs"]]
    return [known.get(name, sample(kind)) for name, kind in zip(names, types_of(signature), strict=True)]


def _only_revenue(bench: Bench) -> None:
    revenue = bench.read("revenue(address)", "uint256", bench.token)
    withdraw = "withdrawRevenue(address,address,uint256)"
    beyond = bench.call(bench.owner, withdraw, bench.token, bench.owner, revenue + 1)
    bench.refuses(beyond, "RevenueTooSmall", why="more revenue than was earned")
    surplus = bench.ask(bench.call(bench.owner, "declareSurplus(address)", bench.token))
    nothing = surplus.succeeded and int.from_bytes(surplus.data, "big") == 0
    bench.expect(nothing, "what is owed or earned counts as a gift")
    bench.by_owner(withdraw, bench.token, bench.owner, revenue)
    bench.expect(
        bench.read("revenue(address)", "uint256", bench.token) == 0, "revenue was paid out and is still booked"
    )
    bench.books("after the revenue was paid out")


def _opcodes(code: bytes) -> Iterator[int]:
    """Those of the code, without pushed data and solc's metadata at the end."""
    end = len(code) - 2 - int.from_bytes(code[-2:], "big")
    position = 0
    while position < (end if end > 0 else len(code)):
        op = code[position]
        yield op
        position += 1 + (op - _PUSH1 + 1 if _PUSH1 <= op <= _PUSH32 else 0)
