"""People's names in scripts without capitals: Han, Hangul, kana, and those where every word is written alike."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from agent.privacy.findings import Finding, Label
from agent.privacy.folding import fold_word
from agent.privacy.names import Names, names
from agent.privacy.vocabulary import vocabulary
from agent.privacy.wording import words_of

_HAN = re.compile(r"[\u4e00-\u9fff\u3005]+(?: ?[\u4e00-\u9fff\u3005]+)?")
_HANGUL = re.compile(r"[\uac00-\ud7a3]{2,8}")
_CASELESS = re.compile(r"[\u0590-\u06ff\u0900-\u0dff\u0e00-\u0e7f\u10a0-\u10ff\u30a0-\u30ff\u3040-\u309f]")
_SAID = vocabulary("eastern")
_MIXED = re.compile(r"(?P<name>[\u4e00-\u9fff]{1,3} ?[\u3041-\u3096\u30a1-\u30fa]{2,5})(?=さん|様|氏|くん|ちゃん)")
_THAI = re.compile(r"(?P<who>คณ|นาย|นางสาว|นาง)(?P<name>(?P<given>[\u0e00-\u0e7f]{2,20}) [\u0e00-\u0e7f]{2,20})")
_YOU = "คณ"
"""Thai, without its marks, for somebody's title and for `you`."""
_NISBA = re.compile(r"\u0627\u0644\w{2,}(?:\u064a|\u0627\u0621?)")
"""Arabic family names of where somebody is from: `al-Mansuri`."""
_OF = ("的", "和", "与", "與", "、", "，")
_FIRST, _SECOND, _NOBODY = _SAID["first"], _SAID["second"], _SAID["nobody"]
_FAMILIES, _AFTER, _BEFORE = _SAID["families"], tuple(_SAID["after"]), tuple(_SAID["before"])


def eastern(text: str, known: Names) -> Iterator[Finding]:
    """Names, family name first, and pairs of listed names."""
    for match in _HAN.finditer(text):
        yield from _han(text, match, known)
    for match in _HANGUL.finditer(text):
        size = _hangul(text, match, known)
        if size:
            yield Finding(match.start(), match.start() + size, Label.NAME)
    for pattern in (_MIXED, _THAI):
        for match in pattern.finditer(text):
            if pattern is _MIXED or not match["who"].startswith(_YOU) or fold_word(match["given"]) in known.given:
                yield Finding(*match.span("name"), Label.NAME)
    if _CASELESS.search(text):
        words = [word for word in words_of(text) if _CASELESS.match(word.shown)]
        for first, second in pairwise(words):
            if (
                second.gap
                and min(len(first.plain), len(second.plain)) > 2
                and (first.given or first.family)
                and (second.given or second.family or _NISBA.fullmatch(second.plain))
            ):
                yield Finding(first.start, second.end, Label.NAME)


def _han(text: str, match: re.Match[str], known: Names) -> Iterator[Finding]:
    run, at = match[0], 0
    while at < len(run):
        start = match.start() + at
        size = next((size for size in (5, 4, 3, 2) if _is_han(run[at : at + size], size, known)), 0)
        size = size or _announced(text, start, match, at)
        if size:
            yield Finding(start, start + size, Label.NAME)
        at += max(size, 1)


def _is_han(word: str, size: int, known: Names) -> bool:
    bare = word.replace(" ", "")
    if len(word) < size or word != word.strip() or bare in _NOBODY:
        return False
    return any(bare[:cut] in known.family and bare[cut:] in known.given for cut in range(1, min(4, len(bare))))


def _announced(text: str, start: int, match: re.Match[str], at: int) -> int:
    """Two or three signs that begin with a family name, alone among other scripts, or said to be a person."""
    family, parted, _ = match[0].partition(" ")
    if at == 0 and parted and (text.startswith(_AFTER, match.end()) or (len(family) > 1 and family in _FAMILIES)):
        return len(match[0])
    if text[start] not in _FAMILIES and text[start : start + 2] not in _FAMILIES:
        return 0
    left = match.end() - start
    if at == 0 and len(match[0]) in (2, 3):
        return len(match[0])
    if at == 0 and text.startswith(_OF, start + 3) and any(one in _signs() for one in text[start + 1 : start + 3]):
        return 3
    said = text[:start].endswith(_BEFORE)
    for size in (3, 2):
        ends = text.startswith(_AFTER, start + size) or (said and (left == size or text.startswith(_OF, start + size)))
        if left >= size and ends:
            return size
    return 2 if said and left > 2 and text[start : start + 2].strip() else 0


@lru_cache(maxsize=1)
def _signs() -> frozenset[str]:
    """Those that given names in Han are written with."""
    return frozenset(sign for name in names().given if _HAN.fullmatch(name) for sign in name)


def _hangul(text: str, match: re.Match[str], known: Names) -> int:
    if match[0].startswith(_AFTER):
        return 0
    for size in (3, 2, 4):
        word = match[0][:size]
        if len(word) == size and any(word[:cut] in known.family and word[cut:] in known.given for cut in (1, 2)):
            return size
    family = match[0][0] in _FAMILIES and match[0][:3] not in _NOBODY
    family = family and match[0][1] in _FIRST and match[0][2:3] in _SECOND
    told = text.startswith(_AFTER, match.start() + 3) or text[match.start() + 3 : match.start() + 5].lstrip() in _AFTER
    return 3 if family and len(match[0]) >= 3 and (len(match[0]) == 3 or told) else 0
