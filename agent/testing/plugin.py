"""The pytest plugin `paddock`: an honest and a hostile x402 seller for tests of software that pays.

pytest loads this module wherever Paddock is installed, so it imports nothing itself; the rest comes with the first
test that uses a fixture.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from agent.testing.seller import Seller

_CORPORA = {"hostile_seller": "hostile", "any_honest_seller": "honest"}
"""Fixtures by which a test runs once for each case of a corpus."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case."""
    for fixture, corpus in _CORPORA.items():
        if fixture in metafunc.fixturenames:
            cases = getattr(import_module("agent.testing.corpus"), corpus)()
            metafunc.parametrize(fixture, cases, ids=[case.name for case in cases], indirect=True)


@pytest.fixture
def honest_seller() -> "Iterator[Seller]":
    """An x402 seller on loopback that does as it should; see agent.testing.seller.Seller for what can be changed."""
    with import_module("agent.testing.stand").stand() as seller:
        yield seller


@pytest.fixture
def hostile_seller(request: pytest.FixtureRequest) -> "Iterator[Seller]":
    """The same seller that attacks: the test runs once for each attack of the corpus.

    End with `hostile_seller.assert_within(budget)`. Where not `may_be_paid`, nothing it ever asks is honest.
    """
    with import_module("agent.testing.stand").stand(request.param) as seller:
        yield seller


@pytest.fixture
def any_honest_seller(request: pytest.FixtureRequest) -> "Iterator[Seller]":
    """Honest sellers that differ as sellers do, one for each run of the test: a careful client still buys of each."""
    with import_module("agent.testing.stand").stand(request.param) as seller:
        yield seller
