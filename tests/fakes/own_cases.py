"""What the corpora hold for this agent alone: look-alike URLs, payments to itself, and modes that only we sell by."""

from collections.abc import Iterator
from typing import Any

from agent.testing.corpus.cases import Bendable, Case, Prepare, altered
from tests.fakes.seller import FakeSeller, account

_URLS = [
    *("http://seller.test@elsewhere.test/v1/echo", "{elsewhere}/v1/echo", "http://SELLER.test.:80/v1/echo"),
    *("http://seller.test:8080/v1/echo", "https://seller.test/v1/echo", "http://sel1er.test/v1/echo"),
    *("http://s\u0435ller.test/v1/echo", "{origin}/v1/../admin", "{origin}/v1/a/b", "{origin}//v1/echo"),
    *("{origin}/v1/%2e%2e/admin", "{origin}/V1/echo", "{origin}/v1/echo%2fx", "{origin}/v1/"),
]


def hostile() -> Iterator[Case]:
    """Asked for by whoever misleads the agent, and what depends on who pays: its address, and its leave to Permit2."""
    for url in _URLS:
        yield Case(f"asked: {url}", lambda _: None, url)
    yield Case("to the payer itself", altered({"payTo": account("buyer").address}))
    yield Case("by Permit2, which has no leave", altered({}, {"assetTransferMethod": "permit2"}))


def honest() -> Iterator[Case]:
    """Modes and schemes that the fake seller has."""
    yield Case("DELEGATE", _set(mode="DELEGATE"))
    yield Case("DELEGATE at once", _set(mode="DELEGATE", atomic=True))
    yield Case("metered", _set(amount=60_000, charge=20_000))
    yield Case("metered, nothing used", _set(amount=60_000, charge=0))


def _set(**values: Any) -> Prepare:
    def prepare(seller: Bendable) -> None:
        assert isinstance(seller, FakeSeller)
        for name, value in values.items():
            assert hasattr(seller, name)
            setattr(seller, name, value)
        seller.chain.allowed = 10**9

    return prepare
