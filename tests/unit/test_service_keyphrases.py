"""Key phrases: their weights computed again, their price by the phrase, and their figures counted by hand."""

import json
import re
from datetime import UTC, datetime
from math import log, sqrt

import msgspec
import pytest

from server.domain.outages import Unavailable
from server.services import keyphrases, library
from server.services.arguments import parse_arguments
from server.services.keyphrases import MOST, SERVICE, PhraseAnswer
from server.services.service import ServiceError
from tests.unit.services_oracle_context import context

FILLER = "everybody may read this page about money and about a market"
TOPICS = {
    "README.md": ["tidal pools and crabs", "crabs of tidal pools"],
    "docs/ovens.md": ["clay ovens and loaves", "loaves of clay ovens"],
    "docs/rails.md": ["slate wagons and rails", "rails of slate wagons"],
}
TEXT = "Slate wagons are slow. The market likes slate wagons, and money. A tin roof is dear: money, money!"


@pytest.fixture(autouse=True)
def docs(tmp_path, monkeypatch):
    """Documents whose first and second paragraphs, and so on, say the same in other words."""
    (tmp_path / "docs").mkdir()
    for path, (shown, unseen) in TOPICS.items():
        parts = [f"{shown if number % 2 == 0 else unseen}. {FILLER}." for number in range(24)]
        (tmp_path / path).write_text("# Title\n\n" + "\n\n".join(parts) + "\n")
    keyphrases.taught.cache_clear()
    monkeypatch.setattr(library, "documentation_root", lambda: tmp_path)
    yield tmp_path
    keyphrases.taught.cache_clear()


async def ask(text, **given):
    arguments = parse_arguments(SERVICE, b"", json.dumps({"text": text, **given}).encode(), "application/json")
    return msgspec.json.decode((await SERVICE.run(arguments, context())).body, type=PhraseAnswer)


async def test_a_phrase_weighs_by_its_repetition_and_by_the_rarity_of_its_words(docs):
    texts = [set(re.findall(r"\w+", (docs / path).read_text().lower().removeprefix("# title"))) for path in TOPICS]

    def rarity(word):
        having = sum(word in text for text in texts)
        return log(1 + (3 - having + 0.5) / (having + 0.5))

    weights = {
        "slate wagons": (2 - 1 + 0.1) * (rarity("slate") + rarity("wagons")) / sqrt(2),
        "tin roof": (1 - 1 + 0.1) * (rarity("tin") + rarity("roof")) / sqrt(2),
        "money": (3 - 1 + 0.1) * rarity("money"),
    }
    found = (await ask(TEXT, count=3)).phrases
    assert {one.phrase: one.weight for one in found} == {name: round(one, 4) for name, one in weights.items()}
    assert [one.weight for one in found] == sorted((one.weight for one in found), reverse=True)
    assert {one.phrase: one.times for one in found} == {"slate wagons": 2, "tin roof": 1, "money": 3}


async def test_no_two_phrases_have_a_word_in_common_and_fewer_are_the_first_of_more():
    five = [one.phrase for one in (await ask(TEXT, count=5)).phrases]
    words = [word for phrase in five for word in phrase.split()]
    assert len(set(words)) == len(words)
    assert [one.phrase for one in (await ask(TEXT, count=2)).phrases] == five[:2]


def test_each_phrase_is_paid_for():
    for count in (1, 7, MOST):
        arguments = msgspec.convert({"text": TEXT, "count": count}, SERVICE.arguments)
        assert SERVICE.tariff.price(arguments, datetime.now(UTC)) == 500 * count <= SERVICE.amount


async def test_its_figures_are_those_of_paragraphs_that_it_was_not_shown():
    method = (await ask(TEXT, count=1)).method
    assert (method.documents, method.measured) == (3, 3)
    # Each names its topic's two phrases, and a third that all documents have as often; the commonest words are "about",
    # and then by the alphabet: of the first and the second document one of its topic, of the third none.
    assert method.apart == round(6 / 9, 3)
    assert method.by_frequency == round(2 / 9, 3)


async def test_a_method_that_names_what_all_have_is_told_to_be_wrong(monkeypatch):
    monkeypatch.setattr(keyphrases.Rarity, "best", lambda *_: [keyphrases.Keyphrase("money", 1, 1.0)])
    assert keyphrases.taught.__wrapped__(library.documentation_root()).method.apart == 0


async def test_the_document_that_measures_it_does_not_teach_it(monkeypatch):
    seen = []

    class Noting(keyphrases.Rarity):
        def __init__(self, taught):
            texts = list(taught)
            seen.append({word for text in texts for word in text})
            super().__init__(texts)

    monkeypatch.setattr(keyphrases, "Rarity", Noting)
    keyphrases.taught.__wrapped__(library.documentation_root())
    assert ["crabs" in one for one in seen] == [False, True, True, True]
    assert ["loaves" in one for one in seen] == [True, False, True, True]
    assert ["slate" in one for one in seen] == [True, True, False, True]


def test_on_the_projects_own_documents_it_beats_the_commonest_words(request):
    method = keyphrases.taught.__wrapped__(request.config.rootpath).method
    assert method.measured > 25
    assert method.apart > method.by_frequency * 1.4


async def test_without_documents_to_learn_from_it_is_unavailable(docs):
    for path in TOPICS:
        (docs / path).write_text("# Short\n\nOne sentence.\n")
    with pytest.raises(Unavailable, match="too little documentation"):
        await ask(TEXT)


@pytest.mark.parametrize(
    ("text", "given", "says"),
    [
        ("", {}, "text"),
        ("x" * 100_001, {}, "text"),
        (TEXT, {"count": 0}, "count"),
        (TEXT, {"count": 21}, "count"),
        ("Crabs, and bread.", {"count": 3}, "the text has only 2 phrases"),
        ("1 2 3 and so on", {"count": 1}, "the text has only 0 phrases"),
    ],
)
async def test_what_has_too_few_phrases_is_refused_and_not_charged(text, given, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(text, **given)
    assert refused.value.status == 422
