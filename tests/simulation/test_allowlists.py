"""C2 while the marketplace runs: removals count at once, additions when the chain shows them, and all is on record."""

import pytest
from eth_account import Account

from server.application.allowlist import Wish, change_action
from server.application.watch import watch
from server.domain.allowlists import ActionState
from server.domain.errors import AllowlistConflict, BadArguments
from server.domain.states import FulfilmentState
from tests.fakes.evm import TOKEN
from tests.fakes.passes import PASS
from tests.simulation.world import RICH, open_world
from tests.simulation.world import TOKEN as OPERATOR
from tests.stack.buyer import read_header, write_header
from tests.stack.choosing import mint_to, signed_choice, with_choice

FRIEND = Account.create().address
MINT_TO, SELECTOR = "mintTo(address)", bytes.fromhex("755edd17")
BURN = "burn(uint256)"


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


async def change(world, function, bounds, by="alice"):
    contract = world.paddock.market.contracts["AccessPass"]
    return await change_action(
        world.paddock.db, world.clock, Wish(world.paddock.market.network, contract, function, bounds, by)
    )


async def states(world):
    async with world.db.read() as view:
        return {row.function: row.state for row in await view.allowlists.all()}


async def asked(world, calldata):
    """The status of asking for terms over calldata, once every process has looked."""
    world.clock.advance(1)
    return (await world.client.post(world.url("access-pass"), json={"calldata": calldata})).status_code


async def test_c2_a_removal_counts_at_once_and_before_the_chain_is_told(world):
    assert await asked(world, mint_to(FRIEND)) == 402
    world.chain.unavailable = True
    await change(world, MINT_TO, None)
    assert await asked(world, mint_to(FRIEND)) == 422
    world.chain.unavailable = False
    assert await states(world) == {MINT_TO: ActionState.REMOVING}
    assert (PASS, SELECTOR) not in world.chain.state.bounds


async def test_c2_what_was_quoted_before_a_removal_is_not_sold_after_it(world):
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {"calldata": mint_to(FRIEND)})
    await change(world, MINT_TO, None)
    world.clock.advance(1)
    paid = with_choice(
        read_header(world.buyer.pay(quoted)), quoted.required, signed_choice(world.buyer.account, quoted.entry)
    )
    answer = await world.buyer.present(quoted, write_header(paid))
    assert (answer.status_code, await world.orders()) == (422, [])
    assert await world.chain.token_balance(TOKEN, world.buyer.account.address) == RICH


async def test_c2_an_addition_counts_only_once_the_chain_shows_it(world):
    await change(world, MINT_TO, None)
    await change(world, MINT_TO, (5, 7))
    world.chain.drop_next = 10**6
    await watch(world.paddock, "wallets")
    await watch(world.paddock, "wallets")
    assert (await states(world), await asked(world, mint_to(FRIEND))) == ({MINT_TO: ActionState.ADDING}, 422)
    world.chain.drop_next = 0
    await world.work(10)
    await watch(world.paddock, "wallets")
    assert world.chain.state.bounds[PASS, SELECTOR] == (5, 7)
    assert (await states(world), await asked(world, mint_to(FRIEND))) == ({MINT_TO: ActionState.LISTED}, 402)


async def test_c2_a_function_that_the_code_does_not_list_can_be_added_while_it_runs(world):
    assert await asked(world, "0x42966c68" + "00" * 32) == 422
    await change(world, BURN, (1_000_000, 1_999_999))
    for _ in range(3):
        await watch(world.paddock, "wallets")
    world.clock.advance(1)
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {"calldata": "0x42966c68" + "00" * 32})
    assert quoted.entry["extra"]["function"] == BURN
    await change(world, BURN, None)
    assert await asked(world, "0x42966c68" + "00" * 32) == 422


async def test_the_worker_sends_each_owners_call_once_and_the_audit_says_by_which_transaction(world):
    await change(world, MINT_TO, None, by="alice")
    for _ in range(5):
        await watch(world.paddock, "wallets")
    async with world.db.read() as view:
        changes = list(await view.allowlists.changes(10))
    sent = [one for one in world.db.tables.transactions.values() if one.purpose == "allowlist"]
    assert len(sent) == 1
    assert [(one.new, one.by, one.note) for one in changes] == [
        ("removed", "alice", sent[0].hash),
        ("removing", "alice", ""),
    ]
    assert changes[1].at <= changes[0].at


async def test_where_somebody_else_owns_the_contract_the_worker_only_looks(world, monkeypatch):
    monkeypatch.setattr("server.application.mirror._owner", owner_is_a_stranger)
    await change(world, MINT_TO, None)
    await watch(world.paddock, "wallets")
    assert (await states(world), world.chain.broadcasts) == ({MINT_TO: ActionState.REMOVING}, [])
    world.chain.state.bounds[PASS, SELECTOR] = (0, 0)
    await watch(world.paddock, "wallets")
    assert await states(world) == {MINT_TO: ActionState.REMOVED}


async def owner_is_a_stranger(_ground, _action):
    return FRIEND


async def test_while_paused_nothing_is_sent(world):
    await world.client.post("/console/pause", data={"reason": "x"}, headers={"Authorization": f"Bearer {OPERATOR}"})
    world.clock.advance(2)
    await change(world, MINT_TO, None)
    await watch(world.paddock, "wallets")
    assert world.chain.broadcasts == []


async def test_a_paid_order_keeps_what_it_bought_while_the_chain_still_lists_it(world):
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {"calldata": mint_to(FRIEND)})
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 202
    await change(world, MINT_TO, None)
    signature = signed_choice(world.buyer.account, quoted.entry)
    url = f"/api/orders/{quoted.id}/calldata-signature"
    assert (await world.client.post(url, json={"signature": signature})).status_code == 202
    await world.work(5)
    assert (await world.order(quoted.id)).fulfilment is FulfilmentState.RELEASED


@pytest.mark.parametrize(
    ("function", "bounds"),
    [(MINT_TO, (0, 5)), (MINT_TO, (6, 5)), (MINT_TO, (1, 2**128)), ("mintTo", (1, 5)), ("mintTo(addr)", None)],
)
async def test_a_change_that_makes_no_sense_is_refused_and_not_recorded(world, function, bounds):
    with pytest.raises(BadArguments):
        await change(world, function, bounds)
    assert await states(world) == {}


async def test_a_removal_of_what_is_removed_is_refused(world):
    await change(world, MINT_TO, None)
    with pytest.raises(AllowlistConflict):
        await change(world, MINT_TO, None)


async def test_the_console_shows_changes_and_makes_them_for_the_operator_alone(world):
    form = {"contract": "AccessPass", "function": MINT_TO, "what": "remove"}
    assert (await world.client.get("/console/callbacks")).status_code == 401
    assert (await world.client.post("/console/callbacks", data=form)).status_code == 401
    assert await states(world) == {}
    await world.entered()
    foreign = await world.client.post("/console/callbacks", data=form, headers={"Sec-Fetch-Site": "same-site"})
    assert (foreign.status_code, await states(world)) == (401, {})
    assert (await world.client.post("/console/callbacks", data=form)).status_code == 303
    assert await states(world) == {MINT_TO: ActionState.REMOVING}
    page = (await world.client.get("/console/callbacks")).text
    assert "– → removing" in page
    again = await world.client.post("/console/callbacks", data=form)
    assert (again.status_code, "cannot become removing" in again.text) == (409, True)
    hostile = await world.client.post("/console/callbacks", data=form | {"function": "<script>alert(1)</script>"})
    assert (hostile.status_code, "<script>alert" in hostile.text) == (422, False)
