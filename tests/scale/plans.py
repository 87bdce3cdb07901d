"""What a seed makes of a run: who buys what, and which containers die when."""

import random
from dataclasses import dataclass

REPLICAS = {"server": 3, "facilitator": 2, "worker": 3}
SERVICES = {"market-signal": "DIRECT", "access-pass": "DELEGATE", "launch-pass": "DELEGATE"}
"""Of the launch pass there is one: everybody but its first payer is refunded."""
SHARES = (6, 3, 1)
"""Of ten purchases, how many are of each service."""


@dataclass(frozen=True)
class Kill:
    """A container of a kind (`index` from 1) dies when `at` purchases are answered, and is started at `back`."""

    kind: str
    index: int
    at: int
    back: int

    def __str__(self) -> str:
        return f"{self.kind} {self.index}"


@dataclass(frozen=True)
class Plan:
    """`wishes`: for each payer the services that it buys, one after the other."""

    seed: int
    wishes: tuple[tuple[str, ...], ...]
    kills: tuple[Kill, ...]

    @property
    def purchases(self) -> int:
        """How many, over all payers."""
        return sum(map(len, self.wishes))

    @property
    def in_turn(self) -> list[str]:
        """Every service that is bought: the first wish of each payer, then the second of each."""
        return [self.wishes[turn % len(self.wishes)][turn // len(self.wishes)] for turn in range(self.purchases)]


def plan(seed: int, purchases: int, payers: int, rounds: int = 1) -> Plan:
    """Each round kills one of each kind, in an order of chance; no two are down at once.

    Raises ValueError for fewer purchases than payers, or too few between two kills.
    """
    chance = random.Random(seed)
    services = chance.choices(tuple(SERVICES), weights=SHARES, k=purchases)
    kinds = [kind for _ in range(rounds) for kind in chance.sample(tuple(REPLICAS), len(REPLICAS))]
    span = purchases // (len(kinds) + 1)
    if purchases < payers or span < 4:
        raise ValueError(f"{purchases} purchases are too few for {payers} payers and {len(kinds)} kills")
    kills = [
        Kill(kind, chance.randint(1, REPLICAS[kind]), *_when(chance, number * span, span))
        for number, kind in enumerate(kinds)
    ]
    return Plan(seed, tuple(tuple(services[payer::payers]) for payer in range(payers)), tuple(kills))


def _when(chance: random.Random, begin: int, span: int) -> tuple[int, int]:
    """Death in the second half of a span, return in the first half of the next one."""
    return begin + chance.randrange(span // 2, span), begin + span + chance.randrange(span // 2)
