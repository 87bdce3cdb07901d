"""Language detection: right on sentences it never saw, better than what costs nothing, and charged by the token."""

import msgspec
import pytest

from server.services.language import METER, MOST, SERVICE, LanguageArguments, judged, run
from server.services.ngrams import LISTS, Model, held_out, model, script, tokens
from server.services.service import ServiceError


def test_it_is_right_on_held_out_sentences_and_far_better_than_what_costs_nothing():
    held = held_out()
    assert held.sentences == 5 * len(LISTS)
    assert held.accuracy >= 0.97
    assert held.three_words >= 0.9
    assert held.by_commonest < held.by_script < 0.5


def test_a_model_knows_what_it_was_taught():
    taught = Model({"a": ["only", "these"], "b": ["ganz", "andere"]})
    assert next(iter(taught.judge("only"))) == "a"
    assert next(iter(taught.judge("andere"))) == "b"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Nobody knows, it's 7 o'clock.", 6),
        ("明天七点", 4),
        ("パンと牛乳", 5),
        ("Straße42", 1),
        ("1234 !?", 0),
        ("เรือ", 4),
    ],
)
def test_a_token_is_a_word_or_a_character_where_words_are_not_apart(text, count):
    assert len(tokens(text)) == count


def test_probabilities_are_a_distribution_the_likeliest_first():
    judged_all = model().judge("Niemand weiß, wo der alte Fischer ist.")
    values = list(judged_all.values())
    assert set(judged_all) == set(LISTS)
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(1)
    assert next(iter(judged_all)) == "de"


def test_a_text_of_one_language_stays_so_however_long_it_is():
    once = "Moje sestra se naučila plavat, když jí bylo šest let. "
    assert [judged(once * times).language for times in (1, 10, 100)] == ["cs"] * 3


@pytest.mark.parametrize("text", ["1234", "…", " \n", "☃"])
def test_a_text_without_a_letter_costs_nothing(text):
    with pytest.raises(ServiceError, match="no letter"):
        judged(text)


def test_too_much_is_refused_before_it_is_judged():
    with pytest.raises(ServiceError, match="send it in parts"):
        judged("a " * (MOST + 1))
    assert judged("a " * MOST).tokens == MOST


async def test_each_token_is_charged_and_the_most_is_the_price():
    answer = await run(LanguageArguments("one two three"), None)
    assert answer.charge == METER.charge(3) == 6
    assert METER.charge(MOST) == SERVICE.amount
    told = msgspec.json.decode(answer.body)
    assert (told["language"], told["tokens"], len(told["guesses"])) == ("en", 3, 3)
    assert told["method"]["accuracy"] == held_out().accuracy


def test_a_script_is_told_by_its_letters():
    assert [script(one) for one in ("abc", "где", "你好", "เรือ")] == ["LATIN", "CYRILLIC", "CJK", "THAI"]
