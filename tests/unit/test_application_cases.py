"""G4: an open case is noted as gone only where ledger and chain were asked about its Transfer and agree."""

import pytest

from server.application.cases import note_agreement
from server.domain.cases import CaseKind, Opening
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock
from tests.fakes.samples import NETWORK

TRANSFER = "0x" + "aa" * 32


@pytest.mark.parametrize(
    ("subject", "noted"),
    [
        (f"{NETWORK}:{TRANSFER}:3", True),
        (f"{NETWORK}:delegate 0x12345678 0x12345678:9", False),
        (f"eip155:999:{TRANSFER}:3", False),
        ("eip155:999:delegate 0x12345678 0x12345678:9", False),
        (f"{NETWORK}:{TRANSFER}:3:in", False),
    ],
    ids=["a Transfer", "a balance", "of another network", "a balance of another network", "an arrival"],
)
async def test_only_a_transfer_of_a_known_network_is_looked_at_again(clock, subject, noted):
    chain = Liar(None, mined=None)
    paddock = bare_paddock(clock, chain)
    async with paddock.db.begin("case made up") as work:
        case = await work.cases.open(Opening(CaseKind.DIFFERENCE, subject, "they differ"))
    await note_agreement(paddock)
    async with paddock.db.read() as view:
        said = [event.what for event in await view.cases.timeline(case.id)]
    assert said == ["opened", *(["ledger and chain agree"] if noted else [])]
    assert chain.asked["mined"] == int(noted)
