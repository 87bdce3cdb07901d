"""Answers and whole documents against passages written down by hand, and weights computed from them."""

import hashlib
import math
import re

import msgspec
import pytest

from server.services import doc_answer, doc_read, library
from server.services.arguments import parse_arguments
from server.services.doc_answer import AnswerReport
from server.services.doc_read import Document
from server.services.service import ServiceError
from tests.unit.services_oracle_context import context

README = """\
# Till

Two tills share a drawer.

## Refunds

A refund goes back to the payer, and
to nobody else.

- The float pays it first.
- A blocked refund waits for a person.
   It opens a case.

```sh
# refunds by hand

till refund 7
```
| state | means |
|---|---|
| due | a refund is owed |
"""
GUIDE = """\
No heading yet, and a float.

# Wallets

A wallet signs once for a payer.
"""
PASSAGES = [
    ("README.md", 3, "Till", "Two tills share a drawer."),
    ("README.md", 7, "Till > Refunds", "A refund goes back to the payer, and\nto nobody else."),
    ("README.md", 10, "Till > Refunds", "- The float pays it first."),
    ("README.md", 11, "Till > Refunds", "- A blocked refund waits for a person.\n   It opens a case."),
    ("README.md", 14, "Till > Refunds", "```sh\n# refunds by hand\n\ntill refund 7\n```"),
    ("README.md", 19, "Till > Refunds", "| state | means |"),
    ("README.md", 20, "Till > Refunds", "|---|---|"),
    ("README.md", 21, "Till > Refunds", "| due | a refund is owed |"),
    ("docs/wallets.md", 1, "", "No heading yet, and a float."),
    ("docs/wallets.md", 5, "Wallets", "A wallet signs once for a payer."),
]
"""Every passage by hand: document, line, headings, text."""


@pytest.fixture(autouse=True)
def docs(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "docs" / "wallets.md").write_text(GUIDE)
    (tmp_path / "secret.md").write_text("# Not for sale\n")
    monkeypatch.setattr(library, "documentation_root", lambda: tmp_path)
    return tmp_path


async def ask(query):
    arguments = parse_arguments(doc_answer.SERVICE, query.encode(), b"", "")
    return msgspec.json.decode((await doc_answer.SERVICE.run(arguments, context())).body, type=AnswerReport)


async def read(query):
    arguments = parse_arguments(doc_read.SERVICE, query.encode(), b"", "")
    return msgspec.json.decode((await doc_read.SERVICE.run(arguments, context())).body, type=Document)


def has(text, word):
    return re.search(rf"(?<![a-z0-9]){word}", text.lower()) is not None


def scores(words):
    """Every passage with one of the words at least, by what it says of them all: worked out from PASSAGES alone.

    A word's weight is BM25's inverse document frequency over sections: what has the same document and headings.
    """
    parts = {}
    for path, _, headings, text in PASSAGES:
        parts[path, headings] = parts.get((path, headings), headings) + " " + text
    weights = {}
    for word in words:
        having = sum(has(text, word) for text in parts.values())
        weights[word] = math.log(1 + (len(parts) - having + 0.5) / (having + 0.5))
    for path, line, headings, text in PASSAGES:
        points = sum(
            weight if has(text, word) else weight / 2 if has(headings, word) else 0 for word, weight in weights.items()
        )
        if any(has(text, word) for word in words):
            yield points / sum(weights.values()), (path, line, headings, text)


def test_passages_are_those_marked_by_hand(docs):
    found = [
        (one.section.path, one.passage.line, one.section.heading, one.passage.text)
        for one in library.opened(docs).passages
    ]
    assert found == PASSAGES


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Who owes the refund that is owed?", ["owe", "refund", "owed"]),
        ("What happens to blocked refunds?", ["happen", "blocked", "refund"]),
        ("float+payer", ["float", "payer"]),
        ("Which wallets sign for a payer", ["wallet", "sign", "payer"]),
        ("till", ["till"]),
        ("float of a refund", ["float", "refund"]),
        ("case of a person", ["case", "person"]),
    ],
)
async def test_the_answers_are_the_passages_that_say_most(question, words):
    report = await ask(f"question={question.replace(' ', '+')}&limit=5")
    assert report.keywords == words
    expected = sorted(
        ((score, one) for score, one in scores(words) if score >= 0.5), key=lambda item: (-item[0], len(item[1][3]))
    )[:5]
    assert [(one.path, one.line, one.heading, one.text) for one in report.answers] == [one for _, one in expected]
    assert [one.score for one in report.answers] == pytest.approx([score for score, _ in expected], abs=1e-6)
    assert report.searched == 4
    for one in report.answers:
        said = [word for word in words if has(one.text + " " + one.heading, word)]
        assert one.missing == [word for word in words if word not in said]


async def test_an_answer_is_cited_so_that_it_is_found_where_it_stands(docs):
    (one,) = (await ask("question=blocked+person")).answers
    lines = (docs / one.path).read_text().splitlines()
    assert "\n".join(lines[one.line - 1 : one.line - 1 + len(one.text.splitlines())]) == one.text


async def test_what_speaks_of_less_than_half_of_the_question_is_not_sold():
    with pytest.raises(ServiceError, match="no passage of 4 sections speaks of half of it") as refused:
        await ask("question=refund+of+a+pancake+breakfast")
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "question"),
        ("question=is", "question: "),
        ("question=who+is+it", "question: every word of it is a function word"),
        ("question=refund&limit=0", "limit: "),
        ("question=refund&limit=6", "limit: "),
        ("question=" + "a" * 301, "question: "),
    ],
)
async def test_a_bad_question_is_refused_with_the_field(query, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(query)
    assert refused.value.status == 422


@pytest.mark.parametrize("question", ['"refund', "refund* NEAR(x,2)", "heading:refund", "refund\x00"])
async def test_what_the_index_would_read_as_syntax_is_only_words(docs, question):
    assert "refund" in doc_answer.answered(library.opened(docs), question.split(" ")[0], 1).keywords


async def test_a_document_is_whole_and_its_outline_leads_into_it(docs):
    for path, title, parts in [
        ("README.md", "Till", [("Till", 3), ("Till > Refunds", 7)]),
        ("docs/wallets.md", "Wallets", [("Wallets", 5)]),
    ]:
        document = await read(f"path={path}")
        content = (docs / path).read_bytes()
        assert (document.path, document.title, document.text) == (path, title, content.decode())
        assert (document.size, document.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert [(part.heading, part.line) for part in document.parts] == parts


@pytest.mark.parametrize(
    "path", ["secret.md", "../README.md", "docs/../README.md", "/etc/hostname", "docs", "readme.md"]
)
async def test_nothing_but_the_documents_is_sold(path):
    with pytest.raises(ServiceError, match="path: there is no such document") as refused:
        await read(f"path={path}")
    assert refused.value.status == 404


async def test_a_mistyped_path_is_told_what_is_close():
    with pytest.raises(ServiceError, match=r"close to it are docs/wallets\.md"):
        await read("path=docs/walets.md")
