"""The directory finds what a look at every service would find, and puts it into the same order."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.application import directory as directory_module
from server.application.directory import Directory, Listed
from server.application.ranks import Ranked
from server.services.service import Meter, words_of
from tests.simulation.world import service

WORDS = ("rain", "rainfall", "erc-721", "Token", "fall", "x402", "ü", "a.b")
METER = Meter("second", 1)
TEXTS = st.lists(st.sampled_from((*WORDS, "ain", "2", "-", "c-7", "nothing")), max_size=4).map(" ".join)


@st.composite
def shelves(draw):
    """Services with words of few, and scores."""
    count = draw(st.integers(0, 8))
    said = [" ".join(draw(st.lists(st.sampled_from(WORDS), max_size=3))) for _ in range(count)]
    made = [service(f"s{place}", None, summary=words) for place, words in enumerate(said)]
    scores = {one.slug: draw(st.integers(0, 3)) for one in made}
    return {one.slug: one for one in made}, Ranked(scores=scores)


@pytest.mark.parametrize("common", [1, 4, 64], ids=["no word is common", "some are", "all are"])
@given(st.lists(shelves(), min_size=1, max_size=3), TEXTS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_kept_index_finds_what_a_look_at_every_service_finds(common, monkeypatch, changes, text):
    monkeypatch.setattr(directory_module, "COMMON", common)
    directory = Directory()
    for services, ranked in changes:
        listed = directory.read(services, ranked)
        order = sorted(services.values(), key=ranked.score, reverse=True)
        assert listed.services == order
        having = [one for one in order if all(part in one.described for part in text.lower().split())]
        for offset, most in ((0, 100), (0, 2), (1, 2), (9, 2), (10**30, 2)):
            assert listed.find(text, offset, most) == (len(having), having[offset : offset + most])
        shared = {one.slug for one in order if words_of(text) & one.words}
        found = listed.search(text, 100)
        assert {one.slug for one in found} == shared
        for most in (1, 2, 3):
            assert listed.search(text, most) == found[:most], "what ends early has lost none of the best"


def test_what_did_not_change_is_not_put_in_order_again():
    services, ranked, directory = {"a": service("a", None)}, Ranked(), Directory()
    first = directory.read(services, ranked)
    assert directory.read(dict(services), ranked) is first
    assert directory.read(services, Ranked()) is not first


@pytest.mark.parametrize("text", ["rainfall", "rainfall data", "api call for rainfall"])
def test_a_search_of_ten_thousand_listings_looks_at_no_more_of_them_than_one_of_a_hundred(text, monkeypatch):
    looked = Counter()
    turns_of = Listed._turns_of

    def counted(self, word):
        for turn in turns_of(self, word):
            looked[len(self.services)] += 1
            yield turn

    monkeypatch.setattr(Listed, "_turns_of", counted)
    for many in (100, 10_000):
        services = {f"s{place}": service(f"s{place}", None, summary="Rainfall") for place in range(many)}
        listed = Directory().read(services, Ranked(scores={f"s{place}": place % 50 for place in range(many)}))
        assert len(listed.search(text, 20)) == 20
    assert 0 < looked[10_000] <= 2 * looked[100]


@pytest.mark.parametrize(
    ("others", "first"),
    [
        ([], "plain"),
        ([{"amount": 29_999}], "s0"),
        ([{"amount": 30_001}], "plain"),
        ([{"amount": 1, "method": "POST"}], "plain"),
        ([{"amount": 1, "callback": "pass"}], "plain"),
        ([{"amount": 1, "meter": METER}], "plain"),
        ([{"amount": 1, "meter": METER}, {"amount": 2, "method": "POST", "meter": METER}, {"amount": 3}], "s2"),
    ],
    ids=["alone", "cheaper", "dearer", "a body", "a callback", "a meter", "the third"],
)
def test_the_first_to_buy_is_the_cheapest_that_a_url_alone_buys(others, first):
    """Guides and pages show it as the command to begin with: it must work as it stands."""
    made = [service(f"s{place}", None, **changes) for place, changes in enumerate(others)]
    services = {one.slug: one for one in (service("plain", None, amount=30_000), *made)}
    assert Directory().read(services, Ranked()).first == services[first]


def test_without_any_that_a_url_alone_buys_there_is_no_first():
    services = {"posted": service("posted", None, method="POST")}
    assert Directory().read(services, Ranked()).first is None


def test_a_word_that_nothing_on_sale_has_any_more_is_forgotten():
    """Listings come and go for as long as the process runs."""
    directory, left = Directory(), service("left", None, summary="rain")
    directory.read({"left": left, "gone": service("gone", None, summary="erc-721 rain")}, Ranked())
    listed = directory.read({"left": left}, Ranked())
    assert set(listed.index) == left.words
