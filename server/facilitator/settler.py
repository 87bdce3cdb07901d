"""The settler: one asynchronous sender per key, at once when idle, gathering a batch while one is in flight."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from protocol.networks import caip2
from server.application.pause import PauseWatch
from server.application.send import Prepared, look, prepare, record, sign
from server.domain import calls
from server.domain.errors import ChainUnavailable, DuplicateClaim, PaddockError, Reverted, StaleWrite
from server.domain.evidence import Mined, TransferLog, search_from, transfer_of
from server.domain.market import Market
from server.domain.sending import ChainTransaction
from server.domain.settlements import Settlement, SettlementState
from server.ports import Chain, Clock, Database, TransactionSigner

log = logging.getLogger(__name__)

MOST_IN_BATCH = 50
REBROADCAST = timedelta(seconds=2)
PURPOSE = "settle"


class Settler:
    """Sends queued settlements with one key and records their outcomes. `run` is its only task."""

    def __init__(
        self, db: Database, chain: Chain, clock: Clock, market: Market, signer: TransactionSigner, poll: float = 0.02
    ) -> None:
        self._db, self._chain, self._clock, self._market, self._signer = db, chain, clock, market, signer
        self._poll, self._pause = poll, PauseWatch()
        self._queue: asyncio.Queue[Settlement] = asyncio.Queue(maxsize=10_000)

    def offer(self, settlement: Settlement) -> None:
        """Queue a settlement whose row is stored; when the queue is full, the row waits for `run` to take it up."""
        with suppress(asyncio.QueueFull):
            self._queue.put_nowait(settlement)

    async def run(self) -> None:
        """Work for ever: first what an earlier process left behind, then the queue."""
        while True:
            try:
                await self._recover()
                await self._serve()
            except PaddockError as error:
                log.warning("the settler pauses: %s", error.detail)
                await self._clock.sleep(1.0)

    async def _serve(self) -> None:
        """Batch after batch; comes back to recovery whenever the queue stays empty for a while."""
        while True:
            try:
                first = await asyncio.wait_for(self._queue.get(), REBROADCAST.total_seconds())
            except TimeoutError:
                return
            waiting = [first]
            while not self._queue.empty() and len(waiting) < MOST_IN_BATCH:
                waiting.append(self._queue.get_nowait())
            batch = [item for item in waiting if calls.batchable(item.payment)]
            for odd in (item for item in waiting if not calls.batchable(item.payment)):
                await self._send([odd])
            if batch:
                await self._send(batch)

    async def _resumed(self) -> None:
        """Wait while settlement is paused: nothing is signed and no bytes go out, not even again."""
        while await self._pause.paused(self._db, self._clock):
            await self._clock.sleep(0.5)

    async def _recover(self) -> None:
        """Broadcast signed bytes again, record what was mined, and take over what a dead process had queued."""
        await self._resumed()
        async with self._db.read() as view:
            unmined = await view.transactions.unmined(caip2(self._market.chain_id), self._signer.address)
            abandoned = await view.settlements.abandoned(self._clock.now(), MOST_IN_BATCH)
        for transaction in unmined:
            mined = await look(self._chain, transaction)
            if mined:
                await self._record(mined)
        for settlement in abandoned:
            settlement.lease_until = self._clock.now() + 10 * REBROADCAST
            try:
                async with self._db.begin("settlement taken over") as work:
                    await work.settlements.save(settlement)
            except StaleWrite:
                continue
            self.offer(settlement)

    async def _send(self, batch: list[Settlement]) -> None:
        await self._resumed()
        prepared = await self._prepare(batch)
        if prepared is None:
            return
        try:
            async with self._db.begin("settlement signed") as work:
                transaction = await sign(work, self._signer, self._market.chain_id, prepared, PURPOSE, "")
                for settlement in batch:
                    settlement.move(SettlementState.SENT, transaction.hash)
                    await work.settlements.save(settlement)
        except (StaleWrite, DuplicateClaim) as error:  # another process took one of them over: it has them all again
            log.warning("a batch of %d was not sent: %s", len(batch), error.detail)
            return
        await self._chain.send(transaction.raw)
        await self._record(await self._mined(transaction))

    async def _prepare(self, batch: list[Settlement]) -> Prepared | None:
        to, data = self._call(batch)
        try:
            return await prepare(self._chain, self._signer, to, data)
        except Reverted as error:
            if len(batch) > 1:
                for settlement in batch:
                    await self._send([settlement])
                return None
            await self._judge(batch[0], None, calls.describe_revert((), error.data))
            async with self._db.begin("settlement refused") as work:
                await work.settlements.save(batch[0])
            return None

    def _call(self, batch: Sequence[Settlement]) -> tuple[str, bytes]:
        """One payment goes to the token itself, several through BatchSettler."""
        if len(batch) == 1:
            return batch[0].payment.asset, calls.payment_call(batch[0].payment)
        contract = self._market.contracts["BatchSettler"].address
        return contract, calls.settle_batch(self._market.asset.address, [item.payment for item in batch])

    async def _mined(self, transaction: ChainTransaction) -> Mined:
        """Wait for the outcome; the same bytes go out again every now and then, in case they were dropped."""
        resend_at = self._clock.now() + REBROADCAST
        while True:
            try:
                mined = await self._chain.mined(transaction.hash)
                if mined:
                    return mined
                if self._clock.now() >= resend_at:
                    await self._chain.send(transaction.raw)
                    resend_at = self._clock.now() + REBROADCAST
            except ChainUnavailable as error:
                log.warning("waiting for %s: %s", transaction.hash, error.detail)
                await self._clock.sleep(1.0)
            await self._clock.sleep(self._poll)

    async def _record(self, mined: Mined) -> None:
        async with self._db.read() as view:
            sent = await view.settlements.sent_in(mined.transaction)
        for settlement in sent:
            payment = settlement.payment
            transfer = transfer_of(mined, payment.asset, payment.transfer.payer, payment.transfer.nonce)
            await self._judge(settlement, transfer, "invalid_transaction_state")
        async with self._db.begin("settlement recorded") as work:
            await record(work, mined)
            for settlement in sent:
                await work.settlements.save(settlement)

    async def _judge(self, settlement: Settlement, transfer: TransferLog | None, reason: str) -> None:
        """Settled if the Transfer is there, in our transaction or in a stranger's who was first; else failed."""
        payment = settlement.payment.transfer
        asset = settlement.payment.asset
        if transfer is None and await self._chain.authorization_used(asset, payment.payer, payment.nonce):
            transfer = await self._chain.authorization_transfer(
                asset, payment.payer, payment.nonce, search_from(settlement.since_block)
            )
            reason = "invalid_exact_evm_nonce_already_used"
        pays = transfer and (transfer.recipient, transfer.amount) == (payment.to, payment.value)
        if transfer and pays:
            settlement.move(SettlementState.SETTLED, transfer.transaction)
        else:
            settlement.move(SettlementState.FAILED, settlement.transaction, reason[:100])
