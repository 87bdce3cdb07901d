"""A batch is anchored where the contract says so of this very batch, in a chain transaction that succeeded."""

from dataclasses import replace

import pytest

from protocol.chains import stream_of
from server.domain.anchors import ANCHORED, Anchor, Site
from server.domain.evidence import Mined, RawLog, topic, word
from tests.fakes.anchors import ANCHOR
from tests.fakes.samples import NETWORK, TOKEN
from tests.unit.protocol_samples import PAYER, SHOP

ROOT, HEAD = b"\3" * 32, b"\4" * 32
BATCH = Anchor(Site(NETWORK, ANCHOR, SHOP), "paddock", 1, 5, 9, ROOT, HEAD, "0xaa")
SAID = RawLog(ANCHOR, (ANCHORED, topic(SHOP), stream_of("paddock")), word(5) + word(9) + ROOT + HEAD, 3)
ANOTHER = RawLog(TOKEN, (), b"", 2)


@pytest.mark.parametrize(
    ("log", "succeeded", "anchored"),
    [
        (SAID, True, True),
        (SAID, False, False),
        (ANOTHER, True, False),
        (replace(SAID, address=TOKEN), True, False),
        (replace(SAID, topics=(ANCHORED, topic(PAYER.address), stream_of("paddock"))), True, False),
        (replace(SAID, topics=(ANCHORED, topic(SHOP), stream_of("acme"))), True, False),
        (replace(SAID, data=word(5) + word(8) + ROOT + HEAD), True, False),
        (replace(SAID, data=word(5) + word(9) + HEAD + HEAD), True, False),
    ],
    ids=["it", "reverted", "no event", "a contract", "a publisher", "a merchant", "an end", "a root"],
)
def test_w11_a_batch_is_anchored_by_its_own_event_of_a_transaction_that_succeeded(log, succeeded, anchored):
    assert BATCH.is_in(Mined("0xaa", succeeded, 12, "0xbb", 60_000, (ANOTHER, log))) is anchored
