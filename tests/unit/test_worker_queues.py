"""Who waits for strangers' servers takes no hand from who moves money."""

from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AsyncIO

from server.tasks import QUEUE, USE_CASES, WEBHOOKS, register
from server.worker import THREADS


def test_w7_webhooks_have_a_queue_and_threads_of_their_own():
    broker = StubBroker(middleware=[AsyncIO()])
    register(broker, None)
    queues = {name: actor.queue_name for name, actor in broker.actors.items()}
    assert queues == {topic: WEBHOOKS if topic == "webhook" else QUEUE for topic in USE_CASES}
    assert set(THREADS) == {QUEUE, WEBHOOKS}
