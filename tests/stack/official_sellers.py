"""The official servers as shops for our agent, in TypeScript and Python: each sells the same routes at one price."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account

from server.domain.market import Market
from tests.stack.foreign_seller import BROKEN, PATH, Seller
from tests.stack.node_clients import FOLDER
from tests.stack.processes import free_port, start
from tests.stack.served import run_served

TYPESCRIPT = {"TypeScript v2": (2, "sell_v2.mjs"), "TypeScript v1": (1, "sell_v1.mjs")}
PYTHON = "Python v2"
SHOPS = (*TYPESCRIPT, PYTHON)


@dataclass(frozen=True)
class Shop:
    """Where it sells, in which x402, and who gets the money; `asked` gives every request so far, as "GET /report"."""

    origin: str
    version: int
    pay_to: str
    asked: Callable[[], list[str]]

    @property
    def report(self) -> str:
        """What is sold by GET; a POST is answered with its own JSON body."""
        return self.origin + PATH

    @property
    def broken(self) -> str:
        """What fails after the payment was found good, and before it is settled."""
        return self.origin + BROKEN


@contextmanager
def run_shop(name: str, facilitator_url: str, market: Market, folder: Path) -> Iterator[Shop]:
    """One of SHOPS until the end of the block; those in TypeScript are a process of their own."""
    pay_to = Account.create().address
    if name == PYTHON:
        seller = Seller(facilitator_url, market, pay_to)
        seller.open()
        with run_served(seller) as url:
            yield Shop(url, 2, pay_to, lambda: list(seller.asked))
        return
    (version, script), port = TYPESCRIPT[name], free_port()
    child = start(script, ["node", FOLDER / script, str(port), facilitator_url, pay_to], folder)
    try:
        child.wait_to_listen(port)
        yield Shop(f"http://127.0.0.1:{port}", version, pay_to, lambda: _asked(child.log()))
    finally:
        child.stop()


def _asked(log: str) -> list[str]:
    return [line.removeprefix("asked ") for line in log.splitlines() if line.startswith("asked ")]
