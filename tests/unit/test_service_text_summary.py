"""Text summary: its choice beside every choice that there is, and its figures counted again from the documents."""

import json
import re
from collections import Counter
from itertools import combinations

import msgspec
import pytest

from server.domain.outages import Unavailable
from server.services import library, text_summary
from server.services.arguments import parse_arguments
from server.services.service import ServiceError
from server.services.text_summary import SERVICE, SummaryAnswer
from tests.unit.services_oracle_context import context

TEXT = (
    "Ferries cross the strait at dawn. A tin soldier was sold yesterday. Dawn ferries carry bread, milk and letters."
    " Nobody could explain the purple umbrella. The strait is calm when ferries cross it! Bread comes by ferries alone?"
)
FIRST = "A harbour feeds the town. " * 12
REST = ["Gulls follow the trawlers home every evening.", "Trawlers land herring before every evening market."] * 8


@pytest.fixture(autouse=True)
def docs(tmp_path, monkeypatch):
    """One document whose beginning says little of the rest."""
    (tmp_path / "README.md").write_text(f"# Harbour\n\n{FIRST}\n\n| no | prose |\n\n" + "\n\n".join(REST) + "\n")
    text_summary.measured.cache_clear()
    monkeypatch.setattr(library, "documentation_root", lambda: tmp_path)
    yield tmp_path
    text_summary.measured.cache_clear()


async def ask(text, **given):
    arguments = parse_arguments(SERVICE, b"", json.dumps({"text": text, **given}).encode(), "application/json")
    return msgspec.json.decode((await SERVICE.run(arguments, context())).body, type=SummaryAnswer)


def words(text):
    """Words that say something, as this test reads them; of a plural the singular."""
    said = re.findall(r"[a-z]+", text.lower())
    return [re.sub(r"(?<=[a-z]{2}[^s])s$", "", one) for one in said if one not in library.FUNCTION_WORDS]


def share(chosen, of):
    had = {word for one in chosen for word in words(one)}
    said = [word for one in of for word in words(one)]
    return sum(word in had for word in said) / len(said)


async def test_no_other_choice_of_as_many_words_says_more_of_what_the_text_repeats():
    answer = await ask(TEXT, words=20)
    every = re.split(r"(?<=[.!?]) ", TEXT)
    assert [one.text for one in answer.sentences] == [every[one.number - 1] for one in answer.sentences]
    assert answer.words == sum(len(one.text.split()) for one in answer.sentences) <= 20
    counts = Counter(word for one in every for word in words(one))

    def repeated(chosen):
        return sum(counts[word] - 1 for word in {word for one in chosen for word in words(one)})

    best = max(
        repeated(chosen)
        for size in range(1, 7)
        for chosen in combinations(every, size)
        if sum(len(one.split()) for one in chosen) <= 20
    )
    assert repeated([one.text for one in answer.sentences]) == best
    assert answer.covered == round(share([one.text for one in answer.sentences], every), 3)
    assert (answer.of_sentences, answer.of_words) == (6, len(TEXT.replace(",", "").split()))


async def test_sentences_come_in_the_order_of_the_text_and_more_words_hold_more_of_it():
    few, many = await ask(TEXT, words=20), await ask(TEXT, words=40)
    assert [one.number for one in many.sentences] == sorted(one.number for one in many.sentences)
    assert many.covered > few.covered


async def test_its_figures_are_those_of_sentences_that_it_was_not_shown():
    method = (await ask(TEXT)).method
    every = ["A harbour feeds the town."] * 12 + REST
    shown, unseen = every[::2], every[1::2]
    assert {one for one in shown if "herring" in one} == set(), "every second sentence of the rest is never shown"
    beginning = []
    for one in shown:
        if sum(len(other.split()) for other in [*beginning, one]) <= 100:
            beginning.append(one)
    assert method.by_beginning == round(share(beginning, unseen), 3)
    assert method.unseen == round(share({*shown}, unseen), 3), "of so few different sentences all fit"
    assert (method.documents, method.measured_words) == (1, 100)


async def test_a_choice_that_says_nothing_is_told_to_be_worth_nothing(monkeypatch):
    monkeypatch.setattr(text_summary, "choose", lambda every, words: [])
    assert text_summary.measured.__wrapped__(library.documentation_root()).unseen == 0


def test_on_the_projects_own_documents_it_beats_the_beginning(request):
    method = text_summary.measured.__wrapped__(request.config.rootpath)
    assert method.documents > 15
    assert method.unseen > method.by_beginning * 1.1


async def test_without_documents_to_be_measured_on_it_is_unavailable(docs):
    (docs / "README.md").write_text("# Short\n\nOne sentence.\n")
    with pytest.raises(Unavailable, match="too little documentation"):
        await ask(TEXT)


@pytest.mark.parametrize(
    ("text", "given", "says"),
    [
        ("", {}, "text"),
        ("x" * 100_001, {}, "text"),
        (TEXT, {"words": 19}, "words"),
        (TEXT, {"words": 401}, "words"),
        ("One two three.", {}, "none of its 1 sentences has 4 to 80 words"),
        ("And so it was, and it was so.", {}, "none of its 1 sentences"),
        ("word " * 30, {"words": 20}, "none of its 1 sentences"),
    ],
)
async def test_what_cannot_be_summarised_is_refused_with_the_reason(text, given, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(text, **given)
    assert refused.value.status == 422
