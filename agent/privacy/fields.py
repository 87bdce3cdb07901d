"""Named values in a text: members of JSON, parameters of a URL, lines like `name: value`; and what their names say."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.privacy.findings import Finding, Label
from agent.privacy.folding import View
from agent.privacy.vocabulary import vocabulary

_QUOTED = re.compile(
    r"\"(?P<key>[^\"\\\n]{1,60})\"\s*:\s*(?:\"(?P<text>(?:[^\"\\]|\\.)*)\"|(?P<bare>-?\d[\d.eE+-]*))", re.S
)
_STRING = r"\"(?:[^\"\\]|\\.)*\""
_ARRAY = re.compile(rf"\"(?P<key>[^\"\\\n]{{1,60}})\"\s*:\s*\[(?P<items>\s*{_STRING}(?:\s*,\s*{_STRING})*)\s*\]", re.S)
_ITEM = re.compile(_STRING, re.S)
_PARAMETER = re.compile(r"(?:[?&;#]|^)(?P<key>[\w.\[\]-]{1,60})=(?P<text>[^&#;\s]*)")
_LINE = re.compile(r"(?:^|[\n;,(|])\s*(?P<key>[^\W\d_][\w \-]{1,28}?)\s*[:=]\s*(?P<text>[^\n;,|()\"{}\[\]]{2,80})")
_WHOLE = re.compile(r"[a-z][a-z0-9+.-]*://|/|[\w.\[\]-]{1,60}=", re.IGNORECASE)
_WHOLE_PARAMETER = re.compile(r"(?:[?&;#]|^)(?P<key>[\w.\[\]-]{1,60})=(?P<text>[^&#\n]*)")
_TAG = re.compile(r"<(?P<key>[A-Za-z][\w:.-]{0,40})>(?P<text>[^<>\n]{2,80})</")
_ASSIGNED = re.compile(
    r"(?<![\w\"'.-])(?P<key>[A-Za-z_][\w.-]{0,40})\s*(?:==?|:|\bLIKE\b)\s*(?P<quote>\\?[\"'])(?P<text>[^\"'\\\n]{2,80})(?P=quote)",
    re.IGNORECASE,
)
_COLLECTION = re.compile(r"^(?:[a-z][a-z0-9+.-]*://[^/?#\s]+)?/(?:[\w.-]+/)*([\w-]+)\?", re.IGNORECASE)
"""What a URL asks for many of: `/movies?`."""
_GENERAL = frozenset(("title", "name", "q", "query", "search", "term", "keyword", "of", "s", "for", "topic"))
_PATH = re.compile(
    r"/(?P<key>users?|people|persons?|customers?|members?|patients?|employees?|profiles?|authors?|contacts?|clients?|names?"
    r"|owners?|tenants?|guests?|students?|staff|accounts?|u|of|by)/(?P<text>[^/?#&\s]+)",
    re.IGNORECASE,
)
_LISTS = re.compile(r"\[\s*(?:\"(?:[^\"\\]|\\.)*\"|-?[\d.]+)(?:\s*,\s*(?:\"(?:[^\"\\]|\\.)*\"|-?[\d.]+))+\s*\]")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_DIGIT = re.compile(r"\d")
_NAMED = re.compile(r"[^\W\d_][^\d@/:=<>{}\[\]\"_,]{0,60}(?:, [^\W\d_][^\d@/:=<>{}\[\]\"_,]{0,60})?")

_BY_KEY = {key: Label(label) for label, keys in vocabulary("keys").items() for key in keys}
_PERSONAL, _NOBODY = vocabulary("fields")["personal"], vocabulary("fields")["nobody"]
_IMPERSONAL, _GENERIC = vocabulary("others")["fields"], vocabulary("fields")["generic"]
_SURELY = vocabulary("fields")["surely"]
_PART_OF_A_NAME = frozenset(("first", "last", "given", "family"))


@dataclass(frozen=True, slots=True)
class Field:
    """A value at `start` to `end` of a text, and the key that it stands under."""

    key: str
    start: int
    end: int

    @property
    def label(self) -> Label | None:
        """What the key says that the value is."""
        words = _words(self.key)
        label = _label(words)
        while label is None and len(words) > 1 and words[-1] in _GENERIC:
            words.pop()
            label = _label(words)
        return label

    @property
    def surely(self) -> bool:
        """Whether nothing but a person is likely to be the value."""
        return bool(_SURELY.intersection(_words(self.key)[-2:]))

    @property
    def impersonal(self) -> bool:
        """Whether the value is a company's, a place's or a thing's name."""
        return _impersonal(_words(self.key)[-2:])

    @property
    def bound(self) -> bool:
        """Whether a journey may begin or end with the value."""
        return self.key.lower() in ("from", "to")

    @property
    def personal(self) -> bool:
        """Whether a person is likely to be the value, and other things as well."""
        return bool(_PERSONAL.intersection(_words(self.key)[-2:]))


