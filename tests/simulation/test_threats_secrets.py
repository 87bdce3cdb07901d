"""Every error that there is, forced at every boundary with secrets in its words: no answer and no log repeats them."""

import io
import logging
import secrets
from collections import Counter
from contextlib import contextmanager

import httpx
import msgspec
import pytest
import sqlalchemy.exc

from protocol.errors import ProtocolError
from scripts.accounts import account
from server.application.deliver import EXECUTE
from server.domain import errors, outages
from server.domain.errors import PaddockError
from server.logs import QUIET, SILENT, DiscreetFormatter
from server.ports import Job
from server.tasks import perform
from tests.simulation.world import MERCHANT_KEY, TOKEN, WorldBuyer, open_world, service
from tests.stack.buyer import read_header

DIARY = "canary-diary-of-the-buyer"
SETTINGS = (TOKEN, MERCHANT_KEY, account("receipts").key.hex().removeprefix("0x"), (b"q" * 32).hex(), "hunter2-canary")
FOREIGN = (RuntimeError, KeyError, ValueError, TypeError, OSError, TimeoutError, AssertionError, LookupError)


def kinds(of=PaddockError):
    """The whole tree below an error."""
    return [of, *(kind for child in of.__subclasses__() for kind in kinds(child))]


def ours(words):
    """One of each of our own errors, saying these words."""
    made = [ProtocolError("invalid_payload", words), errors.PaymentRefused(words, words)]
    for kind in kinds():
        timed = kind in (outages.CircuitOpen, outages.TooManyRequests)
        made.append(kind(words, 1) if timed else kind(words))
    return made


def theirs(words):
    """Errors of libraries, which quote whatever they were given."""
    made = [kind(words) for kind in FOREIGN]
    made.append(msgspec.ValidationError(words))
    made.append(httpx.ConnectError(words, request=httpx.Request("POST", "http://x.test", headers={"x": words})))
    made.append(sqlalchemy.exc.StatementError(words, "INSERT", {"payload": words}, Exception(words)))
    for error in made:
        error.__cause__ = RuntimeError(words)
    return made


@contextmanager
def logged():
    """Everything that a process would write at the lowest level: read it with `getvalue`."""
    out, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(out), root.level
    handler.setFormatter(DiscreetFormatter(SETTINGS))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in (*QUIET, *SILENT):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield out
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def raising(error):
    async def fail(*_given, **_more):
        raise error

    return fail


def throwing(error):
    def fail(*_given):
        raise error

    return fail


BOUNDARIES = [
    "facilitator.verify", "facilitator.settle", "chain.recent_block", "chain.mined", "chain.nonce_used",
    "commit claim", "commit ready", "commit settled", "commit settlement admitted", "the handler", "the receipt key",
]  # fmt: skip


@contextmanager
def forced(world, monkeypatch, boundary, error):
    """Within the block this boundary raises this error."""

    def at_commit(label, when):
        if (f"commit {label}", when) == (boundary, "commit"):
            raise error

    with monkeypatch.context() as patched:
        owner, _, name = boundary.partition(".")
        if name:
            patched.setattr(getattr(world.paddock, owner), name, raising(error))
        elif boundary == "the receipt key":
            patched.setattr(type(world.paddock.receipts), "sign_digest", throwing(error))
        elif boundary == "the handler":
            patched.setattr(world, "ill", error)
        world.db.hooks.append(at_commit)
        yield
    world.db.hooks.clear()
    world.paddock.admission.breakers.clear()


@contextmanager
def assert_silent_about(words, error):
    """Within the block no log repeats these words."""
    with logged() as log:
        yield
    for word in words:
        assert word not in log.getvalue(), f"{error!r:.80}"


def read(answer):
    """Everything that an answer says, its x402 headers in clear."""
    told = [
        str(read_header(answer.headers[name]))
        for name in ("payment-required", "payment-response")
        if name in answer.headers
    ]
    return " ".join([str(answer.headers), answer.text, *told])


@pytest.mark.parametrize("boundary", BOUNDARIES)
async def test_s29_no_answer_and_no_log_repeats_what_an_error_says(monkeypatch, boundary):
    def run(_arguments, _context):
        if worlds[0].ill:
            raise worlds[0].ill
        return "well"

    worlds = []
    async with open_world(service("spoken", run)) as world:
        worlds.append(world)
        world.ill = None
        world.paddock.admission.orders_per_payer = 10_000
        told = Counter()
        for number in range(len(ours("") + theirs(""))):
            buyer = WorldBuyer(world.client, clock=world.clock)
            world.chain.give(buyer.account.address, 10**9)
            quoted = await buyer.ask(world.url("spoken", f"?text={DIARY}"))
            header = buyer.pay(quoted)
            payment = [header, signature := read_header(header)["payload"]["signature"], signature[2:]]
            error = [*ours(" ".join(payment)), *theirs(" ".join([*payment, *SETTINGS, DIARY]))][number]
            diary = () if isinstance(error, PaddockError | ProtocolError) else (DIARY,)
            with assert_silent_about((*payment, *SETTINGS, *diary), error), forced(world, monkeypatch, boundary, error):
                answers = [await buyer.present(quoted, header) for _ in range(2)]
            for answer in answers:
                assert not any(secret in read(answer) for secret in (*payment, *SETTINGS)), f"{error!r:.80}"
                told[answer.status_code] += 1
        assert sum(told[status] for status in (400, 402, 409, 500, 502, 503)) > len(ours("")), "the errors were met"


@pytest.mark.parametrize("error", [*ours(""), *theirs("")], ids=lambda error: type(error).__name__)
async def test_s29_a_workers_log_repeats_nothing_either(error):
    words = " ".join(["0x" + secrets.token_bytes(65).hex(), *SETTINGS])
    error.args = (words,)
    if hasattr(error, "detail"):
        error.detail = words
    async with open_world() as world:
        async with world.db.begin("ask") as work:
            await work.outbox.add(EXECUTE, "some order", world.clock.now())
        with assert_silent_about(words.split(), error):
            await perform(world.paddock, Job(f"{EXECUTE}:some order", EXECUTE, "some order", 1, 1), raising(error))
        world.db.tables.jobs.clear()
