"""What is on sale: the catalogue everywhere, and samples beside it on a devnet or where they are asked for."""

import pytest

from server import services
from server.bootstrap import Parts
from server.domain.errors import ConfigurationError
from server.services import CATALOGUE, on_sale
from server.services.samples import SAMPLES
from server.settings import load
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase
from tests.unit.test_documentation import foreign


def test_samples_are_sold_once_beside_the_catalogue_and_only_where_they_may_be(monkeypatch):
    assert on_sale(samples=False) == CATALOGUE
    own = next((one for one in CATALOGUE if one not in SAMPLES), CATALOGUE[0])
    monkeypatch.setattr(services, "CATALOGUE", (own, SAMPLES[0]))
    assert on_sale(samples=False) == (own, SAMPLES[0])
    sold = [one.slug for one in on_sale(samples=True)]
    assert set(sold) == {own.slug, *(one.slug for one in SAMPLES)}
    assert len(sold) == len(set(sold))


def test_samples_are_one_for_each_way_of_selling():
    assert {one.method for one in SAMPLES} == {"GET", "POST"}
    assert {one.mode for one in SAMPLES} == {"DIRECT", "DELEGATE"}
    assert any(one.metered for one in SAMPLES)
    assert any(one.held_seconds for one in SAMPLES)
    assert any(one.opened_by for one in SAMPLES)


@pytest.mark.parametrize(
    ("environ", "sold"),
    [
        ({"PADDOCK_DEVNET": "1"}, True),
        ({"PADDOCK_DEVNET": "1", "PADDOCK_SAMPLES": "0"}, False),
        (foreign(), False),
        (foreign() | {"PADDOCK_SAMPLES": "1"}, True),
    ],
    ids=["devnet", "devnet without", "elsewhere", "elsewhere with"],
)
def test_a_process_sells_them_on_a_devnet_unless_it_is_told_otherwise(monkeypatch, environ, sold):
    monkeypatch.setattr(services, "CATALOGUE", ())
    parts = Parts(load(environ), FakeDatabase(FakeClock()), {}, FakeClock())
    assert parts.sold == (SAMPLES if sold else ())


def test_a_word_that_is_no_switch_is_refused():
    with pytest.raises(ConfigurationError, match="PADDOCK_SAMPLES is 'some'; set it to 1 or 0"):
        load({"PADDOCK_DEVNET": "1", "PADDOCK_SAMPLES": "some"})
