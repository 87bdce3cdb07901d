"""Checks: one order, one payment, one signature (C5, C9, C11), and the chain that takes it back."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from protocol.hashing import keccak
from protocol.typed_data import TRANSFER_TYPE
from scripts.callback_lab.abi import encode_call
from scripts.callback_lab.bench import NOBODY, Bench
from scripts.callback_lab.request import CHOSEN_ENTRIES, EIP3009, ENTRIES, Request, flip, sign

OTHER_CHAIN = 2345
SPENT = ("ERC3009UsedAuthorization", "InvalidNonce")
BAD_PULL = ("ERC3009InvalidSignature", "ECDSAInvalidSignature", "InvalidSigner", "InvalidSignature")
BAD_PULL_S = ("ECDSAInvalidSignatureS", *BAD_PULL)


def order_again(bench: Bench) -> None:
    """The same call again, and the same order with another payment, through every entry."""
    for position, entry in enumerate(bench.working()):
        with bench.node.undone():
            order = f"order-{position}"
            first = bench.request(entry, order)
            bench.accepts(first, "the first payment of an order")
            bench.refuses(first, "OrderConsumed", why="the same call again")
            for other in ENTRIES:
                again = bench.request(other, order)
                if again.is_chosen:
                    again = bench.signed(replace(again, nonce=keccak(b"another payment")))
                bench.refuses(again, "OrderConsumed", why=f"the same order again through {_name(other)}")


def payment_again(bench: Bench) -> None:
    """A spent payment under another order."""
    for entry in bench.working():
        with bench.node.undone():
            first = bench.request(entry)
            bench.accepts(first, "a payment's first use")
            chosen = next(one for one in CHOSEN_ENTRIES if bench.request(one).by_permit2 == first.by_permit2)
            again = bench.signed(replace(bench.request(chosen, "order-2"), nonce=first.nonce))
            bench.refuses(again, *SPENT, why="a spent payment under another order")


def other_chain(bench: Bench) -> None:
    """What payer or money holder signed for another chain."""
    _signed_elsewhere(bench, "another chain", chain_id=OTHER_CHAIN)


def other_contract(bench: Bench) -> None:
    """What payer or money holder signed for another callback."""
    _signed_elsewhere(bench, "another contract", callback=bench.crook.address if bench.crook else NOBODY)


def swapped_payments(bench: Bench) -> None:
    """A choice signed without naming its payment counts only where the order id is the payment's nonce."""
    for entry in CHOSEN_ENTRIES:
        request = bench.signed(replace(bench.request(entry), nonce=keccak(b"another payment")))
        goats = replace(request, choice=sign(request.choice_digest(goats=True), bytes(bench.cast.payer.key)))
        bench.refuses(goats, "PayerSignatureInvalid", why="a choice that does not name the payment it is used with")
        named = bench.request(entry)
        swapped = replace(request, choice=named.choice)
        bench.refuses(swapped, "PayerSignatureInvalid", why="a choice that names another payment")


def forged_signature(bench: Bench) -> None:
    """Somebody else's signature, and the payer's own over anything else."""
    for entry in CHOSEN_ENTRIES:
        right = bench.request(entry)
        forged = replace(right, choice=sign(right.choice_digest(), bytes(bench.cast.stranger.key)))
        bench.refuses(forged, "PayerSignatureInvalid", why="a stranger's signature")
        for what, said in _said_otherwise(bench, right):
            bench.refuses(
                replace(said, choice=right.choice), "PayerSignatureInvalid", why=f"another {what} than signed"
            )


def malleable_signature(bench: Bench) -> None:
    """Other forms of a right signature: mirrored, of zeros, with another v, with one bit changed."""
    for entry in CHOSEN_ENTRIES:
        right = bench.request(entry)
        spoilt = {
            "mirrored (high s)": flip(right.choice),
            "of zeros": bytes(65),
            "with v of 0": right.choice[:64] + b"\0",
            "truncated (s of zeros)": right.choice[:32] + bytes(32) + right.choice[64:],
            "with a bit changed": bytes([right.choice[0] ^ 1]) + right.choice[1:],
        }
        for form, choice in spoilt.items():
            bench.refuses(replace(right, choice=choice), "PayerSignatureInvalid", why=f"a signature {form}")
    pull = bench.request(EIP3009)
    bench.refuses(replace(pull, pull=flip(pull.pull)), *BAD_PULL_S, why="the money holder's signature mirrored")


