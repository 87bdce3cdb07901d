"""Verifies signed payments, or only recovers who signed them: a process of its own, told by JSON on standard input."""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from protocol import schemes
from protocol.headers import decode
from protocol.payment import Payment
from protocol.signatures import recover
from protocol.wire import PaymentPayload
from scripts.accounts import account
from scripts.bench import buyer

COUNT, SECONDS = 200, 1.0
PAYER = account("foreign_buyer")


def headers(required: dict[str, Any]) -> list[str]:
    """Payments that all differ, each as the header that carries it."""
    return [buyer.payment(PAYER, required) for _ in range(COUNT)]


def verified(header: str) -> Payment:
    """From the header's bytes to a payment whose terms, times and signature are right. Raises ProtocolError."""
    payload = decode(header.encode(), PaymentPayload)
    payment = schemes.read(payload.accepted, payload.payload)
    schemes.check_terms(payment, payload.accepted, int(time.time()))
    schemes.check_signature(payment)
    return payment


def rate(work: Callable[[int], object]) -> float:
    """How often it is done in a second, one after the other."""
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < SECONDS:
        for number in range(COUNT):
            work(number)
        done += COUNT
    return done / took


def main() -> None:
    given = json.load(sys.stdin)
    if given["core"] is not None:
        os.sched_setaffinity(0, {given["core"]})
    made = headers(given["required"])
    payments = [verified(header) for header in made]
    works: dict[str, Callable[[int], object]] = {
        "verify": lambda number: verified(made[number]),
        "recover": lambda number: recover(payments[number].signed, payments[number].signature),
    }
    print(rate(works[given["work"]]))


if __name__ == "__main__":
    main()
