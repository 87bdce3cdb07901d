"""Ranking: what is known of a service by what happened, and the one number that listings are sorted by."""

from dataclasses import dataclass
from datetime import timedelta
from math import isqrt, log2

from server.domain.order_status import OrderStatus
from server.domain.reputation import Standing

WINDOW = timedelta(days=30)
"""How far back calls count."""
MOST_VOTES = 3
"""So many calls of one payer count in the score, at most; in the facts that are shown, all do."""
WHOLE = 1000
"""Scores, shares and votes are in thousandths: whole numbers, so that every process sorts alike."""
FAILED = (OrderStatus.FAILED, OrderStatus.REFUNDING, OrderStatus.REFUNDED, OrderStatus.BLOCKED)
"""Where a call stands that came to an end and was not delivered, or not for its money."""
_Z_SQUARED = 3_841_600
"""1.96 squared in millionths: 95 % confidence."""
_FINE = 1000
"""Votes in thousandths times this are votes in millionths."""
_DOUBT = 10
"""Reviews that a service is taken to have had already, all of the middle rating."""
_TYPICAL_MS = 2000
"""Who is so fast has half of what speed can give."""
_TRUST, _RATING, _SPEED, _IDENTITY = 70, 15, 10, 5
"""What each part weighs, of a hundred."""


@dataclass(frozen=True, slots=True)
class Record:
    """A service's calls in the window, by payers who paid for one at least and are not who is paid.

    `votes` are those calls in thousandths, of one payer `MOST_VOTES` at most, and `good` what was delivered of them.
    `p50_ms` is the middle time from the claim (of plain transfers, from the money) to the answer.
    """

    calls: int = 0
    failed: int = 0
    payers: int = 0
    votes: int = 0
    good: int = 0
    p50_ms: int | None = None

    @property
    def success(self) -> int | None:
        """Of a thousand calls that came to an end, how many were delivered."""
        ended = self.calls + self.failed
        return self.calls * WHOLE // ended if ended else None


NO_RECORD = Record()


def score(record: Record, standing: Standing, *, verified: bool) -> int:
    """0 to 1000; what it is made of grows only by money of many payers, and by no word that a provider writes.

    70 % trust: the Wilson lower bound of the share of calls that were delivered. 15 % rating: of checked reviews, as
    many as there were payers, drawn to the middle by ten that are not there (Bayesian average). 10 % speed, as far as
    there is trust. 5 % a verified identity.
    """
    trust = wilson(record.good, record.votes)
    speed = 0 if record.p50_ms is None else trust * _TYPICAL_MS // (_TYPICAL_MS + max(0, record.p50_ms))
    parts = _TRUST * trust + _RATING * _rating(standing, record.payers) + _SPEED * speed
    return (parts + _IDENTITY * WHOLE * verified) // 100


def wilson(good: int, votes: int) -> int:
    """The lower end of the 95 % interval of a share, in thousandths; both votes are in thousandths.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference (JASA 22, 1927), with z = 1.96:
    (s + z²/2 - z √(s (n - s) / n + z²/4)) / (n + z²) for s of n.
    """
    if votes <= 0:
        return 0
    s, n, z2 = good * _FINE, votes * _FINE, _Z_SQUARED
    spread = isqrt(z2 * (s * (n - s) // n) + (z2 // 2) ** 2)
    return max(0, (s + z2 // 2 - spread) * WHOLE // (n + z2))


def _rating(standing: Standing, payers: int) -> int:
    """Reviews beyond one for each payer say nothing new; ratings go from 0 to 100."""
    if standing.rating is None:
        return WHOLE // 2
    counted = min(standing.reviews, payers)
    return (standing.rating * counted + 50 * _DOUBT) * (WHOLE // 100) // (counted + _DOUBT)


def rarity(listed: int, having: int) -> int:
    """What a word of a search is worth that `having` of so many listings have, in thousandths (BM25's idf)."""
    return int(WHOLE * log2(1 + (2 * listed + 1) // (2 * having + 1)))


def standing_weight(words: int, usual: int, points: int) -> int:
    """What each word that a search finds is multiplied by, for a listing of so many different words and that score.

    The length's part is that of Okapi BM25 (Robertson and Zaragoza, 2009) with k₁ = 1.2 and b = 0.75, where every word
    counts once, however often it stands there: a listing that names everything is found by everything, and counts
    little. Of what fits as well, a full score stands three times as high as none.
    """
    usual = max(1, usual)
    return (WHOLE // 2 + points) * WHOLE * 22 * usual // (13 * usual + 9 * max(1, words))
