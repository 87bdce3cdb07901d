"""Admit: what a purchase must pass beside its payment, so that no payer and no outage holds up the others."""

from collections.abc import Iterator
from contextlib import contextmanager

from server.application.admission import SETTLE, VERIFY, Slot
from server.application.paddock import Paddock
from server.domain.orders import Order
from server.domain.outages import ChainUnavailable, FacilitatorRefused, FacilitatorUnavailable, TooManyOrders
from server.domain.states import FulfilmentState
from server.ports import UnitOfWork


async def require_open(paddock: Paddock, network: str) -> None:
    """Before anything is asked or claimed: raises Paused, or CircuitOpen while chain or facilitator keep failing.

    The chain is tried by a question of our own: bad payments never come to ask it, and would use up the probes.
    """
    admission, now = paddock.admission, paddock.clock.now()
    await admission.pause.require_running(paddock.db, paddock.clock)
    chain = admission.breaker(network)
    chain.require(now)
    if chain.open:
        with watching(paddock, network, network):
            await paddock.on(network).chain.block_number()
    admission.breaker(VERIFY).require(now)


@contextmanager
def watching(paddock: Paddock, asked: str, network: str) -> Iterator[None]:
    """Teaches the breakers whether `asked`, or what it needs itself, answered in this block.

    A refusal of one payment is an answer: else a stranger could shut the marketplace with bad payments.
    """
    breaker, now = paddock.admission.breaker, paddock.clock.now
    try:
        yield
    except FacilitatorRefused:
        breaker(asked).succeeded()
        raise
    except FacilitatorUnavailable:
        breaker(asked).failed(now())
        raise
    except ChainUnavailable:
        breaker(network).failed(now())
        raise
    breaker(asked).succeeded()


def require_settling(paddock: Paddock) -> None:
    """Before a claim: raises CircuitOpen while settlements go unanswered. Orders in doubt try on, and open it again.

    Asked after the payment was found good, so that a stranger's bad ones do not use up the probes.
    """
    paddock.admission.breaker(SETTLE).require(paddock.clock.now())


def take_slot(slot: Slot, order: Order) -> None:
    """A place for the order's handler, if it is to run here. Raises RouteBusy before anything is claimed."""
    if order.fulfilment is FulfilmentState.RUNNING:
        slot.take()


async def require_place(paddock: Paddock, work: UnitOfWork, order: Order) -> None:
    """In the unit of work that claims the order: raises TooManyOrders if its payer has too many in flight with it.

    The payer has signed this payment, so nobody fills another one's places.
    """
    most = paddock.admission.orders_per_payer
    if await work.orders.in_flight(order.authorization.payer, paddock.clock.now()) > most:
        raise TooManyOrders(f"{most} orders of this payer are in flight; wait until one of them ends")
