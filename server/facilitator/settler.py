"""The settler: one asynchronous sender per key, at once when idle, gathering a batch while one is in flight."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from protocol.errors import ProtocolError
from server.application.paddock import Ground
from server.application.pause import PauseWatch
from server.application.resend import gone_from_chain, see_mined
from server.application.send import GAS_MARGIN, Prepared, outcome, prepare, sign
from server.domain import calls
from server.domain.errors import PaddockError, Reverted, StaleWrite
from server.domain.evidence import Mined, search_from, spend_of, that_moved, transfers_of
from server.domain.payment_calls import batchable, settle_batch
from server.domain.sending import ChainTransaction
from server.domain.settlement_calls import errors_of, most_gas, settlement_call
from server.domain.settlements import Settlement, SettlementState
from server.facilitator.wakeups import Wakeups
from server.ports import Clock, Database, TransactionSigner

log = logging.getLogger(__name__)

MOST_IN_BATCH = 50
MOST_IN_FLIGHT = 4
TIDY_EVERY = timedelta(seconds=2)
LEASE = 10 * TIDY_EVERY
"""After which a row in nobody's queue is another process's to take over."""
PURPOSE = "settle"
SOONEST, LATEST = 0.002, 0.25
"""Seconds between two looks for what is in flight."""
LATENESS = 0.125
"""A look comes at most this part of the time too late that the newest transaction has been in flight: soon on a chain
that mines at once, and 41 looks within a block of two seconds."""


class Settler:
    """Sends queued settlements of one network with one key and records their outcomes. `run` is its only task."""

    def __init__(self, db: Database, ground: Ground, clock: Clock, signer: TransactionSigner) -> None:
        self._db, self._ground, self._clock, self._signer = db, ground, clock, signer
        self._chain, self._network = ground.chain, ground.market.network
        self._pause = PauseWatch()
        self._queue: asyncio.Queue[Settlement] = asyncio.Queue(maxsize=10_000)
        self._queued: set[str] = set()
        self._flying: dict[str, ChainTransaction] = {}
        self._wakeups = Wakeups(clock)

    @property
    def address(self) -> str:
        """Its key's address."""
        return self._signer.address

    @property
    def load(self) -> int:
        """How much it has to do: payments that wait, and chain transactions in flight."""
        return self._queue.qsize() + len(self._flying)

    def offer(self, settlement: Settlement) -> None:
        """Queue a settlement whose row is stored; when the queue is full, the row waits for `run` to take it up."""
        with suppress(asyncio.QueueFull):
            self._queue.put_nowait(settlement)
            self._queued.add(settlement.id)
            self._wakeups.change()

    async def recorded(self, settlement_id: str, timeout: float) -> Settlement | None:
        """Wait until an outcome may be recorded, or so many seconds: the settlement, if this process stored it so."""
        return await self._wakeups.wait(settlement_id, timeout)

    async def run(self) -> None:
        """Work for ever; what one loop stumbles over stops no other. Cancelled, it ends when all of them have."""
        async with asyncio.TaskGroup() as loops:
            for loop in (self._feed, self._watch, self._tidy):
                loops.create_task(self._again(loop))

    async def _again(self, loop: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await loop()
            except PaddockError as error:
                log.warning("the settler pauses: %s", error.detail)
                await self._clock.sleep(1.0)

    # ----------------------------------------------------------------------------------------------------- sending

    async def _feed(self) -> None:
        """Batch after batch."""
        while True:
            waiting = [await self._queue.get()]
            while self._must_gather(len(waiting)):
                await self._wakeups.next_change(1.0)
            while not self._queue.empty() and len(waiting) < MOST_IN_BATCH:
                waiting.append(self._queue.get_nowait())
            self._queued.difference_update(one.id for one in waiting)
            try:
                for batch in _batches(waiting):
                    await self._send(batch)
            except PaddockError:
                for settlement in waiting:
                    if settlement.state is SettlementState.QUEUED:
                        self.offer(settlement)
                raise

    def _must_gather(self, taken: int) -> bool:
        """While something is in flight, only a full batch goes out beside it."""
        full = taken + self._queue.qsize() >= MOST_IN_BATCH
        return bool(self._flying) and (not full or len(self._flying) >= MOST_IN_FLIGHT)

    async def _resumed(self) -> None:
        """Wait while settlement is paused: nothing is signed and no bytes go out, not even again."""
        while await self._pause.paused(self._db, self._clock):
            await self._clock.sleep(0.5)

    async def _send(self, batch: list[Settlement]) -> None:
        await self._resumed()
        prepared = await self._prepare(batch)
        if prepared is None:
            return
        chain_id, versions = self._ground.market.chain_id, {one.id: one.version for one in batch}
        try:
            async with self._db.begin("settlement signed") as work:
                transaction = await sign(work, self._clock, self._signer, chain_id, prepared, PURPOSE, "")
                for settlement in batch:
                    settlement.move(SettlementState.SENT)
                    settlement.sent_in = transaction.hash
                    await work.settlements.save(settlement)
        except StaleWrite as error:  # another process took some of them over
            log.warning("a batch of %d was not sent: %s", len(batch), error.detail)
            await self._offer_again(versions)
            return
        self._flying[transaction.hash] = transaction
        try:
            await self._chain.send(transaction.newest.raw)
        finally:
            self._wakeups.sent()

    async def _offer_again(self, versions: Mapping[str, int]) -> None:
        """Those of a batch that nobody else changed; the others are another process's."""
        async with self._db.read() as view:
            stored = [await view.settlements.get(one) for one in versions]
        for one in stored:
            if one and one.state is SettlementState.QUEUED and one.version == versions[one.id]:
                self.offer(one)

    async def _prepare(self, batch: list[Settlement]) -> Prepared | None:
        try:
            prepared = await prepare(self._chain, self._signer, *self._call(batch))
        except Reverted as error:
            if len(batch) == 1:
                abi = errors_of(self._ground.market, batch[0].payment)
                await self._refuse(batch[0], calls.describe_revert(abi, error.data))
            else:
                for settlement in batch:
                    await self._send([settlement])
            return None
        except ProtocolError as error:  # its factory was struck off the list meanwhile
            await self._refuse(batch[0], error.reason)
            return None
        if len(batch) == 1 and prepared.gas > most_gas(self._ground.market, batch[0].payment) * GAS_MARGIN:
            await self._refuse(batch[0], f"settling it would use {prepared.gas} gas")
            return None
        return prepared

    async def _refuse(self, settlement: Settlement, reason: str) -> None:
        """Nothing is sent: its money cannot move, or at a price that nobody pays for a payment."""
        await self._judge(settlement, None, reason)
        async with self._db.begin("settlement refused") as work:
            await work.settlements.save(settlement)
        self._wakeups.recorded([settlement])

    def _call(self, batch: Sequence[Settlement]) -> tuple[str, bytes]:
        """One payment goes to the token, to Permit2's proxy or to WalletSettler, several through BatchSettler."""
        if len(batch) == 1:
            return settlement_call(self._ground.market, batch[0].payment, batch[0].amount)
        contract = self._ground.market.contracts["BatchSettler"].address
        return contract, settle_batch(batch[0].payment.asset, [item.payment for item in batch])

    # --------------------------------------------------------------------------------------------------- recording

    async def _watch(self) -> None:
        """See what is in flight mined."""
        while True:
            for transaction in list(self._flying.values()):
                mined = await outcome(self._chain, transaction)
                if mined:
                    await self._record(transaction, mined)
            await self._wakeups.next_sent(self._until_next_look())

    def _until_next_look(self) -> float:
        if not self._flying:
            return 1.0
        newest = max(one.newest.signed_at for one in self._flying.values())
        return min(max((self._clock.now() - newest).total_seconds() * LATENESS, SOONEST), LATEST)

    async def _record(self, transaction: ChainTransaction, mined: Mined) -> None:
        """Write down what a chain transaction did to each payment that it carries."""
        async with self._db.read() as view:
            sent = await view.settlements.sent_in(transaction.hash)
        changed = [one for one in sent if one.state is SettlementState.SENT]
        for settlement in changed:
            await self._judge(settlement, mined, "invalid_transaction_state")
        try:
            async with self._db.begin("settlement recorded") as work:
                await work.transactions.record(transaction.hash, mined)
                for settlement in changed:
                    await work.settlements.save(settlement)
            tell = self._wakeups.recorded
        except StaleWrite:  # another process with this key recorded it
            tell = self._wakeups.wake
        self._flying.pop(transaction.hash, None)
        tell(sent)

    async def _judge(self, settlement: Settlement, mined: Mined | None, reason: str) -> None:
        """Settled if its Transfer is there, in our transaction or in a stranger's who was first; else failed."""
        spend = spend_of(settlement.payment)
        found = that_moved(transfers_of(mined, spend), spend, settlement.amount) if mined else []
        if not found and await self._chain.nonce_used(spend):
            strangers = await self._chain.spent_in(spend, search_from(settlement.since_block))
            found = that_moved(strangers, spend, settlement.amount)
            reason = "invalid_exact_evm_nonce_already_used"
        if found:
            settlement.move(SettlementState.SETTLED, found[0].transaction)
        else:
            settlement.move(SettlementState.FAILED, mined.transaction if mined else None, reason[:100])

    # ------------------------------------------------------------------------------------------------------ tidying

    async def _tidy(self) -> None:
        """What was left behind or taken back: unmined bytes, queued rows of dead processes, reorganised blocks."""
        while True:
            await self._resumed()
            await self._reopen()
            await self._hold()
            await see_mined(self._db, self._chain, self._clock, self._network, self._signer, self._land)
            known = set(self._flying)
            async with self._db.read() as view:
                unmined = {one.hash: one for one in await view.transactions.unmined(self._network, self.address)}
                abandoned = await view.settlements.abandoned(self._network, self._clock.now(), MOST_IN_BATCH)
                elsewhere = {one: await view.settlements.sent_in(one) for one in known - unmined.keys()}
            for hash_, recorded in elsewhere.items():
                self._flying.pop(hash_, None)
                self._wakeups.wake(recorded)
            self._flying |= unmined
            self._wakeups.change()
            self._wakeups.sent()
            for settlement in abandoned:
                await self._take_over(settlement)
            await self._clock.sleep(TIDY_EVERY.total_seconds())

    async def _land(self, transaction: ChainTransaction, mined: Mined | None) -> None:
        """A transaction that was mined, or, without an outcome, one whose nonce is lost: its payments start anew."""
        if mined:
            await self._record(transaction, mined)
            return
        async with self._db.begin("settlement nonce lost") as work:
            await work.transactions.lose(transaction.hash)
            for settlement in await work.settlements.sent_in(transaction.hash):
                if settlement.state is SettlementState.SENT:
                    settlement.move(SettlementState.QUEUED)
                    await work.settlements.save(settlement)

    async def _reopen(self) -> None:
        """A reorganisation took blocks of ours back: their transactions wait again, with the same bytes."""
        for transaction in await gone_from_chain(self._db, self._chain, self._network, self.address):
            log.warning("a reorganisation took back %s", transaction.hash)
            async with self._db.begin("settlement reopened") as work:
                await work.transactions.reopen(transaction.hash)
                for settlement in await work.settlements.sent_in(transaction.hash):
                    if settlement.state is SettlementState.SETTLED:
                        settlement.move(SettlementState.SENT)
                        await work.settlements.save(settlement)

    async def _hold(self) -> None:
        """Keep what waits in this process: a queue may be longer than a lease, and what is taken over is read anew."""
        if self._queued:
            async with self._db.begin("settlements held") as work:
                await work.settlements.hold(list(self._queued), self._clock.now() + LEASE)

    async def _take_over(self, settlement: Settlement) -> None:
        settlement.lease_until = self._clock.now() + LEASE
        try:
            async with self._db.begin("settlement taken over") as work:
                await work.settlements.save(settlement)
        except StaleWrite:
            return
        self.offer(settlement)


def _batches(waiting: list[Settlement]) -> list[list[Settlement]]:
    """What shares a transaction: payments in one asset that BatchSettler can pack; every other one goes alone."""
    together: dict[str, list[Settlement]] = {}
    alone: list[list[Settlement]] = []
    for settlement in waiting:
        if batchable(settlement.payment):
            together.setdefault(settlement.payment.asset, []).append(settlement)
        else:
            alone.append([settlement])
    return [*alone, *together.values()]
