"""A change of an allowlist is sent to its contract once, whoever looks at it, how often, and at the same moment."""

import asyncio

from server.application.allowlist import Wish, change_action
from server.application.mirror import PURPOSE, mirror
from server.application.send import call_of, sent_for
from server.domain.allowlists import ActionState, ListedAction
from server.domain.calls import encode_call
from server.domain.evidence import Mined
from server.domain.sending import Fees
from tests.fakes.chain import FakeChain, fake_market
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock
from tests.fakes.samples import NETWORK, NOW

MARKET = fake_market()
PASS = MARKET.contracts["AccessPass"].address
ACTION = ListedAction(NETWORK, PASS, "mintTo(address)", 5, 9, ActionState.ADDING, NOW, "operator")
SUBJECT = f"{PASS[2:]}/{ACTION.selector.hex()}/{round(NOW.timestamp() * 1e6):x}"


class Chain(Liar):
    """A node whose contract has that owner and lists nothing; until told otherwise it mines nothing."""

    def __init__(self, clock, owner=MARKET.delegate):
        self.owner, self.mines = owner, False
        usual = {"next_nonce": 0, "fees": Fees(2, 1), "send": None, "estimate_gas": 90_000, "call": self._call}
        super().__init__(FakeChain(clock), **usual, mined=self._mined)

    async def _mined(self, transaction):
        return Mined(transaction, True, 9, "0xblock", 50_000, ()) if self.mines else None

    def _call(self, call):
        return bytes.fromhex(self.owner[2:]).rjust(32, b"\0") if call.data == encode_call("owner()") else bytes(64)


async def asked_for(clock, chain):
    """A marketplace with one change that the chain does not show."""
    paddock = bare_paddock(clock, chain)
    async with paddock.db.begin("asked for") as work:
        await work.allowlists.put(ACTION, None, "")
    return paddock


async def sent(paddock):
    async with paddock.db.read() as view:
        return len(paddock.db.tables.transactions), await sent_for(view, PURPOSE, SUBJECT)


async def test_what_was_sent_is_neither_prepared_nor_sent_again(clock):
    chain = Chain(clock)
    paddock = await asked_for(clock, chain)
    for _ in range(3):
        await mirror(paddock)
    assert (chain.asked["estimate_gas"], chain.asked["send"]) == (1, 1)
    number, transaction = await sent(paddock)
    assert (number, transaction.nonce) == (1, 0)


async def test_two_workers_at_once_sign_and_send_a_change_once(clock):
    chain = Chain(clock)
    paddock = await asked_for(clock, chain)
    await asyncio.gather(mirror(paddock), mirror(paddock))
    assert chain.asked["estimate_gas"] == 2, "both were about to"
    assert (chain.asked["send"], (await sent(paddock))[0]) == (1, 1)


async def test_what_was_sent_and_lost_its_nonce_is_sent_anew(clock):
    chain = Chain(clock)
    paddock = await asked_for(clock, chain)
    await mirror(paddock)
    _, first = await sent(paddock)
    async with paddock.db.begin("lost") as work:
        await work.transactions.lose(first.hash)
    await mirror(paddock)
    number, second = await sent(paddock)
    assert (chain.asked["send"], number, second.nonce) == (2, 2, 1)


async def test_a_change_that_somebody_else_has_to_sign_waits_for_them(clock):
    chain = Chain(clock, MARKET.contracts["LaunchPass"].address)
    paddock = await asked_for(clock, chain)
    await mirror(paddock)
    assert (chain.asked["send"], await sent(paddock)) == (0, (0, None))


async def test_a_process_without_a_key_sends_no_change(clock):
    chain = Chain(clock)
    paddock = bare_paddock(clock, chain, delegate=None, db=(await asked_for(clock, chain)).db)
    await mirror(paddock)
    assert (chain.asked["send"], await sent(paddock)) == (0, (0, None))


async def ask(paddock, bounds):
    """A merchant asks for a change; its row."""
    wish = Wish(NETWORK, MARKET.contracts["AccessPass"], ACTION.function, bounds, "operator")
    return await change_action(paddock.db, paddock.clock, wish)


async def test_what_is_struck_off_while_its_addition_is_under_way_is_struck_off_after_it(clock):
    """The chain shows no listing at that moment, and will: a removal that took this for its end left it listed."""
    chain = Chain(clock)
    paddock = bare_paddock(clock, chain)
    added = await ask(paddock, (5, 9))
    await mirror(paddock)
    clock.advance(0.2)
    removed = await ask(paddock, None)
    for _ in range(2):
        await mirror(paddock)
    async with paddock.db.read() as view:
        [row] = await view.allowlists.all()
        calls = await view.transactions.unmined(NETWORK, MARKET.delegate)
    assert row.state is ActionState.REMOVING
    assert (chain.asked["send"], [one.nonce for one in calls]) == (2, [0, 1])
    assert [call_of(one).data for one in calls] == [added.call(), removed.call()]
    chain.mines = True
    await mirror(paddock)
    async with paddock.db.read() as view:
        [row] = await view.allowlists.all()
        assert row.state is ActionState.REMOVED
        assert (await view.allowlists.changes(1))[0].note == calls[1].hash
