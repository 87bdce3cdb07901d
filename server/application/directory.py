"""Directory: what is on sale, sorted by its record and found by words, at a cost that hardly grows with the listing."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappush, heappushpop, merge
from itertools import groupby, islice
from operator import itemgetter

from server.application.ranks import Ranked
from server.domain.ranking import rarity, standing_weight
from server.services.service import Service, words_of

COMMON = 64
"""A word is common that one of so many has: there are few such words, however many services there are."""


@dataclass(frozen=True)
class Listed:
    """All services, the highest score first; of equal ones the first of the catalogue. `index` names who has a word."""

    services: Sequence[Service]
    ranked: Ranked
    index: Mapping[str, Collection[str]]
    _bits: dict[str, int] = field(default_factory=dict)
    _turns: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    @cached_property
    def kinds(self) -> Counter[str]:
        """How many there are of each kind."""
        return Counter(service.kind for service in self.services)

    @cached_property
    def first(self) -> Service | None:
        """The cheapest that one command with nothing but a URL buys."""
        plain = [one for one in self.services if one.method == "GET" and not (one.callback or one.metered)]
        return min(plain, key=lambda service: service.amount, default=None)

    def search(self, text: str, most: int) -> list[Service]:
        """Those that share words with a text, what shares most and has the best score first; of equals the cheaper.

        Listings take turns by the weight that they have in any search, so it ends at the first that can reach none of
        the best any more, however many have such words.
        """
        worth = {word: rarity(len(self.services), len(self.index[word])) for word in words_of(text) & self.index.keys()}
        whole, best = sum(worth.values()), list[tuple[int, int]]()
        for turn, found in groupby(merge(*map(self._turns_of, worth)), key=itemgetter(0)):
            weight = self._weighed[turn][0]
            if len(best) == most and best[0][0] >= whole * weight:
                break
            this = weight * sum(worth[word] for _, word in found), -turn
            if len(best) < most:
                heappush(best, this)
            else:
                heappushpop(best, this)
        return [self._weighed[-turn][1] for _, turn in sorted(best, reverse=True)]

    def find(self, text: str, offset: int, most: int) -> tuple[int, list[Service]]:
        """How many have each part of a text somewhere in what is said of them, and `most` of these from `offset` on,
        the highest score first.

        Who has a word is a number with a bit for each place, so that many are combined and counted as fast as few.
        """
        offset, bits = min(offset, len(self.services)), (1 << len(self.services)) - 1
        for run in words_of(text):
            bits &= self._having(run)
        # What is letters and digits alone stands within a word; other parts may go over several.
        unsure = [part for part in text.lower().split() if not (part.isascii() and part.isalnum())]
        if not unsure:
            return bits.bit_count(), [self.services[place] for place in islice(_places(bits), offset, offset + most)]
        found = [self.services[place] for place in _places(bits)]
        for part in unsure:
            found = [one for one in found if part in one.described]
        return len(found), found[offset : offset + most]

    @cached_property
    def _place(self) -> Mapping[str, int]:
        return {service.slug: place for place, service in enumerate(self.services)}

    @cached_property
    def _weighed(self) -> Sequence[tuple[int, Service]]:
        """By turns: the heaviest first, of equals the cheaper."""
        usual = sum(len(one.words) for one in self.services) // max(1, len(self.services))
        weighed = [(standing_weight(len(one.words), usual, self.ranked.score(one)), one) for one in self.services]
        return sorted(weighed, key=lambda pair: (-pair[0], pair[1].amount))

    @cached_property
    def _turn(self) -> Mapping[str, int]:
        return {service.slug: turn for turn, (_, service) in enumerate(self._weighed)}

    def _having(self, run: str) -> int:
        """A bit for each that has a word with these letters. What many have is kept, what few have is marked anew."""
        kept, few = 0, self._no_flags()
        for word in self.index:
            if run not in word:
                continue
            if len(self.index[word]) > len(self.services) // COMMON:
                kept |= self._bits_of(word)
            else:
                self._mark(few, word)
        return kept | int.from_bytes(few, "little")

    def _bits_of(self, word: str) -> int:
        if word not in self._bits:
            flags = self._no_flags()
            self._mark(flags, word)
            self._bits[word] = int.from_bytes(flags, "little")
        return self._bits[word]

    def _no_flags(self) -> bytearray:
        return bytearray(len(self.services) // 8 + 1)

    def _mark(self, flags: bytearray, word: str) -> None:
        for slug in self.index[word]:
            place = self._place[slug]
            flags[place // 8] |= 1 << place % 8

    def _turns_of(self, word: str) -> Sequence[tuple[int, str]]:
        if word not in self._turns:
            self._turns[word] = [(turn, word) for turn in sorted(self._turn[slug] for slug in self.index[word])]
        return self._turns[word]


def _places(bits: int) -> Iterator[int]:
    """Where bits are set, from the lowest on."""
    marks = f"{bits:b}"[::-1]
    place = marks.find("1")
    while place >= 0:
        yield place
        place = marks.find("1", place + 1)


@dataclass
class Directory:
    """What one process has put in order. Only what was changed on sale is read anew."""

    known: tuple[Service, ...] = ()
    index: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    listed: Listed | None = None

    def read(self, services: Mapping[str, Service], ranked: Ranked) -> Listed:
        """Services and records as they are now."""
        now = tuple(services.values())
        changed = self.known != now  # by identity first, so that nothing is compared that stayed
        if changed:
            self._learn(now)
        if changed or self.listed is None or self.listed.ranked is not ranked:
            highest_first = sorted(now, key=ranked.score, reverse=True)
            self.listed = Listed(highest_first, ranked, self.index)
        return self.listed

    def _learn(self, now: tuple[Service, ...]) -> None:
        before, after = {id(one) for one in self.known}, {id(one) for one in now}
        for gone in self.known:
            if id(gone) not in after:
                for word in gone.words:
                    del self.index[word][gone.slug]
                    if not self.index[word]:
                        del self.index[word]
        for new in now:
            if id(new) not in before:
                for word in new.words:
                    self.index[word][new.slug] = None
        self.known = now
