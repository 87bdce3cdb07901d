"""Of a registry's events only feedback counts that a payment is behind, and no block is read twice."""

import pytest
from eth_abi.abi import encode

from protocol.feedback import FeedbackFile, PaymentProof, as_uri, file_hash
from protocol.hashing import keccak
from scripts.accounts import account
from server.application import read_reputation as reading
from server.application.read_reputation import LOOK_EVERY, NEW_FEEDBACK, REVOKED, read_reputation
from server.domain.evidence import TRANSFER, LoggedEvent, Mined, RawLog, topic
from server.domain.reputation import Identity, ReputationCursor
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, put
from tests.fakes.registries import IDENTITIES, REPUTATION
from tests.fakes.samples import NETWORK, NOW

PAYER, PAYEE = account("buyer").address, account("merchant").address
PAID, BLOCK, READ, AGENT, PRICE = "0x" + "aa" * 32, 8, 10, 7, 50_000


class Chain(Liar):
    """So many final blocks, with the payment in one of them and these events in another."""

    def __init__(self, final, *events):
        logs = (RawLog(DOLLAR.address, (TRANSFER, topic(PAYER), topic(PAYEE)), PRICE.to_bytes(32, "big"), 0),)
        mined = Mined(PAID, True, BLOCK, "0xblock", 21_000, logs)
        super().__init__(None, final_block=final, block_hash=lambda n: f"0x{n}", events=list(events), mined=mined)


def feedback(*topics):
    """What the registry logs of a review of the payment, with other topics if there are any."""
    proof = PaymentProof(from_address=PAYER, to_address=PAYEE, chain_id="31337", tx_hash=PAID)
    content = FeedbackFile(client_address=PAYER, created_at="now", value=90, proof_of_payment=proof).encode()
    stated = bytes.fromhex(file_hash(content)[2:])
    kinds = ("uint64", "int128", "uint8", "string", "string", "string", "string", "bytes32")
    data = encode(kinds, [1, 90, 0, "", "", "", as_uri(content), stated])
    return LoggedEvent("0xgiven", READ + 1, "0x11", RawLog(REPUTATION, topics, data, 0))


@pytest.fixture
def opened(clock, monkeypatch):
    """Makes a paddock with a paid order and a merchant's agent, whose registry was read up to a block."""

    async def known(_paddock, _network):
        return True

    async def make(chain):
        paddock = bare_paddock(clock, chain)
        order = await put(paddock, samples.order(asset=DOLLAR.address, amount=PRICE))
        row = samples.entry(order, transaction=PAID, block=BLOCK, block_hash="0xblock")
        async with paddock.db.begin("made up") as work:
            await work.ledger.add(row)
            await work.reputation.put_identity(Identity(NETWORK, "paddock", IDENTITIES, AGENT, PAYEE, "", True, NOW))
            await work.reputation.move(ReputationCursor(NETWORK, READ, f"0x{READ}"))
        return paddock

    monkeypatch.setattr(reading, "check_identities", known)
    return make


async def cursor(paddock):
    async with paddock.db.read() as view:
        return await view.reputation.cursor(NETWORK)


NAMED = (AGENT.to_bytes(32, "big"), topic(PAYER), keccak(b"tag"))


@pytest.mark.parametrize(
    ("topics", "counted"),
    [
        ((NEW_FEEDBACK, *NAMED), 1),
        ((REVOKED, *NAMED), 0),
        ((NEW_FEEDBACK, *NAMED, NAMED[0]), 0),
        ((NEW_FEEDBACK, *NAMED[:2]), 0),
        ((NEW_FEEDBACK,), 0),
        ((), 0),
    ],
    ids=["feedback", "another event", "a topic too many", "a topic too few", "its name alone", "no topic"],
)
async def test_only_what_is_logged_as_new_feedback_is_counted_and_the_rest_is_passed(opened, topics, counted):
    paddock = await opened(Chain(READ + 1, feedback(*topics)))
    assert await read_reputation(paddock, NETWORK) == LOOK_EVERY
    async with paddock.db.read() as view:
        assert sum(one.reviews for one in await view.reputation.tallies()) == counted
    assert (await cursor(paddock)).block == READ + 1


@pytest.mark.parametrize(("final", "asked"), [(READ - 1, 0), (READ, 0), (READ + 1, 1)])
async def test_only_blocks_that_were_not_read_are_asked_for(opened, final, asked):
    chain = Chain(final)
    paddock = await opened(chain)
    before = await cursor(paddock)
    assert await read_reputation(paddock, NETWORK) == LOOK_EVERY
    assert chain.asked["events"] == asked
    after = await cursor(paddock)
    assert (after.block, after == before) == (max(READ, final), not asked)
