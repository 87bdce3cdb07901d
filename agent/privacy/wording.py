"""The words of a text, and what the lists of names say of each."""

import re
from dataclasses import dataclass

from agent.privacy.folding import fold_word
from agent.privacy.meaning import meaning
from agent.privacy.vocabulary import vocabulary

_WORD = re.compile(r"[sdSD]/[oO](?![^\W_])|[A-Z][a-z]+-[a-z]{2,}(?![^\W_])|[^\W_]+(?:'[^\W\d_]+)*")
_GAP = re.compile(r"[ \t]{1,2}|\.[ ]?|-|_|\+| \\?\"|\\?\" | - | '|")
_LEET = str.maketrans("013457$@", "oleastsa")
_ONE = str.maketrans("1", "i")
_HUMPED = re.compile(r"(?:Ma?c|O'|D'|De|Di|Du|La|Le|Fitz|Van|Von|Ni|Ben|Al|El)[A-Z][a-z]+(?:-[A-Z][a-z]+)?$")
_SHAPED = re.compile("|".join(vocabulary("people")["shapes"]))
_STOPS = frozenset(".!?\n")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is `shown`, folded (`plain`), and what it means: see `Meaning`.

    `gap` says whether only what may stand within a name parts it from the word before, `hyphened` that a hyphen does.
    """

    start: int
    end: int
    shown: str
    plain: str
    gap: bool
    hyphened: bool
    given: bool
    family: bool
    usual: bool
    popular: bool
    common: bool
    ordinary: bool
    english: bool
    place: bool

    @property
    def capital(self) -> bool:
        return self.shown[0].isupper()

    @property
    def caseless(self) -> bool:
        return not self.shown[0].isupper() and not self.shown[0].islower()

    @property
    def initial(self) -> bool:
        return len(self.shown) == 1 and self.capital

    @property
    def strong(self) -> bool:
        """A name, and no other word."""
        return (self.given or self.family) and not self.common

    @property
    def unknown(self) -> bool:
        """Capitalised, and no common word."""
        alike = self.shown[1:].islower() or (self.shown.isupper() and len(self.plain) > 4) or _HUMPED.match(self.shown)
        return self.capital and len(self.plain) > 2 and not self.common and bool(alike)

    @property
    def shaped(self) -> bool:
        """Whether it ends, or begins, as the family names of some people do."""
        return len(self.plain) > 5 and bool(_SHAPED.fullmatch(self.plain))


def _unlisted(plain: str) -> bool:
    means = meaning(plain, False, False)
    return not (means.given or means.family)


def words_of(text: str) -> list[Word]:
    """All of them, in order."""
    found: list[Word] = []
    for match in _WORD.finditer(text):
        shown, start, last = match[0], match.start(), found[-1].end if found else 0
        plain = fold_word(shown).removesuffix("'s")
        if any(one.isdigit() for one in plain) and plain[0].isalpha():
            plain = min(plain.translate(_LEET), plain.translate(_ONE).translate(_LEET), key=_unlisted)
        gap = bool(found) and bool(_GAP.fullmatch(text, last, start))
        hyphened = gap and text[start - 1] == "-" == text[last]
        opens = not found or not _STOPS.isdisjoint(text[last:start])
        means = meaning(plain, opens, shown[0].isupper())
        found.append(Word(start, match.end() - 2 * shown.endswith("'s"), shown, plain, gap, hyphened, *means))
    return found
