"""The privacy filter's recall and precision on both corpora, and that the generated one stays what it is."""

import pytest

from agent.privacy import Label
from tests.privacy import scoring
from tests.privacy.corpus import corpus


@pytest.fixture(scope="module")
def generated() -> scoring.Score:
    return scoring.score(corpus())


@pytest.fixture(scope="module")
def unseen() -> scoring.Score:
    return scoring.score(scoring.unseen())


def test_p1_the_generated_corpus_is_found(generated):
    assert generated.f1() >= 0.95
    assert {label for label in Label if generated.f1(label) < 0.95} == set()


def test_p1_texts_that_nobody_tuned_on_are_found(unseen):
    assert unseen.f1() >= 0.85


def test_p1_names_that_nobody_tuned_on_are_found(unseen):
    assert unseen.recall(Label.NAME) >= 0.85
    assert unseen.precision(Label.NAME) >= 0.85


def test_p1_texts_that_were_sealed_until_the_rules_were_done_are_found_as_often_as_was_measured():
    """The goals are 0.85 and 0.85; this first look at them fell short of both, and nothing may fall further."""
    result = scoring.score(scoring.sealed())
    assert result.f1() >= 0.785
    assert result.recall(Label.NAME) >= 0.77


def test_p1_the_texts_that_the_rules_for_names_were_made_with_stay_found():
    """What was measured, less a percent: the rules were made with these, so no more than that nothing gets worse."""
    result = scoring.score(scoring.development())
    assert result.recall(Label.NAME) >= 0.95
    assert result.precision(Label.NAME) >= 0.95


def test_p2_disguised_texts_are_found_as_well_as_plain_ones():
    disguised = [one for one in corpus() if one.spans and (not one.text.isascii() or "%25" in one.text)]
    assert len(disguised) > 100
    assert scoring.score(disguised).recall() >= 0.95


def test_the_generated_corpus_is_the_same_each_time_and_has_harmless_texts():
    texts = corpus(size=300)
    assert texts == corpus(size=300)
    assert texts != corpus(seed=1, size=300)
    assert 0.2 < len([one for one in texts if not one.spans]) / len(texts) < 0.5
    assert {one.kind for one in texts} == {"url", "description", "body", "reason"}
    assert all(one.text[span.start : span.end] for one in texts for span in one.spans)


def test_a_span_is_found_by_one_finding_at_most_and_by_its_own_label_only():
    texts = [
        scoring.Sample("jane@example.com", "body", [scoring.Span(0, 16, Label.EMAIL)]),
        scoring.Sample("jane@example.com", "body", [scoring.Span(0, 16, Label.NAME)]),
        scoring.Sample("jane@example.com and more", "body", [scoring.Span(12, 25, Label.EMAIL)]),
    ]
    result = scoring.score(texts)
    assert (result.right[Label.EMAIL], result.made[Label.EMAIL]) == (1, 3)
    assert (result.recall(), result.precision()) == (1 / 3, 1 / 3)
