"""The worker process: relay and Dramatiq workers, on an in-memory broker or on Redis."""

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from typing import Any

from dramatiq import Broker, Worker
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AsyncIO, Middleware
from prometheus_client import start_http_server

from server.bootstrap import open_paddock, open_parts, remote_facilitator
from server.heap import freeze_heap
from server.relay import relay
from server.settings import Settings
from server.tasks import QUEUE, WEBHOOKS, register

THREADS = {QUEUE: 8, WEBHOOKS: 32}
"""For each queue. A thread waits for its job; webhooks mostly wait for others, and hold at most four an endpoint."""


class OneLoop(AsyncIO):
    """One event loop for all workers of this process: it starts with the first of them and ends with the last.

    AsyncIO makes one for each and ends only one: the process would outlive its own end.
    """

    def __init__(self) -> None:
        super().__init__()
        self._workers = 0

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        self._workers += 1
        if self._workers == 1:
            super().before_worker_boot(broker, worker)  # type: ignore[no-untyped-call]

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        self._workers -= 1
        if self._workers == 0:
            super().after_worker_shutdown(broker, worker)  # type: ignore[no-untyped-call]


def make_broker(url: str) -> Broker:
    """Redis by its URL; without one a broker in this process, which the outbox makes just as safe."""
    middleware: list[Middleware] = [OneLoop()]
    if not url:
        return StubBroker(middleware=middleware)
    # A killed worker's messages come back within seconds instead of minutes.
    redis: Any = RedisBroker
    broker: Broker = redis(url=url, middleware=middleware, heartbeat_timeout=10_000, maintenance_chance=1_000_000)
    return broker


async def serve(settings: Settings, broker: Broker, stop: asyncio.Event) -> None:
    """Put the process together, and relay jobs until told to stop."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings))
        facilitator = await stack.enter_async_context(remote_facilitator(settings))
        paddock = await stack.enter_async_context(open_paddock(parts, facilitator, holds_delegate=True))
        hand_over = register(broker, paddock)
        logging.getLogger(__name__).info("the worker is ready on %s", ", ".join(parts.grounds))
        await relay(paddock, hand_over, stop, alive=settings.ready_file.touch if settings.ready_file else _unwatched)


def _unwatched() -> None:
    """Nobody asked for signs of life."""


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. Raises PaddockError when the process cannot be put together."""
    stop = asyncio.Event()
    broker = make_broker(settings.broker_url)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.host)  # in a thread that ends with the process
    freeze_heap()
    workers = [Worker(broker, queues={queue}, worker_threads=threads) for queue, threads in THREADS.items()]
    for worker in workers:
        worker.start()
    loop_thread = get_event_loop_thread()
    assert loop_thread is not None
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: loop_thread.loop.call_soon_threadsafe(stop.set))
    try:
        loop_thread.run_coroutine(serve(settings, broker, stop))
    finally:
        for worker in workers:
            worker.stop()
        broker.close()
