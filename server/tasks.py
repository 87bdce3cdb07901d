"""The Dramatiq actors, one for each of the outbox's topics: they take a job's ids and call one use case."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import dramatiq
from dramatiq import Broker
from dramatiq.brokers.stub import StubBroker

from server.application import announce, cases, deliver
from server.application.advance import advance
from server.application.anchor import anchor
from server.application.cases import watch_orders
from server.application.chain_receipts import chain_receipts
from server.application.close_hours import CLOSE_HOURS, close_hours
from server.application.endings import Ending
from server.application.execute import execute
from server.application.follow import follow
from server.application.keep_books import keep_books
from server.application.paddock import Paddock
from server.application.perform import perform as perform_service
from server.application.prove import prove
from server.application.read_reputation import READ_REPUTATION, read_reputation
from server.application.redeliver import redeliver
from server.application.refund import refund
from server.application.resend import resend
from server.application.resolve import resolve
from server.application.tracing import Ran, followed
from server.application.watch import watch
from server.application.watch_transfers import watch_transfers
from server.application.webhook import webhook
from server.domain.errors import PaddockError, StaleWrite
from server.ports import Job

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 1000
"""A job that failed this often waits for the operator; it still stands in the outbox."""
PARKED = timedelta(hours=6)
HELD_WHILE_PAUSED = frozenset({deliver.EXECUTE, deliver.REFUND, deliver.RESEND, deliver.ANCHOR})
"""What signs and sends on a chain; it waits for the operator to resume settlement."""
LOOK_AGAIN = 1.0
UseCase = Callable[[Paddock, str], Awaitable[float | None]]


USE_CASES: dict[str, UseCase] = {
    deliver.ADVANCE: advance,
    deliver.EXECUTE: execute,
    deliver.PERFORM: perform_service,
    deliver.REFUND: refund,
    deliver.FOLLOW: follow,
    deliver.PROVE: prove,
    deliver.CHAIN_RECEIPTS: chain_receipts,
    deliver.ANCHOR: anchor,
    deliver.RESOLVE: resolve,
    deliver.RESEND: resend,
    deliver.RECONCILE: keep_books,
    deliver.WATCH: watch,
    deliver.WATCH_TRANSFERS: watch_transfers,
    cases.CASES: watch_orders,
    cases.REDELIVER: redeliver,
    announce.WEBHOOK: webhook,
    READ_REPUTATION: read_reputation,
    CLOSE_HOURS: close_hours,
}
QUEUE, WEBHOOKS = "paddock", "webhooks"
"""The broker's queues: who waits for strangers' servers takes no hand from who moves money."""


def register(broker: Broker, paddock: Paddock) -> Callable[[Job], None]:
    """Declare the actors on a broker; the answer hands a job to the actor of its topic.

    All of them are there before the first queue is: from then on a worker reads it, and what it finds no actor for it
    throws away, to be handed out again only when its lease is over.
    """
    draft = StubBroker(middleware=[])
    actors = {topic: _actor(draft, paddock, topic, use_case) for topic, use_case in USE_CASES.items()}
    for actor in actors.values():
        actor.broker = broker
        broker.actors[actor.actor_name] = actor
    for queue in (QUEUE, WEBHOOKS):
        broker.declare_queue(queue)

    def hand_over(job: Job) -> None:
        actors[job.topic].send(job.id, job.subject, job.generation, job.attempts)

    return hand_over


def _actor(broker: Broker, paddock: Paddock, topic: str, use_case: UseCase) -> dramatiq.Actor[..., Any]:
    """Retries are the outbox's affair, so the broker keeps none: what it loses is handed out again."""

    async def work(job_id: str, subject: str, generation: int, attempts: int) -> None:
        await perform(paddock, Job(job_id, topic, subject, generation, attempts), use_case)

    queue = WEBHOOKS if topic == announce.WEBHOOK else QUEUE
    declare = dramatiq.actor(actor_name=topic, queue_name=queue, broker=broker)
    return declare(work)


async def perform(paddock: Paddock, job: Job, use_case: UseCase) -> None:
    """Run a job once, and write down whether it is done, or when it is due again."""
    wait, error = await followed(paddock.tracing, paddock.db, job, lambda: _run(paddock, job, use_case))
    due = None if wait is None else paddock.clock.now() + timedelta(seconds=wait)
    await paddock.endings.write(paddock.db, Ending(job, due, error))


async def _run(paddock: Paddock, job: Job, use_case: UseCase) -> Ran:
    """When it is due again, None for never, and what went wrong."""
    error: str | None = None
    try:
        held = job.topic in HELD_WHILE_PAUSED and await paddock.admission.pause.paused(paddock.db, paddock.clock)
        wait = LOOK_AGAIN if held else await use_case(paddock, job.subject)
    except StaleWrite:
        wait = 0.1
    except PaddockError as problem:
        log.warning("%s of %s: %s", job.topic, job.subject, problem.detail)
        wait, error = backoff(job.attempts), problem.detail
    except Exception as problem:
        log.exception("%s of %s failed", job.topic, job.subject)
        wait, error = backoff(job.attempts), f"{type(problem).__name__}: {problem}"
    return wait, error


def backoff(attempts: int) -> float:
    """Seconds until a failed job is tried again: doubling from one to sixty, then parked."""
    return PARKED.total_seconds() if attempts >= MOST_ATTEMPTS else float(min(60, 2 ** min(attempts - 1, 6)))
