"""A marketplace that takes one hostile case after the other, and judges every answer."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
from hypothesis import event

from protocol.payment import PERMIT2
from server.services.service import Answer, Meter
from tests.fakes.chain import DAI_ASSET, DOLLAR
from tests.simulation.world import open_world, service
from tests.stack.buyer import JSON, Quoted, read_header

KINDS = ("exact", "permit", "upto", "body")
REFUSALS = {400, 404, 405, 409, 413, 421, 422, 429, 503}
METERED = 30_000
LIFE = 40
"""Seconds that a bargain is used: less than its quote lives."""


@dataclass(frozen=True)
class Bargain:
    """A quote and the payment that was signed for it; `fits`: what is signed pays what is quoted."""

    kind: str
    quoted: Quoted
    entry: JSON
    header: str
    since: float
    fits: bool = True

    @property
    def message(self) -> JSON:
        return read_header(self.header)

    @property
    def message_v1(self) -> JSON:
        said = self.message
        return {"x402Version": 1, "scheme": "exact", "network": "paddock-devnet", "payload": said["payload"]}


class Arena:
    """One marketplace that takes one case after the other, and a payer who has money for all of them."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        metered = service(
            "metered", lambda *_: Answer(b"metered", "text/plain", METERED), amount=METERED, meter=Meter("word", 1)
        )
        self.context = open_world(metered, assets=(DOLLAR, DAI_ASSET))
        self.world = self.runner.run(self.context.__aenter__())
        self.held: dict[str, Bargain] = {}
        payer = self.world.buyer.account.address
        for asset in (DOLLAR, DAI_ASSET):
            self.world.chain.give(payer, 10**24, asset.address)
            self.world.chain.allow(payer, PERMIT2, 2**255, asset.address)

    def bargain(self, kind: str) -> Bargain:
        """The bargain of a kind that nobody used yet; one that grew old is bought, to see that nothing spoilt it."""
        found = self.held.get(kind)
        if found and self.now() > found.since + LIFE:
            self.assert_honoured(found)
            found = None
        self.held[kind] = found or self.fresh(kind)
        return self.held[kind]

    def fresh(self, kind: str, **changes: Any) -> Bargain:
        """A quote, signed for; `changes` alter what is signed."""
        buyer, route = self.world.buyer, {"upto": "metered", "body": "echo-post"}.get(kind, "echo")
        query = {"method": "POST", "json_body": {"text": "a"}} if kind == "body" else {}
        quoted = self.runner.run(buyer.ask(self.world.url(route), **query))
        entry = quoted.required["accepts"][1 if kind == "permit" else 0]
        header = (buyer.permit if kind in ("permit", "upto") else buyer.pay)(quoted, entry, **changes)
        return Bargain(kind, quoted, entry, header, self.now(), not changes)

    def assert_honoured(self, bargain: Bargain) -> None:
        """The payment as it was signed still buys."""
        answer = self.runner.run(self.world.buyer.present(bargain.quoted, bargain.header))
        assert answer.status_code == 200, answer.text

    def assert_sold_if_due(
        self, bargain: Bargain, headers: list[tuple[str, bytes]], *, due: bool, **other: Any
    ) -> None:
        """The bargain's request with these headers. A grant must be `due`, and moves the price once."""
        quoted, before = bargain.quoted, self.books()
        sent: dict[str, Any] = {"method": quoted.method, "url": quoted.url, "content": quoted.body} | other
        kind = [("Content-Type", b"application/json")] if sent["content"] else []
        raw = [(name.encode(), value) for name, value in [*kind, *headers]]
        answer = self.runner.run(self.world.client.request(**sent, headers=raw))
        event(f"{bargain.kind}: {answer.status_code}")
        if answer.status_code == 200:
            self.held.pop(bargain.kind, None)
            assert due, f"granted: {headers}"
            again = "idempotent-replayed" in answer.headers  # the very same signature for the very same request
            assert before[1] - self.books()[1] == (0 if again else int(bargain.entry["amount"]))
        else:
            assert_legal(answer)
            assert self.books() == before, f"{answer.status_code}, and something ran or moved: {headers}"
        assert bargain.message["payload"]["signature"] not in answer.text

    def books(self) -> tuple[int, int]:
        """How often a handler ran, and what the payer has."""
        payer, state = self.world.buyer.account.address, self.world.chain.state
        money = sum(state.books(asset.address).money.get(payer, 0) for asset in (DOLLAR, DAI_ASSET))
        return self.world.runs.total(), money

    def now(self) -> float:
        return self.world.clock.now().timestamp()

    def close(self) -> None:
        """Everything that is left buys, and G1–G8 hold."""
        try:
            for bargain in list(self.held.values()):
                if self.now() < bargain.since + LIFE:
                    self.assert_honoured(bargain)
        finally:
            self.runner.run(self.context.__aexit__(None, None, None))
            self.runner.close()


def assert_legal(answer: httpx.Response) -> None:
    """A refusal that a program can read: terms for v2 and v1, or a problem that says what to do."""
    if answer.request.method == "OPTIONS" and answer.status_code == 204:
        return
    if answer.status_code == 402:
        assert read_header(answer.headers["payment-required"])["accepts"]
        assert answer.json()["x402Version"] == 1
        told = answer.headers.get("payment-response") or answer.headers.get("x-payment-response")
        if told:
            outcome = read_header(told)
            assert outcome["success"] is False
            assert outcome["errorReason"]
        return
    assert answer.status_code in REFUSALS, f"{answer.status_code} {answer.text[:300]}"
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["detail"]
    assert body["action"]
