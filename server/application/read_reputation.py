"""Read reputation: take what buyers say in a network's ERC-8004 registry, block by block, and count what is backed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from eth_abi.exceptions import DecodingError

from protocol.abi import values_in
from protocol.errors import ProtocolError
from protocol.feedback import PaymentProof, file_hash, in_uri, read_file, score_of
from protocol.hashing import keccak
from server.application.identities import Registrar, check_identities
from server.application.paddock import Ground, Paddock, ground_of
from server.application.review import Said, backed
from server.domain.calls import address_in, encode_call
from server.domain.evidence import LoggedEvent, search_from
from server.domain.reputation import REPUTATION_REGISTRY, Identity, ReputationCursor, Review, place_in
from server.ports import Call

READ_REPUTATION = "read_reputation"
"""The outbox's topic."""
MOST_BLOCKS = 500
LOOK_EVERY = 5.0
NEW_FEEDBACK = keccak(b"NewFeedback(uint256,address,uint64,int128,uint8,string,string,string,string,string,bytes32)")
REVOKED = keccak(b"FeedbackRevoked(uint256,address,uint64)")
_FIELDS = ("uint64", "int128", "uint8", "string", "string", "string", "string", "bytes32")


class Summary(NamedTuple):
    """What a registry makes of named reviewers: `value` divided by ten to the `decimals`."""

    feedback: int
    value: int
    decimals: int


async def read_reputation(paddock: Paddock, network: str) -> float | None:
    """One look; seconds until the next one, or None where no merchant is in a registry of this network.

    Only final blocks are read, and what they hold is written with the cursor: nothing is left out or counted twice.
    """
    ground = paddock.on(network)
    registry = ground.market.contracts.get(REPUTATION_REGISTRY)
    if registry is None:
        return None
    if not await check_identities(paddock, network):
        return None
    async with paddock.db.read() as view:
        cursor = await view.reputation.cursor(network)
        first = await view.books.first_block(network)
    final = await ground.chain.final_block()
    if cursor is None:
        begin = final if first is None else min(final, first)
        await _move(paddock, ground, ReputationCursor(network, begin, ""), begin)
        return 0.0 if begin < final else LOOK_EVERY
    if await ground.chain.block_hash(cursor.block) != cursor.block_hash:
        await _go_back(paddock, ground, cursor)
        return LOOK_EVERY
    last = min(final, cursor.block + MOST_BLOCKS)
    if last > cursor.block:
        await _read_on(paddock, ground, registry.address, cursor, last)
    return 0.0 if last < final else LOOK_EVERY


async def summary(registrar: Registrar, identity: Identity) -> Summary | None:
    """What the registry makes of those of a merchant's reviewers whose payments were found; None without any.

    It is asked of nobody else: most public reviewers are one person.
    """
    ground = ground_of(registrar.grounds, identity.network)
    registry = ground.market.contracts.get(REPUTATION_REGISTRY)
    async with registrar.db.read() as view:
        reviewers = list(await view.reputation.reviewers(identity.network, identity.merchant))
    if registry is None or not reviewers:
        return None
    asked = encode_call("getSummary(uint256,address[],string,string)", identity.agent_id, reviewers, "", "")
    answer = await ground.chain.call(Call(registry.address, registry.address, asked))
    return Summary(*values_in(["uint64", "int128", "uint8"], answer))


async def _move(paddock: Paddock, ground: Ground, cursor: ReputationCursor, block: int) -> None:
    """Nothing between the cursor and that block is asked for."""
    block_hash = await ground.chain.block_hash(block)
    if block_hash:
        async with paddock.db.begin("feedback looked for") as work:
            await work.reputation.move(replace(cursor, block=block, block_hash=block_hash))


async def _go_back(paddock: Paddock, ground: Ground, cursor: ReputationCursor) -> None:
    """A block that was final is another one now: forget what was read since well before it, and read again."""
    if await ground.chain.block_hash(cursor.block) is None:
        return  # this node lags behind
    back = search_from(cursor.block)
    block_hash = await ground.chain.block_hash(back)
    if block_hash:
        async with paddock.db.begin("feedback dropped") as work:
            await work.reputation.drop_above(cursor.network, back)
            await work.reputation.move(replace(cursor, block=back, block_hash=block_hash))


async def _read_on(paddock: Paddock, ground: Ground, registry: str, cursor: ReputationCursor, last: int) -> None:
    block_hash = await ground.chain.block_hash(last)
    events = await ground.chain.events(registry, cursor.block + 1, last)
    async with paddock.db.read() as view:
        known = [one for one in await view.reputation.identities() if one.network == cursor.network]
    found = [await _candidates(paddock, registry, event, known) for event in events]
    if block_hash is None or await ground.chain.block_hash(last) != block_hash:
        return
    async with paddock.db.begin("feedback read") as work:
        for event, candidates in zip(events, found, strict=True):
            withdrawn = _withdrawn(registry, event)
            if withdrawn:
                await work.reputation.withdraw(cursor.network, withdrawn)
            for one in candidates:
                if await work.reputation.add(one):
                    break
        await work.reputation.move(replace(cursor, block=last, block_hash=block_hash))


async def _candidates(
    paddock: Paddock, registry: str, event: LoggedEvent, known: Sequence[Identity]
) -> Sequence[Review]:
    """The reviews that an event could be, of the merchant whose agent it names; empty for all that is not backed."""
    topics = event.log.topics
    if len(topics) != 4 or topics[0] != NEW_FEEDBACK:
        return []
    agent, reviewer = int.from_bytes(topics[1], "big"), address_in(topics[2])
    named = [one for one in known if one.agent_id == agent]
    if not named:
        return []
    try:
        index, value, decimals, _, _, _, uri, stated = values_in(_FIELDS, event.log.data)
        score, proof = score_of(value, decimals), _proof(uri, stated)
        if proof is None or proof.network != named[0].network:
            return []
    except (DecodingError, ProtocolError):
        return []
    said = Said(
        network=named[0].network,
        transaction=proof.tx_hash,
        log_index=proof.log_index,
        reviewer=reviewer,
        score=score,
        file_hash="0x" + stated.hex(),
        at=paddock.clock.now(),
        given_in=place_in(registry, agent, reviewer, index),
        given_block=event.block,
    )
    return [one for one in await backed(paddock, said) if one.merchant in {its.merchant for its in named}]


def _proof(uri: str, stated: bytes) -> PaymentProof | None:
    """The proof in a file that the event holds and hashes; one that would have to be fetched is not looked at."""
    content = in_uri(uri)
    if content is None or file_hash(content) != "0x" + stated.hex():
        return None
    return read_file(content).proof_of_payment


def _withdrawn(registry: str, event: LoggedEvent) -> str | None:
    topics = event.log.topics
    if len(topics) != 4 or topics[0] != REVOKED:
        return None
    agent, index = (int.from_bytes(topics[place], "big") for place in (1, 3))
    return place_in(registry, agent, address_in(topics[2]), index)
