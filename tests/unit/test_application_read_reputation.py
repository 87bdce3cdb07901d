"""Of a registry's events only feedback counts that a payment is behind, and no block is read twice."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from protocol.feedback import FeedbackFile, PaymentProof, as_uri, file_hash
from protocol.hashing import keccak
from scripts.accounts import account
from server.application import read_reputation as reading
from server.application.paddock import Ground
from server.application.read_reputation import (
    LOOK_EVERY,
    MOST_BLOCKS,
    NEW_FEEDBACK,
    REVOKED,
    read_reputation,
)
from server.domain.evidence import DEEPEST_REORG, TRANSFER, LoggedEvent, Mined, RawLog, topic
from server.domain.reputation import REPUTATION_REGISTRY, Identity, ReputationCursor, Review
from tests.fakes import samples
from tests.fakes.chain import DOLLAR, fake_market
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock, put
from tests.fakes.registries import IDENTITIES, REPUTATION
from tests.fakes.samples import NETWORK, NOW

PAYER, PAYEE = account("buyer").address, account("merchant").address
PAID, BLOCK, READ, AGENT, PRICE = "0x" + "aa" * 32, 8, 10, 7, 50_000


OURS = (Identity(NETWORK, "paddock", IDENTITIES, AGENT, PAYEE, "", True, NOW),)


class Chain(Liar):
    """So many final blocks, with the payment in one of them and these events in others."""

    def __init__(self, final, *events, block_hash=lambda n: f"0x{n}"):
        def within(_registry, first, last):
            return [one for one in events if first <= one.block <= last]

        logs = (RawLog(DOLLAR.address, (TRANSFER, topic(PAYER), topic(PAYEE)), PRICE.to_bytes(32, "big"), 0),)
        mined = Mined(PAID, True, BLOCK, "0xblock", 21_000, logs)
        super().__init__(None, final_block=final, block_hash=block_hash, events=within, mined=mined)


def feedback(*topics, block=READ + 1):
    """What the registry logs of a review of the payment, with other topics if there are any."""
    proof = PaymentProof(from_address=PAYER, to_address=PAYEE, chain_id="31337", tx_hash=PAID)
    content = FeedbackFile(client_address=PAYER, created_at="now", value=90, proof_of_payment=proof).encode()
    stated = bytes.fromhex(file_hash(content)[2:])
    kinds = ("uint64", "int128", "uint8", "string", "string", "string", "string", "bytes32")
    data = encode(kinds, [1, 90, 0, "", "", "", as_uri(content), stated])
    return LoggedEvent("0xgiven", block, f"0x{block}", RawLog(REPUTATION, topics, data, 0))


@pytest.fixture
def opened(clock, monkeypatch):
    """Makes a paddock with a paid order and a merchant's agent, whose registry was read up to a block."""

    async def known(_paddock, _network):
        return True

    async def make(chain, linked=OURS, read=READ):
        paddock = bare_paddock(clock, chain)
        order = await put(paddock, samples.order(asset=DOLLAR.address, amount=PRICE))
        row = samples.entry(order, transaction=PAID, block=BLOCK, block_hash="0xblock")
        async with paddock.db.begin("made up") as work:
            await work.ledger.add(row)
            for one in linked:
                await work.reputation.put_identity(one)
            if read is not None:
                await work.reputation.move(ReputationCursor(NETWORK, read, f"0x{read}"))
        return paddock

    monkeypatch.setattr(reading, "check_identities", known)
    return make


async def cursor(paddock):
    async with paddock.db.read() as view:
        return await view.reputation.cursor(NETWORK)


async def reviews(paddock):
    async with paddock.db.read() as view:
        return sum(one.reviews for one in await view.reputation.tallies())


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
    assert await reviews(paddock) == counted
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


GIVEN, WITHDRAWN = (NEW_FEEDBACK, *NAMED), (REVOKED, *NAMED[:2], (1).to_bytes(32, "big"))
ACME = replace(OURS[0], merchant="acme")
ABROAD = replace(OURS[0], network="eip155:8453")


@pytest.mark.parametrize(
    ("linked", "agent", "counted"),
    [
        (OURS, AGENT, 1),
        (OURS, AGENT + 1, 0),
        ((ACME,), AGENT, 0),
        ((ACME, ABROAD), AGENT, 0),
        ((ACME, replace(OURS[0], agent_id=AGENT + 1)), AGENT + 1, 1),
    ],
    ids=["its agent", "no merchant's", "another merchant's", "its number on another network", "its own of two"],
)
async def test_feedback_counts_for_the_merchant_that_was_paid_if_it_is_the_agent_on_that_network(
    opened, linked, agent, counted
):
    event = feedback(NEW_FEEDBACK, agent.to_bytes(32, "big"), *NAMED[1:])
    paddock = await opened(Chain(READ + 1, event), linked)
    assert await read_reputation(paddock, NETWORK) == LOOK_EVERY
    assert (await reviews(paddock), (await cursor(paddock)).block) == (counted, READ + 1)


