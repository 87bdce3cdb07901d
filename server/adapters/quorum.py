"""One EVM chain by several nodes: what a quorum of them says counts, and no single one of them is believed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import methodcaller
from typing import Any, cast

from server.adapters import ballots
from server.adapters.ballots import Answer, Decide, Decision
from server.adapters.nodes import Node, NodeChain
from server.domain.evidence import LoggedEvent, Mined, Spend, TransferLog
from server.domain.outages import ChainUnavailable
from server.ports import Call, Clock, Fees

GRACE = 0.25
"""Seconds that the other nodes get when a quorum has answered and more answers make a better decision."""
AGAIN = 0.5
"""Seconds after which nodes that disagreed are asked once more: a new block reaches them at different moments."""

Question = Callable[[NodeChain], Awaitable[Any]]
_Asking = asyncio.Task[Answer | None]


@dataclass(frozen=True, slots=True)
class _Matter:
    """What nodes are asked, and how their answers are decided on: at once, or with those that are in time once there
    are `enough`. With `blame` a failure is a fault of the node's."""

    what: str
    question: Question
    decide: Decide
    enough: int | None = None
    blame: bool = True


class QuorumChain:
    """Implements ports.Chain over several nodes; with more than half of them as quorum, two answers cannot both count.

    Facts (`_agree`) need a quorum of equal answers, and the first such quorum is enough: a node that hangs delays
    nothing. Whoever says otherwise is outvoted, counted, and left out for a while if it goes on. Without a quorum it is
    ChainUnavailable, after a second try: in doubt, never a grant and never a refusal. Heights and nonces (`_reached`)
    are those that a quorum has reached, so no node far ahead or behind moves them.
    """

    def __init__(self, nodes: Sequence[NodeChain], quorum: int, clock: Clock) -> None:
        if not len(nodes) < 2 * quorum <= 2 * len(nodes):
            raise ValueError(f"a quorum of {quorum} among {len(nodes)} nodes")
        self._nodes = [Node(chain, str(place), clock) for place, chain in enumerate(nodes, 1)]
        self._quorum, self._clock = quorum, clock
        self._stragglers: set[_Asking] = set()

    async def close(self) -> None:
        """End what is still being asked, and every node's connections."""
        for task in self._stragglers:
            task.cancel()
        await asyncio.gather(*self._stragglers, return_exceptions=True)
        for node in self._nodes:
            await node.chain.close()

    # ---------------------------------------------------------------------------------------------------- facts

    async def chain_id(self) -> int:
        return cast(int, await self._agree("chain_id"))

    async def client_version(self) -> str:
        return cast(str, await self._agree("client_version"))

    async def block_time(self, number: int) -> int:
        return cast(int, await self._agree("block_time", number))

    async def balance(self, address: str) -> int:
        return cast(int, await self._agree("balance", address))

    async def block_hash(self, number: int) -> str | None:
        return cast(str | None, await self._agree("block_hash", number))

    async def token_balance(self, asset: str, address: str, block: int | None = None) -> int:
        return cast(int, await self._agree("token_balance", asset, address, block))

    async def allowance(self, asset: str, owner: str, spender: str) -> int:
        return cast(int, await self._agree("allowance", asset, owner, spender))

    async def transaction_count(self, address: str, block: int | None = None) -> int:
        return cast(int, await self._agree("transaction_count", address, block))

    async def code(self, address: str) -> bytes:
        return cast(bytes, await self._agree("code", address))

    async def nonce_used(self, spend: Spend, block: int | None = None) -> bool:
        return cast(bool, await self._agree("nonce_used", spend, block))

    async def spent_in(self, spend: Spend, from_block: int) -> list[TransferLog]:
        return cast(list[TransferLog], await self._agree("spent_in", spend, from_block))

    async def mined(self, transaction: str) -> Mined | None:
        return cast(Mined | None, await self._agree("mined", transaction))

    async def events(self, contract: str, from_block: int, to_block: int) -> list[LoggedEvent]:
        return cast(list[LoggedEvent], await self._agree("events", contract, from_block, to_block))

    async def call(self, call: Call) -> bytes:
        return cast(bytes, await self._agree("call", call))

    async def preview(self, call: Call, code: Mapping[str, bytes]) -> bytes:
        return cast(bytes, await self._agree("preview", call, code))

    async def transfers(
        self, asset: str, address: str, from_block: int = 0, to_block: int | None = None
    ) -> list[TransferLog]:
        """All transfers up to the highest block for which a quorum shows the same ones (`ballots.common_logs`)."""

        async def question(node: NodeChain) -> tuple[int, list[TransferLog]]:
            height = await node.block_number()  # first: the logs are complete up to it, whatever is mined meanwhile
            return height, await node.transfers(asset, address, from_block, to_block)

        matter = _Matter("transfers", question, ballots.common_logs, enough=self._quorum)
        return cast(list[TransferLog], await self._decide(matter))

    # --------------------------------------------------------------------------------------- heights and amounts

    async def block_number(self) -> int:
        return await self._reached("block_number")

    async def recent_block(self) -> int:
        return await self._reached("recent_block")

    async def final_block(self) -> int:
        return await self._reached("final_block")

    async def next_nonce(self, address: str) -> int:
        """The nonce that a quorum has reached: the highest would let one node leave a gap that holds up the key."""
        return await self._reached("next_nonce", address)

    async def estimate_gas(self, call: Call) -> int:
        return cast(int, await self._weigh(ballots.enough_gas, "estimate_gas", call))

    async def fees(self) -> Fees:
        return cast(Fees, await self._weigh(ballots.fair_fees, "fees"))

    # -------------------------------------------------------------------------------------------------- sending

    async def send(self, raw: bytes) -> None:
        """To every node; one that takes the bytes is enough, and a refusal is no fault of a node's."""
        sending = _Matter("send", methodcaller("send", raw), ballots.anyone, enough=1, blame=False)
        if await self._round(self._nodes, sending, {}) is None:
            raise ChainUnavailable(f"no node took the transaction: {self._nodes[0].last_failure}")

    # ---------------------------------------------------------------------------------------------- the machinery

    async def _agree(self, method: str, *arguments: Any) -> Any:
        """What a quorum answers to a method of the port; a new reading method is one call of this."""
        return await self._decide(_Matter(method, methodcaller(method, *arguments), ballots.vote))

    async def _reached(self, method: str, *arguments: Any) -> int:
        return cast(int, await self._weigh(ballots.reached, method, *arguments))

    async def _weigh(self, decide: Decide, method: str, *arguments: Any) -> Any:
        """What comes of the answers of as many nodes as are in time."""
        return await self._decide(_Matter(method, methodcaller(method, *arguments), decide, enough=self._quorum))

    async def _decide(self, matter: _Matter) -> Any:
        """Ask those that are trusted, and when that comes to nothing all of them once more."""
        trusted = [node for node in self._nodes if node.trusted]
        decision = await self._round(trusted if len(trusted) >= self._quorum else self._nodes, matter, {})
        if decision is None:
            await self._clock.sleep(AGAIN)
            ballot: dict[str, Answer] = {}
            decision = await self._round(self._nodes, matter, ballot)
            if decision is None:
                raise ChainUnavailable(self._disagreement(matter.what, ballot))
        if decision.answer.reverted:
            raise decision.answer.reverted
        return decision.answer.value

    async def _round(self, nodes: Sequence[Node], matter: _Matter, ballot: dict[str, Answer]) -> Decision | None:
        """Ask these nodes at once and enter their answers; decides as they come in, or GRACE after enough of them.

        Who has not answered by then goes on in the background, to the end of its own timeout: a kept connection stays,
        and whoever hangs or lies slowly is found out.
        """
        asked = {asyncio.create_task(node.ask(matter.question)): node for node in nodes}
        pending, decision = set(asked), None
        try:
            while pending and decision is None:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                _enter(ballot, asked, done, matter)
                if matter.enough and pending and len(ballot) >= matter.enough:
                    done, pending = await self._grace(pending)
                    _enter(ballot, asked, done, matter)
                decision = matter.decide(ballot, self._quorum)
        finally:
            for task in pending:
                self._leave(task, asked[task], matter, ballot) if decision else task.cancel()
        _judge(nodes, decision, matter)
        return decision

    async def _grace(self, pending: set[_Asking]) -> tuple[set[_Asking], set[_Asking]]:
        """Those that are done within GRACE, and the others."""
        over, all_done = asyncio.create_task(self._clock.sleep(GRACE)), asyncio.create_task(asyncio.wait(pending))
        try:
            await asyncio.wait({over, all_done}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            all_done.cancel()
        done = {task for task in pending if task.done()}
        return done, pending - done

    def _leave(self, task: _Asking, node: Node, matter: _Matter, ballot: dict[str, Answer]) -> None:
        """Let a question go on whose answer can change nothing any more, and judge its node by it."""

        def ended(task: _Asking) -> None:
            self._stragglers.discard(task)
            if not task.cancelled():
                _enter(ballot, {task: node}, [task], matter)
                _judge([node], matter.decide(ballot, self._quorum), matter)

        self._stragglers.add(task)
        task.add_done_callback(ended)

    def _disagreement(self, what: str, ballot: ballots.Ballot) -> str:
        silent = len(self._nodes) - len(ballot)
        told = f"{ballots.describe(ballot.values())}, {silent} silent"
        return f"the nodes disagree about {what}: {told}; {self._quorum} of {len(self._nodes)} must agree"


def _enter(ballot: dict[str, Answer], asked: Mapping[_Asking, Node], done: Iterable[_Asking], matter: _Matter) -> None:
    """Put the answers of those that are done into the ballot; who gave none has failed."""
    for task in done:
        node, answer = asked[task], task.result()
        if answer:
            ballot[node.name] = answer
        elif matter.blame:
            node.strayed("failed", matter.what)


def _judge(nodes: Iterable[Node], decision: Decision | None, matter: _Matter) -> None:
    """Tell these nodes what a vote showed of them."""
    for node in nodes:
        if decision and node.name in decision.supporters:
            node.agreed()
        elif decision and node.name in decision.dissenters:
            node.strayed("outvoted", matter.what)
