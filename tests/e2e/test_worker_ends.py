"""A worker ends when it is told to, and when it cannot be put together: a supervisor must see it."""

import pytest

from tests.stack.marketplace import Marketplace
from tests.stack.processes import start_python

SECONDS = 10.0


@pytest.fixture
def place(anvil, sqlite_url, deployments, tmp_path):
    marketplace = Marketplace(tmp_path, anvil.url, sqlite_url, deployments)
    yield marketplace
    marketplace.stop()


def test_a_worker_ends_in_good_order_when_it_is_told_to(place):
    worker = place.start_worker()
    worker.process.terminate()
    assert worker.process.wait(SECONDS) == 0
    assert "Unexpected failure" not in worker.log()


def test_a_worker_that_cannot_be_put_together_says_why_and_ends(place, tmp_path):
    somebody = {"PADDOCK_DELEGATE_KEY": "0x" + "ab" * 32}
    worker = start_python("wrong-key", ["-m", "server.cli", "work"], tmp_path, place.environment | somebody)
    place.children.append(worker)
    assert worker.process.wait(SECONDS) == 2
    assert "PADDOCK_DELEGATE_KEY" in worker.log()
