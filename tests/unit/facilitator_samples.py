"""A facilitator that tests take apart: its front, its settlers, their database and a chain that lies as it is told."""

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec

from protocol.wire import PaymentPayload, PaymentRequirements
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.paddock import Ground
from server.application.pause import turn
from server.domain.evidence import Mined
from server.domain.settlements import settlement_id
from server.facilitator.local import LocalFacilitator
from server.facilitator.settler import LEASE, Settler
from server.facilitator.verify import read
from tests.fakes import samples
from tests.fakes.blocks import decode_transaction
from tests.fakes.chain import DOLLAR, FakeChain, fake_market
from tests.fakes.database import FakeDatabase
from tests.fakes.liars import Liar
from tests.stack import buyer
from tests.stack.permits import permit_payment
from tests.unit.protocol_samples import ENTRY, PAYER

MARKET = fake_market()
ENTRY = ENTRY | {"network": MARKET.network, "asset": DOLLAR.address}
VALID = 60
UNTIL = str(int(samples.NOW.timestamp()) + VALID)
TRANSACTION = "0x" + "aa" * 32


def requirements(**changes):
    """ENTRY with changes by their x402 names."""
    return msgspec.convert(ENTRY | changes, PaymentRequirements)


def paid(**changes):
    """A payment of ENTRY that is valid for a minute."""
    return msgspec.convert(buyer.payment(PAYER, ENTRY, **{"validBefore": UNTIL} | changes), PaymentPayload)


def upto(facilitator):
    """The terms of scheme upto that one facilitator may settle, and a payment of them that is valid for a minute."""
    terms = {"scheme": "upto", "extra": ENTRY["extra"] | {"facilitatorAddress": facilitator}}
    return terms, msgspec.convert(permit_payment(PAYER, ENTRY | terms, deadline=UNTIL), PaymentPayload)


class Place:
    """A facilitator with some keys on a chain that mines nothing of what is sent; settlers run only if they are told.

    The payer holds money, and a settlement costs what it usually does, until the chain is `honest`.
    """

    def __init__(self, clock, *keys):
        self.clock, self.db = clock, FakeDatabase(clock)
        seen = Mined(TRANSACTION, True, 1, "0xblock", 21_000, ())
        lies = {"estimate_gas": 60_000, "mined": lambda hash_: seen if hash_ == TRANSACTION else None}
        self.chain = Liar(FakeChain(clock, automine=False, block_seconds=1_000), **lies)
        self.chain.node.give(PAYER.address, 10**9)
        self.settlers = [self.another(key) for key in keys or ("settler",)]
        self.settler, ground = self.settlers[0], Ground(MARKET, self.chain)
        self.local = LocalFacilitator(self.db, clock, {MARKET.network: ground}, {MARKET.network: self.settlers})

    def another(self, key, chain=None):
        """A settler of this database with a key of its own; of another process, if the front does not know it."""
        return Settler(self.db, Ground(MARKET, chain or self.chain), self.clock, LocalSigner(account(key).key.hex()))

    @property
    def rows(self):
        return self.db.tables.settlements

    @property
    def transactions(self):
        return list(self.db.tables.transactions.values())

    def knows(self, payload, terms=None, **changes):
        """The stored settlement of a payment."""
        payment = read(payload, terms or requirements())
        usual = {"id": settlement_id(payment), "payment": payment, "lease_until": self.clock.now() + LEASE}
        return self.stored(samples.settlement(**usual | changes))

    def knows_many(self, number, **changes):
        """The stored settlements of so many payments, by one signature: whose it is is not asked any more."""
        first = self.knows(paid())
        del self.rows[first.id]
        payments = [replace(first.payment, nonce=secrets.token_bytes(32), **changes) for _ in range(number)]
        return [self.stored(replace(first, id=settlement_id(one), payment=one)) for one in payments]

    def stored(self, settlement):
        """The settlement, whose row is a copy of it."""
        self.rows[settlement.id] = replace(settlement)
        return settlement

    def honest(self, automine=False):
        """From now on the chain tells the truth; `automine` mines at once what is sent."""
        self.chain.lies.clear()
        self.chain.node.automine = automine

    async def settle(self, payload, **terms):
        return await self.local.settle(payload, requirements(**terms))

    async def verify(self, payload, **terms):
        return await self.local.verify(payload, requirements(**terms))

    async def pause(self, on=True):
        await turn(self.db, self.clock, on=on, reason="a drill", by="test")

    @asynccontextmanager
    async def running(self, *settlers):
        """These settlers at work, or else all that the front knows."""
        tasks = [asyncio.create_task(settler.run()) for settler in settlers or self.settlers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def work(self, *known, seconds=5):
        """Let the settlers work on these for a while."""
        async with self.running():
            for one in known:
                self.settler.offer(one)
            await self.clock.sleep(seconds)

    def carried(self):
        """How many payments each chain transaction carries."""
        carried = [row.sent_in for row in self.rows.values()]
        return [carried.count(one.hash) for one in self.transactions]

    def called(self):
        """What each chain transaction calls."""
        return [decode_transaction(one.newest.raw).to for one in self.transactions]
