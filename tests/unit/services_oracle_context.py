"""A Context for calling services in tests."""

from datetime import UTC, datetime, timedelta

from server.services.service import Context
from tests.fakes.chain_reader import FakeChainReader

ASSET = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
PAYER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


class StillClock:
    """A clock that stands at noon, 1 March 2026."""

    def now(self):
        return datetime(2026, 3, 1, 12, tzinfo=UTC)

    async def sleep(self, seconds):
        raise AssertionError("a service must not wait")


def context(chain=None, execution=None, payer=PAYER, browser=None, waited=10):
    return Context(
        chain=chain or FakeChainReader(),
        clock=StillClock(),
        payer=payer,
        asset=ASSET,
        asset_symbol="USDC",
        asset_decimals=6,
        execution=execution,
        browser=browser,
        paid_at=StillClock().now() - timedelta(seconds=waited),
    )