def fields(text: str) -> list[Field]:
    """All named values, in order."""
    found: dict[int, Field] = {}
    parameter = _WHOLE_PARAMETER if _WHOLE.match(text) else _PARAMETER
    what = _COLLECTION.match(text)
    for pattern in (_QUOTED, parameter, _PATH, _TAG, _ASSIGNED, _LINE):
        for match in pattern.finditer(text):
            group = "bare" if pattern is _QUOTED and match["text"] is None else "text"
            start, end = match.span(group)
            key = match["key"]
            if what and pattern is parameter and key in _GENERAL and _impersonal([what[1].lower()]):
                key = f"{what[1]}_{key}"
            if start < end:
                found.setdefault(start, Field(key, start, end))
    for match in _ARRAY.finditer(text):
        for item in _ITEM.finditer(text, *match.span("items")):
            found.setdefault(item.start() + 1, Field(match["key"], item.start() + 1, item.end() - 1))
    return [found[start] for start in sorted(found)]


def lists(text: str) -> Iterator[tuple[int, int]]:
    """Lists of short values, whose parts may be one thing cut to pieces."""
    return (match.span() for match in _LISTS.finditer(text))


def told(view: View, named: list[Field]) -> Iterator[Finding]:
    """Values that are personal by their key, as far as they look like what it says."""
    for field in named:
        label = field.label
        value = view.text[field.start : field.end].strip()
        if label is None or not value or (label is Label.KEY and " " in value):
            continue
        if label is not Label.KEY and value.startswith("0x") and len(value) in (42, 66):
            continue
        if _plausible(label, value):
            start = view.text.index(value, field.start)
            yield Finding(start, start + len(value), label)


def _impersonal(words: list[str]) -> bool:
    ones = [word.removesuffix("s") for word in words if word not in _GENERIC]
    return not _IMPERSONAL.isdisjoint((*words, *ones))


def _label(words: list[str]) -> Label | None:
    """Of the most words at the end of a key that say something together."""
    for length in range(len(words), 0, -1):
        label = _BY_KEY.get("".join(words[-length:]))
        alone = length == 1 < len(words) and label is Label.NAME and words[-1] in _PART_OF_A_NAME
        if label is not None and not alone:
            return label
    return None


def _plausible(label: Label, value: str) -> bool:
    digits = len(_DIGIT.findall(value))
    if label is Label.NAME:
        said = bool(_NAMED.fullmatch(value)) and value.lower() not in _NOBODY
        return said and 2 <= len(value) <= 60 and value.count(" ") < 5
    if label is Label.EMAIL:
        return "@" in value
    if label is Label.PHONE:
        return 6 <= digits <= 15 and len(value) <= 30 and digits * 2 >= len(value)
    if label is Label.ID:
        return digits >= 4 and len(value) <= 40 and value.count(" ") < 9
    if label is Label.CARD:
        return 12 <= digits <= 19 and len(value) <= 40
    if label is Label.KEY:
        return len(value) >= 6 and not (value.startswith("0x") and len(value) == 42) and not value.isalpha()
    return digits >= 1 and " " in value and any(one.isalpha() for one in value)


def _words(key: str) -> list[str]:
    if not key.isascii():
        return [key.lower()]
    return [word for word in _HUMPS.sub(" ", key).lower().split() if not word.isdigit()]
