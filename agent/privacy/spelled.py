"""Other readings of a text: digits written as words, words whose letters were pulled apart or turned round."""

import re
from collections.abc import Iterator

from agent.privacy.folding import Piece, View

_DIGITS = {
    word: str(digit)
    for digit, words in enumerate(
        (
            "zero oh null cero zero zéro",
            "one eins uno un um",
            "two zwei zwo dos deux due dois",
            "three drei tres trois tre",
            "four vier cuatro quatre quattro quatro",
            "five funf fuenf cinco cinq cinque",
            "six sechs seis sei",
            "seven sieben siete sept sette sete",
            "eight acht ocho huit otto oito",
            "nine neun nueve neuf nove",
        )
    )
    for word in words.split()
}
_TIMES = {"double": 2, "triple": 3}
_ONE = rf"(?:(?:double|triple)[\s-]+)?(?:{'|'.join(sorted(_DIGITS, key=len, reverse=True))})(?![^\W_])|\d"
_SPOKEN = re.compile(rf"(?<![^\W_])(?:plus[\s-]+)?(?:(?:{_ONE})[\s,.;/_+-]*){{5,}}", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W\d_]+|\d")
_LEAST_WORDS = 3
_SPACED = re.compile(r"(?<![^\s=/:?&\"'(\[,])\S(?: {1,3}\S){4,}(?![^\s&\"'),.;#\]])")
_PARTED = re.compile(r"(?<![^\W_])[^\W\d_](?:([.\-_*|·/~])[^\W\d_])(?:\1[^\W\d_]){2,}(?![^\W_])")
_MIRRORED = re.compile(r"(?<![^\W_])[a-z]{2,}[A-Z](?![^\W_])")
"""`nhoJ`."""


def readings(view: View) -> Iterator[View]:
    """The readings that differ from the text itself."""
    for pattern, write in ((_SPOKEN, _spoken), (_SPACED, _closed), (_PARTED, _closed), (_MIRRORED, _turned)):
        other = view.rewritten(pattern, write)
        if other is not view:
            yield other


def _spoken(match: re.Match[str]) -> list[Piece] | None:
    pieces: list[Piece] = []
    times, words = 1, 0
    for token in _TOKEN.finditer(match[0]):
        word = token[0].lower()
        start, end = match.start() + token.start(), match.start() + token.end()
        if word in _TIMES:
            times = _TIMES[word]
            continue
        words += not word.isdigit()
        digit = "+" if word == "plus" else _DIGITS.get(word, word)
        pieces.append((digit * times, start, end))
        times = 1
    if words < _LEAST_WORDS:
        return None
    end = match.start() + len(match[0].rstrip(" ,.;/_+-\n\t"))
    return pieces if end == match.end() else [*pieces, (" ", end, match.end())]


def _closed(match: re.Match[str]) -> list[Piece]:
    """The letters alone; where they stand further apart, a space."""
    pieces: list[Piece] = []
    for index, character in enumerate(match[0]):
        at = match.start() + index
        if match.re is _PARTED:
            if index % 2 == 0:
                pieces.append((character, at, at + 1))
        elif character != " ":
            pieces.append((character, at, at + 1))
        elif match[0][index + 1] == " " and match[0][index - 1] != " ":
            pieces.append((" ", at, at + 1))
    return pieces


def _turned(match: re.Match[str]) -> list[Piece]:
    """From its end to its beginning; each letter stands for all of the word."""
    return [(character, match.start(), match.end()) for character in reversed(match[0])]
