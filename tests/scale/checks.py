"""What buyers know and what the chain shows, held against each other without a word of the marketplace's."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from protocol.hashing import keccak

TRANSFER = "0x" + keccak(b"Transfer(address,address,uint256)").hex()
USED = "0x" + keccak(b"AuthorizationUsed(address,bytes32)").hex()
MINTED = "0x" + keccak(b"PassMinted(bytes32,address,uint256,uint64)").hex()
NOBODY = "0x" + "00" * 20

MIB = 1024 * 1024
GROWTH = 1.2
"""A process that keeps something of every request grows without end; one that is warm varies by a few per cent."""

RawLog = Mapping[str, Any]
"""A log as `eth_getLogs` gives it."""


class Outcome(StrEnum):
    """What a buyer was told of a purchase in the end."""

    DELIVERED = "delivered"
    REFUNDED = "refunded"
    REFUSED = "refused"
    """Answered with fresh terms: nothing may have been charged."""
    NEVER = "never answered"


@dataclass(frozen=True)
class Bought:
    """A signed payment and what came of it; `amount` in atomic units, addresses and `nonce` 0x-hex."""

    order: str
    service: str
    payer: str
    nonce: str
    amount: int
    outcome: Outcome

    @property
    def paid(self) -> bool:
        return self.outcome in (Outcome.DELIVERED, Outcome.REFUNDED)


@dataclass(frozen=True)
class Sent:
    """A chain transaction as the marketplace has it stored."""

    sender: str
    nonce: int
    state: str


def wrong_payments(bought: Sequence[Bought], logs: Iterable[RawLog]) -> list[str]:
    """Sentences about payments that were lost or doubled; `logs` are all of the asset's, from the first block.

    Each paid purchase has one use of its nonce, followed by one Transfer of its amount; beyond those nothing left a
    payer, and what came back to each is what was not delivered.
    """
    ordered = sorted(logs, key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16)))
    uses: dict[tuple[str, str], list[RawLog | None]] = defaultdict(list)
    for log, following in zip(ordered, [*ordered[1:], None], strict=True):
        if log["topics"][0] == USED:
            uses[_address(log["topics"][1]), log["topics"][2].lower()].append(following)
    wrong = [sentence for one in bought for sentence in _wrong_use(one, uses[one.payer.lower(), one.nonce.lower()])]
    return wrong + _wrong_sums(bought, [log for log in ordered if log["topics"][0] == TRANSFER])


def _wrong_use(one: Bought, uses: Sequence[RawLog | None]) -> list[str]:
    if one.outcome is Outcome.NEVER:
        return [f"{one.order} was never answered; its nonce was used {len(uses)} times"]
    if len(uses) != one.paid:
        return [f"{one.order} is {one.outcome} and its nonce was used {len(uses)} times"]
    for following in uses:
        if following is None or _moved(following)[::2] != (one.payer.lower(), one.amount):
            return [f"{one.order}: the Transfer of its nonce is not of {one.amount} by its payer"]
    return []


def _wrong_sums(bought: Sequence[Bought], transfers: Sequence[RawLog]) -> list[str]:
    wanted_out, wanted_back = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for one in bought:
        wanted_out[one.payer.lower(), one.amount] += one.paid
        wanted_back[one.payer.lower(), one.amount] += one.outcome is Outcome.REFUNDED
    payers = {one.payer.lower() for one in bought}
    moved = [_moved(log) for log in transfers]
    out = Counter((sender, amount) for sender, _, amount in moved if sender in payers)
    back = Counter((to, amount) for sender, to, amount in moved if to in payers and sender != NOBODY)
    return [
        f"{payer} {what} {amount} {seen[payer, amount]} times, not {wanted[payer, amount]}"
        for what, seen, wanted in (("paid", out, wanted_out), ("got back", back, wanted_back))
        for payer, amount in sorted(seen.keys() | wanted.keys())
        if seen[payer, amount] != wanted[payer, amount]
    ]


def _moved(log: RawLog) -> tuple[str, str, int]:
    """From, to and amount of a Transfer; of any other log nothing that equals one."""
    if log["topics"][0] != TRANSFER:
        return "", "", -1
    return _address(log["topics"][1]), _address(log["topics"][2]), int(log["data"], 16)


def _address(topic: str) -> str:
    return "0x" + topic[-40:].lower()


def wrong_passes(bought: Sequence[Bought], logs: Mapping[str, Sequence[RawLog]]) -> list[str]:
    """By service the logs of its callback contract: each delivered order minted one pass, and no other did."""
    wrong = []
    for service, own in logs.items():
        minted = Counter(_address(log["topics"][2]) for log in own if log["topics"][0] == MINTED)
        wanted = Counter(
            one.payer.lower() for one in bought if one.service == service and one.outcome is Outcome.DELIVERED
        )
        wrong += [
            f"{payer} got {minted[payer]} of {service}, and {wanted[payer]} were delivered"
            for payer in sorted(minted.keys() | wanted.keys())
            if minted[payer] != wanted[payer]
        ]
        orders = Counter(log["topics"][1] for log in own if log["topics"][0] == MINTED)
        wrong += [f"{order} minted {times} of {service}" for order, times in orders.items() if times > 1]
    return wrong


def wrong_nonces(keys: Iterable[str], sent: Sequence[Sent], counts: Mapping[str, int]) -> list[str]:
    """Each key sent something, without a gap or a collision, and nothing beside what is stored used its nonces.

    `counts`: by address how many transactions the chain has of it.
    """
    wrong = []
    for key in keys:
        own = sorted((one for one in sent if one.sender == key), key=lambda one: one.nonce)
        nonces = [one.nonce for one in own]
        if not nonces:
            wrong.append(f"{key} sent nothing")
            continue
        if nonces != list(range(nonces[0], nonces[0] + len(nonces))):
            wrong.append(f"{key}: its nonces have gaps or come twice: {nonces}")
        if counts[key] != nonces[-1] + 1:
            wrong.append(f"{key} has {counts[key]} transactions on chain, and the last stored nonce is {nonces[-1]}")
        wrong += [f"{key}: nonce {one.nonce} is {one.state}" for one in own if one.state not in ("succeeded",)]
    return wrong


def grown(samples: Sequence[Mapping[str, int]], died: Iterable[str]) -> list[str]:
    """By container its memory in bytes, when everything was warm and later: it may grow by `GROWTH` and no more.

    What died began anew and is not compared.
    """
    first, *later = samples
    return [
        f"{name} held {first[name] / MIB:.0f} MiB, and later {sample[name] / MIB:.0f}"
        for sample in later
        for name in sorted(first.keys() & sample.keys() - set(died))
        if sample[name] > first[name] * GROWTH
    ]
