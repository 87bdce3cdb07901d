"""One text, all detectors: every reading of it is scanned, and what is found is given at its place in the text."""

import re
import threading
from collections.abc import Iterator

from agent.privacy import encoded, fields, keys, numbers, people, pieces, shapes, streets
from agent.privacy.fields import Field
from agent.privacy.findings import Finding, Label, settled
from agent.privacy.folding import View, fold
from agent.privacy.spelled import readings

_MOST, _LONGEST = 512, 2_000
"""Texts that are remembered, and characters of each."""
_CLEAN: dict[str, None] = {}
_LOCK = threading.Lock()
_DEPTH = 3
"""How deep a text may lie within encoded texts."""
_AHEAD = 30
"""How many characters before an encoded text may say what it is."""
_NUMBER = re.compile(r"(?<![\w+])\+?\d{8,15}(?!\w)")
"""Who writes so many digits as words hides a number that is called."""
_LISTED = re.compile(r"[;|&]|\band\b")
_PLUS = re.compile(r"(?<=[\w%.])\+(?=[\w(%])(?![\w.-]+@)|(?<=,)\+(?=[^\W\d])")
_QUERY = re.compile(r"^[a-z][a-z0-9+.-]*://|^/|\?\w+=")
_HASHES = re.compile(r"(?<![0-9A-Za-z])(?:0x[0-9a-fA-F]{32,}|[0-9a-fA-F]{64,})(?![0-9A-Za-z])")
_UUID = re.compile(r"(?<![\w-])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![\w-])")


def scan(text: str) -> list[Finding]:
    """Personal data and secrets in a text, in order and without overlaps.

    Of the last short texts in which there was nothing it is remembered: a request and what its seller says of it are
    looked at several times. What is personal is not kept.
    """
    if text in _CLEAN:
        return []
    found = settled(_scan(text, 0))
    if not found and len(text) <= _LONGEST:
        with _LOCK:
            _CLEAN[text] = None
            if len(_CLEAN) > _MOST:
                del _CLEAN[next(iter(_CLEAN))]
    return found


def redact(text: str) -> str:
    """The text with `[NAME]`, `[EMAIL]` and so on in place of what was found."""
    return replaced(text, scan(text))


def replaced(text: str, found: list[Finding]) -> str:
    """The text with the findings' labels in their places."""
    for one in reversed(found):
        text = f"{text[: one.start]}[{one.label}]{text[one.end :]}"
    return text


def _scan(text: str, depth: int) -> Iterator[Finding]:
    folded = view = fold(text)
    if _QUERY.search(view.text):
        view = view.rewritten(_PLUS, lambda match: [(" ", match.start(), match.end())])
    yield from _placed(view, _plain(view))
    for other in readings(view):
        yield from _placed(other, _in_reading(other))
    if depth < _DEPTH:
        for start, end, said in encoded.hidden(folded):
            ahead = folded.text[max(start - _AHEAD, 0) : start]
            inner = [one for one in settled(_scan(ahead + said, depth + 1)) if one.end > len(ahead)]
            if inner:
                longest = max(inner, key=lambda one: one.end - one.start)
                yield Finding(*folded.origin(start, end), longest.label)


def _placed(view: View, found: Iterator[Finding]) -> Iterator[Finding]:
    for one in found:
        yield Finding(*view.origin(one.start, one.end), one.label)


def _plain(view: View) -> Iterator[Finding]:
    text = view.text
    named = fields.fields(text)
    yield from fields.told(view, named)
    yield from keys.keys(text)
    public = _without_public(text)
    yield from _shaped(public)
    yield from _people(public, named)
    yield from pieces.pieces(text, named)


def _people(text: str, named: list[Field]) -> Iterator[Finding]:
    """Names in running text and in fields; a single word that is all of a field must be a person's by its key."""
    found = list(people.people(text))
    whole = {(field.start, field.end): at for at, field in enumerate(named)}
    names = {(one.start, one.end) for one in found}
    for one in found:
        field = next((field for field in named if field.start <= one.start < field.end), None)
        at = whole.get((one.start, one.end))
        shown = text[one.start : one.end]
        alone = at is not None and shown.isalpha() and shown[1:].islower() and text[one.start - 1 : one.start] == '"'
        beside = at is not None and any(
            (other.start, other.end) in names for other in (*named[max(at - 1, 0) : at], *named[at + 1 : at + 2])
        )
        bound = at is not None and field is not None and field.bound and people.place(shown)
        if field is None or not (field.impersonal or bound or (alone and not beside and not field.personal)):
            yield one
    for field in named:
        if (
            (field.personal or field.surely)
            and field.label is None
            and not (field.bound and people.place(text[field.start : field.end]))
            and not _LISTED.search(text, field.start, field.end)
            and people.named(text[field.start : field.end], surely=field.surely)
        ):
            yield Finding(field.start, field.end, Label.NAME)


def _in_reading(view: View) -> Iterator[Finding]:
    yield from _shaped(view.text)
    yield from people.people(view.text, disguised=True)
    for match in _NUMBER.finditer(view.text):
        if max(view.starts[match.start() : match.end()]) - view.starts[match.start()] > 2 * len(match[0]):
            yield Finding(match.start(), match.end(), Label.PHONE)


def _shaped(text: str) -> Iterator[Finding]:
    yield from shapes.mails(text)
    yield from shapes.cards(text)
    yield from shapes.phones(text)
    yield from shapes.seeds(text)
    yield from numbers.identities(text)
    yield from streets.addresses(text)


def _without_public(text: str) -> str:
    """Hashes, addresses, bytecode and UUIDs blanked: of the same length, with nothing in them."""
    return _UUID.sub(_blank, _HASHES.sub(_blank, text))


def _blank(match: re.Match[str]) -> str:
    return "\x00" * len(match[0])
