"""Who waits for strangers' servers takes no hand from who moves money."""

from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AsyncIO, Middleware

from server.tasks import QUEUE, USE_CASES, WEBHOOKS, register
from server.worker import THREADS


def test_w7_webhooks_have_a_queue_and_threads_of_their_own():
    broker = StubBroker(middleware=[AsyncIO()])
    register(broker, None)
    queues = {name: actor.queue_name for name, actor in broker.actors.items()}
    assert queues == {topic: WEBHOOKS if topic == "webhook" else QUEUE for topic in USE_CASES}
    assert set(THREADS) == {QUEUE, WEBHOOKS}


def test_every_actor_is_there_before_a_worker_reads_the_first_queue():
    seen = []

    class Reader(Middleware):
        def after_declare_queue(self, broker, queue_name):
            seen.append((queue_name, set(broker.actors)))

    broker = StubBroker(middleware=[Reader()])
    register(broker, None)
    assert [queue for queue, _ in seen] == [QUEUE, WEBHOOKS]
    assert all(known == set(USE_CASES) for _, known in seen)
    assert {actor.broker for actor in broker.actors.values()} == {broker}