def expired_signature(bench: Bench) -> None:
    """The payer's signature one second too late."""
    for entry in CHOSEN_ENTRIES:
        late = bench.request(entry, calldata_deadline=bench.node.now() - 1)
        bench.refuses(late, "DeadlinePassed", why="a choice past its deadline")


def order_id_mismatch(bench: Bench) -> None:
    """`orderId` and `calldataNonce` are one value."""
    for entry in CHOSEN_ENTRIES:
        bench.refuses(bench.request(entry, calldata_nonce=7), "OrderIdMismatch", why="two order ids in one request")


def missing_payer(bench: Bench) -> None:
    """Nobody paid."""
    for entry in ENTRIES:
        bench.refuses(bench.request(entry, payer=NOBODY), "PayerMissing", why="a payment of nobody's")


def spent_elsewhere(bench: Bench) -> None:
    """The pull is the callback's alone: nobody else can submit it, and none that others could submit is taken."""
    right = bench.request(EIP3009)
    arguments = (right.holder, bench.address, right.amount, 0, right.valid_before, right.nonce, right.pull)
    for method in ("receiveWithAuthorization", "transferWithAuthorization"):
        call = encode_call(f"{method}(address,address,uint256,uint256,uint256,bytes32,bytes)", *arguments)
        theft = replace(bench.call(bench.cast.stranger.address, "any()"), to=bench.token, data=call)
        bench.refuses(theft, why=f"a stranger's {method}")
    free = sign(right.pull_digest(TRANSFER_TYPE), bytes(bench.cast.holder.key))
    bench.refuses(replace(right, pull=free), *BAD_PULL, why="a pull that anybody could submit")


def reorganisation(bench: Bench) -> None:
    """The chain takes the payment back: nothing of it is left, and it works again exactly once."""
    for entry in bench.working():
        with bench.node.undone():
            request = bench.request(entry)
            before, height = bench.node.storage_hash(bench.address), bench.node.height()
            bench.accepts(request, "a payment")
            bench.node.reorganise(height)
            bench.expect(
                bench.node.storage_hash(bench.address) == before, "the contract remembers a payment that is gone"
            )
            bench.books("after a reorganisation")
            bench.accepts(request, "the same payment after a reorganisation")
            bench.refuses(request, "OrderConsumed", why="the same payment once more")


def _signed_elsewhere(bench: Bench, where: str, **changes: Any) -> None:
    for entry in ENTRIES:
        right = bench.request(entry)
        there = bench.request(entry, **changes)
        bench.refuses(replace(right, pull=there.pull), *BAD_PULL, why=f"a pull signed for {where}")
        if right.is_chosen:
            moved = replace(right, choice=there.choice)
            bench.refuses(moved, "PayerSignatureInvalid", why=f"a choice signed for {where}")


def _said_otherwise(bench: Bench, right: Request) -> Iterator[tuple[str, Request]]:
    """The request with one thing changed that the payer's signature covers, and the money holder's for that."""
    stranger = bench.cast.stranger.address
    changed = {
        "amount": replace(right, amount=bench.bounds[right.action[:4]][1]),
        "action": replace(right, action=right.action + bytes(32)),
        "deadline": replace(right, calldata_deadline=right.calldata_deadline + 1),
        "payer": replace(right, payer=stranger),
        "money holder": replace(right, holder=stranger),
    }
    if changed["amount"].amount == right.amount:
        del changed["amount"]
    yield from changed.items()
    yield "order", right.of_order("order-2")


def _name(entry: str) -> str:
    return entry.partition("(")[0]
