"""A text as a reader means it: escapes decoded, disguised letters undone, each character with its place of origin."""

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+|\\u[0-9A-Fa-f]{4}|\\[nrt]|&(?:#\d{1,6}|#x[0-9A-Fa-f]{1,5}|[A-Za-z]{2,8});")
_ROUNDS = 4
"""Percent-encoding may be applied to itself; nobody's server decodes more often."""
_SPELLED = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "ı": "i",
    "þ": "th",
    "ð": "d",
    "ɡ": "g",
    "ɑ": "a",
}
_SIGNS = {
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "ʻ": "'",
    "＇": "'",
    "`": "'",
    "。": ".",
    "․": ".",
    "‚": ",",
    "、": ",",
    "＿": "_",
}
_LIKE = str.maketrans(
    "аеорсухіјѕһԁԛԝвкмнтгүοανικρτυχεβηωςցօոսհАВЕКМНОРСТУХІЈЅҮԌԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijshdqwbkmhtryoavikptuxebnwcgonuhABEKMHOPCTYXIJSYGWABEZHIKMNOPTYX",
)
_FOREIGN = re.compile(r"[\u0370-\u058f]")
_LATIN = re.compile(r"[A-Za-z]")
_WORD = re.compile(r"[^\W_]+")

Piece = tuple[str, int, int]
"""New characters, and the stretch that all of them stand for."""


@dataclass(frozen=True, slots=True)
class View:
    """`text`, where character i stands for the code points `starts[i]` to `ends[i]` of the text as it came."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def of(cls, text: str) -> "View":
        return cls(text, range(len(text)), range(1, len(text) + 1))

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the text as it came; of code points that were dropped, only those in between."""
        return self.starts[start], max(self.ends[start:end])

    def rewritten(self, pattern: re.Pattern[str], write: Callable[[re.Match[str]], list[Piece] | None]) -> "View":
        """With the pieces for each match in its place; None leaves it. Itself if nothing was rewritten."""
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        last = 0
        for match in pattern.finditer(self.text):
            pieces = write(match)
            if pieces is None:
                continue
            self._copy(last, match.start(), parts, starts, ends)
            for new, start, end in pieces:
                first, after = self.origin(start, end)
                parts.append(new)
                starts += [first] * len(new)
                ends += [after] * len(new)
            last = match.end()
        if not last:
            return self
        self._copy(last, len(self.text), parts, starts, ends)
        return View("".join(parts), starts, ends)

    def _copy(self, start: int, end: int, parts: list[str], starts: list[int], ends: list[int]) -> None:
        parts.append(self.text[start:end])
        starts += self.starts[start:end]
        ends += self.ends[start:end]


def fold(text: str) -> View:
    """The text without accents, escapes, invisible characters, and letters that only look like others."""
    view = View.of(text)
    for _ in range(_ROUNDS):
        decoded = view.rewritten(_ESCAPES, _decoded)
        if decoded is view:
            break
        view = decoded
    return view if view.text.isascii() else _without_lookalikes(_plain(view))


@lru_cache(maxsize=4096)
def folded(character: str) -> str:
    """One character in plain letters: nothing for an invisible one or a mark."""
    if character in _SIGNS:
        return _SIGNS[character]
    kind = unicodedata.category(character)
    if kind in ("Nd", "Pd", "Zs"):
        return str(unicodedata.decimal(character)) if kind == "Nd" else "-" if kind == "Pd" else " "
    whole = "\uac00" <= character <= "\ud7a3"
    parts = unicodedata.normalize("NFKC" if whole else "NFKD", character)
    if character in "ªº" or character == "\u3164":
        return ""
    plain = "".join(one for one in parts if unicodedata.category(one)[0] != "M" and unicodedata.category(one) != "Cf")
    spelled = "".join(_SPELLED.get(one.lower(), one) for one in plain)
    return spelled.upper() if plain.isupper() and len(plain) == 1 else spelled


def fold_word(word: str) -> str:
    """A single word for looking up: folded, in lower case."""
    return "".join(map(folded, word)).lower() if not word.isascii() else word.lower()


def _decoded(match: re.Match[str]) -> list[Piece] | None:
    found, start = match[0], match.start()
    if found[0] == "\\":
        new = {"n": "\n", "r": "\n", "t": " "}.get(found[1]) or chr(int(found[2:], 16))
        return [(new, start, match.end())]
    if found[0] == "&":
        new = html.unescape(found)
        return None if new == found else [(new, start, match.end())]
    return _percent(bytes.fromhex(found.replace("%", "")), start)


def _percent(octets: bytes, start: int) -> list[Piece] | None:
    """UTF-8, else Latin-1, character by character."""
    try:
        decoded = octets.decode()
    except UnicodeDecodeError:
        return [(chr(octet), start + 3 * index, start + 3 * index + 3) for index, octet in enumerate(octets)]
    pieces, at = [], start
    for character in decoded:
        after = at + 3 * len(character.encode())
        pieces.append((character, at, after))
        at = after
    return pieces


def _plain(view: View) -> View:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, character in enumerate(view.text):
        new = character if character < "\x80" and character != "`" else folded(character)
        if not new and ends and unicodedata.category(character)[0] == "M":
            ends[-1] = view.ends[index]
        parts.append(new)
        starts += [view.starts[index]] * len(new)
        ends += [view.ends[index]] * len(new)
    return View("".join(parts), starts, ends)


def _without_lookalikes(view: View) -> View:
    """Letters of other scripts in Latin words, and words of nothing else in a text without a letter of their script."""
    foreign = _FOREIGN.findall(view.text)
    if not foreign or not _LATIN.search(view.text):
        return view
    disguised = all(character.translate(_LIKE) != character for character in foreign)

    def latin(match: re.Match[str]) -> str:
        word = match[0]
        mixed = _FOREIGN.search(word) and (disguised or _LATIN.search(word))
        return word.translate(_LIKE) if mixed else word

    return View(_WORD.sub(latin, view.text), view.starts, view.ends)
