"""The generated corpus: seeded texts of the kinds that leave an agent, with labelled spans, plain and disguised."""

import base64
from collections.abc import Callable
from random import Random
from urllib.parse import quote

from tests.privacy import values
from tests.privacy.scoring import Label, Sample, Span

SEED, SIZE = 20261121, 2000
PLAIN_SHARE, HARMLESS_SHARE = 0.62, 0.3
_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_ALIKE = str.maketrans("aeopcxi", "аеорсхі")
_DIGIT_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

_SENTENCES = {
    "description": (
        "Credit report for {}",
        "Background check: {}",
        "Look up the account of {} and compare it with {}",
        "Translate a letter from {} to {}",
        "Summary of {} for {}",
        "Verify {} against the register",
        "Market signal of {} over the last 30 days",
        "Prepare an invoice, customer {}, reference {}",
        "Find everything that is known about {}.",
        "Wallet report with {}",
        "A call was booked by {}; confirm {}.",
    ),
    "reason": (
        "The answer is about somebody else: {}",
        "Please refund, I am {}",
        "{} never got what was paid for",
        "Wrong result. Contact {} or {}",
        "Delivered twice; {} complained on Monday",
        "It failed, see {}",
        "Signed by {}",
        "The report named {} by mistake",
        "Paid with {} and got nothing",
        "I want my money back, {}",
    ),
}
_URLS = (
    "/v1/lookup?q={}",
    "https://api.example.com/v1/search?query={}&limit=10",
    "/v1/check/{}",
    "https://api.example.com/r?subject={}&ref={}",
    "/v2/report?for={}#top",
)
_BODIES = (
    '{{"query": "{}"}}',
    '{{"input": {{"text": "{}", "limit": 5}}, "ref": "{}"}}',
    '{{"items": ["{}", "{}"]}}',
    '{{"note": "about {}", "symbol": "ETH"}}',
    "q={}&format=json",
)

_SHARES = {
    Label.NAME: 5.0,
    Label.EMAIL: 2.0,
    Label.PHONE: 1.5,
    Label.ID: 1.5,
    Label.KEY: 1.0,
    Label.CARD: 1.0,
    Label.ADDRESS: 1.0,
}

Made = tuple[str, str, Label]
"""What is said before, the text that is personal, and its label."""


class _Draft:
    """A text that grows, with its spans."""

    def __init__(self) -> None:
        self.text, self.spans = "", list[Span]()

    def add(self, text: str, label: Label | None = None) -> None:
        if label is not None:
            self.spans.append(Span(len(self.text), len(self.text) + len(text), label))
        self.text += text


def corpus(seed: int = SEED, size: int = SIZE) -> list[Sample]:
    """As many samples, the same ones for the same seed."""
    random = Random(seed)
    return [_sample(random) for _ in range(size)]


def _sample(random: Random) -> Sample:
    kind = random.choice(("url", "description", "body", "reason"))
    if kind == "body" and random.random() < 0.25:
        return _form(random)
    shapes = {"url": _URLS, "body": _BODIES}.get(kind) or _SENTENCES[kind]
    pieces = random.choice(shapes).replace("{{", "\x01").replace("}}", "\x02").split("{}")
    pieces = [piece.replace("\x01", "{").replace("\x02", "}") for piece in pieces]
    draft = _Draft()
    draft.add(pieces[0])
    innocent = random.random() < HARMLESS_SHARE
    for piece in pieces[1:]:
        if innocent or random.random() < 0.15:
            draft.add(_written(values.harmless(random), kind))
        else:
            said, text, label = _disguised(random, *_personal(random))
            draft.add(_written(said, kind))
            draft.add(_written(text, kind), label)
        draft.add(piece)
    return Sample(draft.text, kind, draft.spans)


def _personal(random: Random) -> Made:
    label = random.choices(list(_SHARES), list(_SHARES.values()))[0]
    plain: dict[Label, Callable[[Random], str]] = {
        Label.NAME: values.people,
        Label.EMAIL: values.mail,
        Label.PHONE: values.phone,
        Label.CARD: values.card,
        Label.ADDRESS: values.address,
    }
    if label in plain:
        return "", plain[label](random), label
    said, text = (values.identity if label is Label.ID else values.key)(random)
    return said, text, label


def _disguised(random: Random, said: str, text: str, label: Label) -> Made:
    """Mostly as it is; else in one of the ways that fit it."""
    if random.random() < PLAIN_SHARE:
        return said, text, label
    ways: list[Callable[[str], str]] = [
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: quote(text, safe=""),
        lambda text: quote(quote(text, safe=""), safe=""),
        lambda text: text[: len(text) // 2] + random.choice("\u200b\u200d\u2060\u00ad") + text[len(text) // 2 :],
    ]
    if label is Label.NAME and text.isascii():
        ways += [
            str.lower,
            " ".join,
            lambda text: text.translate(_ALIKE),
            lambda text: text.translate(_WIDE),
            str.upper,
        ]
        if "-" in text or len(text.split()) > 2:
            ways.remove(str.lower)
    if label is Label.EMAIL:
        at, dot = random.choice(((" at ", " dot "), ("[at]", "[dot]"), (" (at) ", " (dot) "), (" @ ", " . ")))
        ways += [lambda text: text.replace("@", at).replace(".", dot), " ".join, lambda text: text.translate(_WIDE)]
    if label in (Label.CARD, Label.PHONE):
        ways += [lambda text: text.translate(_WIDE)]
    if label is Label.CARD:
        bare = "".join(one for one in text if one.isdigit())
        ways += [
            lambda _: " ".join(bare),
            lambda _: " ".join(_DIGIT_WORDS[int(one)] for one in bare),
            lambda _: ".".join(bare[i : i + 2] for i in range(0, len(bare), 2)),
        ]
    return said, random.choice(ways)(text), label


def _written(text: str, kind: str) -> str:
    """As a URL has it."""
    return quote(text, safe="@:,+%") if kind == "url" else text


def _form(random: Random) -> Sample:
    """A body whose keys say what their values are, or whose values are one thing cut to pieces."""
    draft = _Draft()
    first, last = values.latin(random)
    shape = random.choice(("names", "card", "mixed"))
    if shape == "names":
        draft.add('{"first_name": "')
        draft.add(first, Label.NAME)
        draft.add('", "last_name": "')
        draft.add(last, Label.NAME)
        draft.add('", "limit": 10}')
    elif shape == "card":
        number = "".join(one for one in values.card(random) if one.isdigit())
        groups = [f'"{number[at : at + 4]}"' for at in range(0, len(number), 4)]
        draft.add('{"parts": [')
        draft.add(", ".join(groups), Label.CARD)
        draft.add("]}")
    else:
        draft.add('{"customer": "')
        draft.add(f"{first} {last}", Label.NAME)
        draft.add('", "phone": "')
        draft.add(values.phone(random), Label.PHONE)
        draft.add(f'", "wallet": "{values.harmless(random)}"}}')
    return Sample(draft.text, "body", draft.spans)
