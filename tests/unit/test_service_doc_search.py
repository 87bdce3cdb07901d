"""The documentation search against BM25 in plain Python, over documents whose sections are known."""

import os
import re
from pathlib import Path

import msgspec
import pytest

from server.domain.outages import Unavailable
from server.services import doc_search, library
from server.services.arguments import parse_arguments, shown_example
from server.services.doc_search import SearchReport
from server.services.library import sections
from server.services.service import ServiceError
from tests.unit import services_oracle_search as oracle
from tests.unit.services_oracle_context import context

README = """\
# Paddock

A marketplace where software buys from software.

## Refunds

A failed callback is refunded on chain; a refund shares its nonce with the payout.

```sh
# refund is a word in this comment, and this line is no heading
make demo
```

## Money

Settlement waits for the chain.
"""
GUIDE = """\
Words before the first heading, about nonces.

# Paying by hand

### Sign the payment

The payment binds a quote, a route and a nonce. Sign once.

## Ask for a refund #

Open a case with the quote of the payment.
"""
SECTIONS = [
    ("README.md", "Paddock", "A marketplace where software buys from software."),
    (
        "README.md",
        "Paddock > Refunds",
        "A failed callback is refunded on chain; a refund shares its nonce with the payout.\n\n```sh\n"
        "# refund is a word in this comment, and this line is no heading\nmake demo\n```",
    ),
    ("README.md", "Paddock > Money", "Settlement waits for the chain."),
    ("docs/guides/paying.md", "", "Words before the first heading, about nonces."),
    ("docs/guides/paying.md", "Paying by hand", ""),
    (
        "docs/guides/paying.md",
        "Paying by hand > Sign the payment",
        "The payment binds a quote, a route and a nonce. Sign once.",
    ),
    ("docs/guides/paying.md", "Paying by hand > Ask for a refund", "Open a case with the quote of the payment."),
]
"""The sections of both documents, by hand."""


@pytest.fixture
def docs(tmp_path, monkeypatch):
    (tmp_path / "docs" / "guides").mkdir(parents=True)
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "docs" / "guides" / "paying.md").write_text(GUIDE)
    (tmp_path / "docs" / "notes.txt").write_text("refund refund refund")
    (tmp_path / "CHANGELOG.md").write_text("# refund refund refund")
    monkeypatch.setattr(library, "documentation_root", lambda: tmp_path)
    return tmp_path


async def ask(query):
    arguments = parse_arguments(doc_search.SERVICE, query.encode(), b"", "")
    answer = await doc_search.SERVICE.run(arguments, context())
    return msgspec.json.decode(answer.body, type=SearchReport)


def test_sections_are_those_marked_by_hand():
    found = [*sections("README.md", README), *sections("docs/guides/paying.md", GUIDE)]
    assert [section[:3] for section in found if section.heading or section.text] == SECTIONS


@pytest.mark.parametrize(
    "query", ["refund", "nonce", "payment+quote", "sign", "chain+refund", "settlement", "a", "is+on"]
)
async def test_order_and_scores_are_those_of_plain_bm25(docs, query):
    report = await ask(f"q={query}&limit=20")
    expected = oracle.ranking(SECTIONS, query.split("+"))
    assert [(hit.path, hit.heading) for hit in report.results] == [(path, heading) for _, path, heading in expected]
    assert [hit.score for hit in report.results] == pytest.approx([score for score, _, _ in expected], abs=1e-8)
    assert (report.matching, report.found, report.searched) == ("all", len(expected), len(SECTIONS))


async def test_a_word_in_a_heading_weighs_more_than_one_in_the_text(docs):
    best, *rest = (await ask("q=refunds")).results
    assert best.heading == "Paddock > Refunds"
    assert rest == []


async def test_a_word_finds_longer_ones_that_begin_with_it_in_any_case(docs):
    assert [hit.heading for hit in (await ask("q=SETTLE")).results] == ["Paddock > Money"]


async def test_the_snippet_marks_the_words_that_were_found(docs):
    snippet = (await ask("q=quote+route")).results[0].snippet
    assert snippet == "The payment binds a «quote», a «route» and a nonce. Sign once."


async def test_sections_with_some_of_the_words_are_given_when_none_has_all(docs):
    report = await ask("q=settlement+marketplace")
    assert report.matching == "any"
    assert {hit.heading for hit in report.results} == {"Paddock", "Paddock > Money"}


async def test_the_limit_bounds_the_list_and_not_the_count(docs):
    report = await ask("q=payment&limit=1")
    assert (len(report.results), report.found) == (1, 2)


@pytest.mark.parametrize(
    "query",
    [
        "refund%22",
        "refund%20AND",
        "NEAR(refund,5)",
        "refund*",
        "heading:refund",
        "-refund",
        "%5Erefund",
        "refund%00",
        "%22refund%22%20%2B%20%22",
        "{path+text}:refund",
        "refund%3B+DROP+TABLE+section",
        "refund%E2%80%99s",
    ],
)
async def test_what_fts5_would_read_as_syntax_is_only_words(docs, query):
    report = await ask(f"q={query}")
    assert any("efund" in hit.snippet for hit in report.results)
    assert all(re.fullmatch(r"\w+", word) for word in report.words)


async def test_words_in_any_script_are_looked_up_without_error(docs):
    shelf = library.opened(docs)
    for point in (
        0xE9,
        0xDF,
        0x130,
        0x301,
        0x3A9,
        0x5D0,
        0x661,
        0x966,
        0xB2,
        0x2167,
        0x4E2D,
        0x1F600,
        0x1E922,
        0x1FBF0,
    ):
        with pytest.raises(ServiceError, match="none of 7 sections"):
            doc_search.search(shelf, "zzz" + chr(point) + " " + chr(point), 1)


async def test_nothing_found_is_not_sold(docs):
    with pytest.raises(ServiceError, match="none of 7 sections") as refused:
        await ask("q=zebra")
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "missing required field `q`"),
        ("q=", "q: "),
        ("q=%21%3F", "q: there is no word"),
        ("q=" + "a" * 201, "q: "),
        ("q=refund&limit=0", "limit: "),
        ("q=refund&limit=21", "limit: "),
        ("q=refund&lang=en", "lang"),
    ],
)
async def test_bad_input_is_refused_with_the_field(docs, query, says):
    with pytest.raises(ServiceError, match=re.escape(says)) as refused:
        await ask(query)
    assert refused.value.status == 422


def test_missing_documents_are_left_out(tmp_path):
    (tmp_path / "SECURITY.md").write_text("# Keys\n\nKept apart.")
    assert [path.name for path in library.documents(tmp_path)] == ["SECURITY.md"]


def test_documents_beside_an_installed_server_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "__file__", str(tmp_path / "site-packages" / "server" / "services" / "library.py"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unavailable):
        library.documentation_root()
    (tmp_path / "README.md").write_text(README)
    assert library.documentation_root() == tmp_path


def test_the_projects_own_documents_are_the_markdown_of_the_checkout():
    top = Path(library.__file__).parents[2]
    named = {"README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md"} & set(os.listdir(top))
    below = {
        Path(folder) / name for folder, _, names in os.walk(top / "docs") for name in names if name.endswith(".md")
    }
    assert set(library.documents(top)) == {top / name for name in named} | below


async def test_the_example_on_sale_finds_something_in_the_projects_own_documents():
    top = Path(library.__file__).parents[2]
    if sum(path.stat().st_size for path in library.documents(top)) < 1_000:
        pytest.skip("the project's documentation is not written yet")
    assert (await ask(shown_example(doc_search.SERVICE)[1:])).found > 0
