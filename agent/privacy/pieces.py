"""One thing that was cut into several fields or list entries, and is personal only as a whole."""

import re
from collections.abc import Iterator, Sequence

from agent.privacy import checks
from agent.privacy.fields import Field, lists
from agent.privacy.findings import Finding, Label
from agent.privacy.shapes import cards, mails
from agent.privacy.wording import words_of

_CUT = re.compile(r"[\"'\s,\[\]]+")
_DIGITS = re.compile(r"\d{2,8}")
_MOST = 19


def pieces(text: str, named: Sequence[Field]) -> Iterator[Finding]:
    """Cards in groups, mail addresses in two halves, given and family names."""
    for start, end in lists(text):
        whole = _CUT.sub("", text[start:end])
        found = list(cards(whole))
        if found and found[0].end - found[0].start == len(whole):
            yield Finding(start + 1, end - 1, Label.CARD)
    for at in range(len(named)):
        yield from _card(text, named[at:])
        yield from _mail(text, named[at : at + 2])
        yield from _name(text, named[at : at + 2])


def _card(text: str, named: Sequence[Field]) -> Iterator[Finding]:
    digits = ""
    for count, field in enumerate(named):
        value = text[field.start : field.end].strip()
        if not _DIGITS.fullmatch(value) or len(digits) > _MOST:
            return
        digits += value
        if count and checks.card(digits):
            yield from (Finding(one.start, one.end, Label.CARD) for one in named[: count + 1])
            return


def _mail(text: str, pair: Sequence[Field]) -> Iterator[Finding]:
    """`jane` and `@example.com`, `jane@` and `example.com`, or a user and a domain by their keys."""
    if len(pair) < 2:
        return
    values = [text[field.start : field.end].strip() for field in pair]
    by_key = pair[0].key.lower() in ("user", "local", "login", "mailbox") and pair[1].key.lower() in ("domain", "host")
    glue = "@" if by_key else ""
    whole = glue.join(values)
    cut = by_key or values[0].endswith("@") or values[1].startswith("@")
    if cut and any((one.start, one.end) == (0, len(whole)) for one in mails(whole)):
        yield from (Finding(field.start, field.end, Label.EMAIL) for field in pair)


def _name(text: str, pair: Sequence[Field]) -> Iterator[Finding]:
    """`Jane` and `Roe`, in whichever order."""
    values = [text[field.start : field.end].strip() for field in pair]
    if len(values) < 2 or not all(value.isalpha() and len(value) > 2 for value in values):
        return
    if pair[0].key == pair[1].key and not all(value[0].isupper() for value in values):
        return
    words = [word for value in values for word in words_of(value)]
    listed = any(one.usual and other.family for one, other in (words[:2], words[1::-1]))
    if listed and all(word.strong for word in words):
        yield from (Finding(field.start, field.end, Label.NAME) for field in pair if not field.impersonal)