@pytest.mark.parametrize(("block", "counted"), [(READ - 1, 0), (READ, 0), (READ + 1, 1), (READ + 2, 0)])
async def test_feedback_counts_in_the_blocks_after_those_read_and_up_to_the_final_one(opened, block, counted):
    paddock = await opened(Chain(READ + 1, feedback(*GIVEN, block=block)))
    await read_reputation(paddock, NETWORK)
    assert await reviews(paddock) == counted


async def test_feedback_that_is_withdrawn_counts_no_more_and_what_was_signed_for_us_stays(opened):
    paddock = await opened(Chain(READ + 2, feedback(*GIVEN), feedback(*WITHDRAWN, block=READ + 2)))
    async with paddock.db.begin("made up") as work:
        signed = Review(NETWORK, "0xother", 0, "order", "paddock", "echo", PAYER, 90, 1, "0x", NOW)
        await work.reputation.add(signed)
    await read_reputation(paddock, NETWORK)
    assert await reviews(paddock) == 1
    async with paddock.db.read() as view:
        assert await view.reputation.of(NETWORK, PAID, 0), "it was counted before"


# ------------------------------------------------------------------------------------------------------- which blocks


@pytest.mark.parametrize(
    ("final", "first", "after"),
    [(BLOCK + 1, BLOCK, 0.0), (BLOCK, BLOCK, LOOK_EVERY), (BLOCK - 1, BLOCK - 1, LOOK_EVERY)],
)
async def test_reading_begins_where_the_first_payment_was_booked_if_that_is_final(opened, final, first, after):
    paddock = await opened(Chain(final), read=None)
    assert await read_reputation(paddock, NETWORK) == after
    begun = await cursor(paddock)
    assert (begun.block, begun.block_hash) == (first, f"0x{first}")


@pytest.mark.parametrize(
    ("final", "read", "after"),
    [
        (READ + MOST_BLOCKS, READ + MOST_BLOCKS, LOOK_EVERY),
        (READ + MOST_BLOCKS + 1, READ + MOST_BLOCKS, 0.0),
    ],
)
async def test_who_is_behind_reads_so_many_blocks_and_goes_on_at_once(opened, final, read, after):
    paddock = await opened(Chain(final))
    assert await read_reputation(paddock, NETWORK) == after
    assert (await cursor(paddock)).block == read


async def test_a_node_that_has_not_the_first_block_yet_begins_nothing(opened):
    paddock = await opened(Chain(BLOCK, block_hash=None), read=None)
    await read_reputation(paddock, NETWORK)
    assert await cursor(paddock) is None


LATE = DEEPEST_REORG + READ


def hashes(*odd):
    """What a node says of blocks: of these numbers what is told, one after the other, and the usual of all others."""
    told = {number: list(said) for number, said in odd}

    def say(number):
        own = told.get(number)
        if own is None:
            return f"0x{number}"
        return own.pop(0) if len(own) > 1 else own[0]

    return say


@pytest.mark.parametrize(
    ("block_hash", "block", "counted"),
    [
        (hashes((LATE, ["0xother"])), READ, 0),
        (hashes((LATE, [None])), LATE, 1),
        (hashes((LATE, ["0xother"]), (READ, [None])), LATE, 1),
    ],
    ids=["another block", "a node that lags", "a node that forgot"],
)
async def test_only_where_a_read_block_is_another_one_is_what_was_read_since_forgotten(
    opened, block_hash, block, counted
):
    paddock = await opened(Chain(LATE + 5, block_hash=block_hash), read=LATE)
    async with paddock.db.begin("made up") as work:
        given = Review(NETWORK, PAID, 0, "order", "paddock", "echo", PAYER, 90, 1, "0x", NOW, "a place", LATE)
        await work.reputation.add(given)
    assert await read_reputation(paddock, NETWORK) == LOOK_EVERY
    found = await cursor(paddock)
    assert (found.block, found.block_hash, await reviews(paddock)) == (block, f"0x{block}", counted)


@pytest.mark.parametrize("said", [[None, None], ["0xone", "0xother"], ["0xone", None]], ids=str)
async def test_events_of_a_block_that_is_another_one_meanwhile_are_not_counted(opened, said):
    paddock = await opened(Chain(READ + 1, feedback(*GIVEN), block_hash=hashes((READ + 1, said))))
    await read_reputation(paddock, NETWORK)
    assert (await reviews(paddock), (await cursor(paddock)).block) == (0, READ)


async def test_without_a_reputation_registry_nothing_is_read(opened):
    chain, market = Chain(READ + 1, feedback(*GIVEN)), fake_market()
    paddock = await opened(chain)
    others = {name: one for name, one in market.contracts.items() if name != REPUTATION_REGISTRY}
    ground = Ground(replace(market, contracts=others), chain)
    assert await read_reputation(replace(paddock, grounds={NETWORK: ground}), NETWORK) is None
    assert (await cursor(paddock)).block == READ
