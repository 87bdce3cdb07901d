"""What a text in English is about: its sentences, the words that count, and the prose of the documentation."""

import re
from collections.abc import Iterator, Sequence

from server.services.library import FUNCTION_WORDS, Section, passages, words_in

_END = re.compile(r"(?<=[.!?])[\"”»)\]]*\s+(?=[A-Z\"“«(`\[])|\n\s*\n")
"""Behind a sentence: a full stop before a capital, or an empty line."""
_PLURAL = re.compile(r"(?<=..[^s])s$")
_NO_PROSE = ("|", "`", "~", "<", "#", "    ")
_MARK = re.compile(r"^(?:[-*+]|[0-9]+\.) ")


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, each on one line."""
    return [" ".join(one.split()) for one in _END.split(text) if one and one.strip()]


def telling(text: str) -> list[str]:
    """Its words in lower case and in the singular, without function words and numbers."""
    return [_PLURAL.sub("", word) for word in words_in(text) if word not in FUNCTION_WORDS and not word.isdigit()]


def length(text: str) -> int:
    """How many words it has, of whatever kind."""
    return len(words_in(text))


def prose(contents: Sequence[Section]) -> Iterator[str]:
    """Paragraphs and items of lists, without tables and code."""
    for section in contents:
        for passage in passages(section):
            if not passage.text.startswith(_NO_PROSE):
                yield _MARK.sub("", passage.text)


def halves(parts: Sequence[str]) -> tuple[list[str], list[str]]:
    """The first, third and so on, which a method is shown; and the others, which measure it."""
    return list(parts[::2]), list(parts[1::2])
