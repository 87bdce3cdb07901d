"""Reviews that count: signed for the marketplace or given in the registry, and only where the chain shows a payment."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from protocol.feedback import GIVE_FEEDBACK, as_uri, file_hash
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.identities import link_identity
from server.application.read_reputation import READ_REPUTATION, Summary, read_reputation, summary
from server.application.send import prepare
from server.domain.calls import encode_call
from server.domain.ledger import reversed_entry
from server.domain.states import MoneyBackState
from tests.fakes.registries import IDENTITIES, REPUTATION
from tests.simulation.world import ORIGIN, RICH, WorldBuyer, open_world
from tests.stack.signed import signed_request

NETWORK = "eip155:31337"
AGENT_FILE = f"{ORIGIN}/merchants/paddock/agent.json"


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


async def call_as(world, role, to, data):
    """A chain transaction of a role's, `buyer` being the world's; its hash."""
    who = world.buyer.account if role == "buyer" else account(role)
    signer = LocalSigner(who.key.hex())
    prepared = await prepare(world.chain, signer, to, data)
    signed = await signer.sign(world.chain.id, prepared.chain_nonce, prepared.call, prepared.gas, prepared.fees)
    await world.chain.send(signed.raw)
    return signed.hash


async def registered(world, role="merchant", uri=AGENT_FILE):
    """The merchant's agent, linked."""
    await call_as(world, role, IDENTITIES, encode_call("register(string)", uri))
    return await link_identity(world.paddock, NETWORK, "paddock", 0)


async def bought(world, service="echo", buyer=None):
    """A final order."""
    buyer = buyer or world.buyer
    quoted = await buyer.ask(world.url(service))
    assert (await buyer.present(quoted, buyer.pay(quoted))).status_code == 200
    world.chain.mine(3)
    return await world.order(quoted.id)


def other_buyer(world, role="foreign_buyer"):
    world.chain.give(account(role).address, RICH)
    return WorldBuyer(world.client, account(role), clock=world.clock)


def a_file(order, score=90, **changes):
    """Feedback on an order, with a proof that is true."""
    proof = {
        "fromAddress": order.authorization.payer,
        "toAddress": order.terms.pay_to,
        "chainId": "31337",
        "txHash": order.settlement_tx,
    }
    proof |= {name: changes.pop(name) for name in [*proof, "logIndex"] if name in changes}
    usual = {"clientAddress": f"{NETWORK}:{order.authorization.payer}", "createdAt": "2026-01-01T00:00:00Z"}
    return msgspec.json.encode(usual | {"value": score, "valueDecimals": 0, "proofOfPayment": proof} | changes)


async def post(world, order, content, who=None, reason=None):
    """Hand a file in, signed by its payer."""
    now = world.clock.now().timestamp()
    signed = signed_request(
        who or world.buyer.account, "feedback", order.id, now, reason=file_hash(content) if reason is None else reason
    )
    return await world.client.post(f"/api/orders/{order.id}/feedback", content=content, headers=signed)


def on_chain(content, score=90, decimals=0, agent=0, hashed=None):
    texts = ("paid", "", "", as_uri(content))
    stated = bytes.fromhex(file_hash(content if hashed is None else hashed)[2:])
    return encode_call(GIVE_FEEDBACK, agent, score, decimals, *texts, stated)


async def read(world):
    """A worker's look at everything that is final."""
    world.chain.mine(3)
    while await read_reputation(world.paddock, NETWORK) == 0.0:
        pass


async def standing(world):
    await world.clock.sleep(2)
    return (await world.client.get("/api/merchants/paddock/reputation")).json()


async def counted(world):
    found = await standing(world)
    return found["reviews"], found["rating"]


# -------------------------------------------------------------------------------------------------- signed reviews


async def test_a_signed_review_counts_by_the_amount_that_was_paid(world):
    cheap, dear = await bought(world), await bought(world, "echo-dear")
    answer = await post(world, cheap, a_file(cheap, 0))
    assert answer.status_code == 201, answer.text
    assert answer.json()["weight"] == "10000"
    assert (await post(world, dear, a_file(dear, 100))).status_code == 201
    found = await standing(world)
    assert (found["reviews"], found["rating"]) == (2, 50_000 * 100 // 60_000)
    assert found["services"]["echo"] == {"rating": 0, "reviews": 1}
    listed = {one["slug"]: one["reputation"] for one in (await world.client.get("/api/services")).json()}
    assert listed["echo-dear"] == {"rating": 100, "reviews": 1, "identity": None}


async def test_one_payment_has_one_review_and_the_same_one_is_answered_again(world):
    order = await bought(world)
    first = a_file(order, 90)
    answers = [await post(world, order, first) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert answers[0].json() == answers[2].json()
    other = await post(world, order, a_file(order, 10))
    assert (other.status_code, other.json()["type"].rsplit("/", 1)[-1]) == (409, "feedback-refused")
    assert await counted(world) == (1, 90)


async def test_nobody_but_the_payer_reviews_an_order(world):
    order = await bought(world)
    stranger = account("stranger")
    assert (await post(world, order, a_file(order), stranger)).status_code == 404
    assert (await post(world, order, a_file(order), reason=file_hash(b"another file"))).status_code == 400
    assert (await world.client.post(f"/api/orders/{order.id}/feedback", content=a_file(order))).status_code == 404
    assert await counted(world) == (0, None)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"fromAddress": account("stranger").address}, 422),
        ({"toAddress": account("stranger").address}, 422),
        ({"chainId": "1"}, 422),
        ({"chainId": "one"}, 400),
        ({"txHash": "0x" + "ab" * 32}, 409),
        ({"logIndex": 77}, 409),
        ({"value": 101}, 400),
        ({"value": -1}, 400),
        ({"valueDecimals": 19}, 400),
        ({"proofOfPayment": None}, 400),
    ],
)
async def test_a_review_whose_proof_is_not_this_payment_counts_nothing(world, changes, status):
    order = await bought(world)
    answer = await post(world, order, a_file(order, **changes))
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert await counted(world) == (0, None)


async def test_another_order_of_the_same_payer_backs_no_review(world):
    first, second = await bought(world), await bought(world)
    answer = await post(world, first, a_file(first, txHash=second.settlement_tx))
    assert answer.status_code == 409
    assert await counted(world) == (0, None)


async def test_a_payment_that_is_not_final_yet_backs_no_review(world):
    quoted = await world.buyer.ask(world.url("echo"))
    await world.buyer.present(quoted, world.buyer.pay(quoted))
    order = await world.order(quoted.id)
    assert (await post(world, order, a_file(order))).status_code == 409
    world.chain.mine(3)
    assert (await post(world, order, a_file(order))).status_code == 201


async def test_money_that_went_back_backs_no_review(world):
    order = await bought(world)
    async with world.db.begin("tampering") as work:
        changed = await work.orders.get(order.id)
        changed.money_back = MoneyBackState.REFUNDED
        await work.orders.save(changed)
    assert (await post(world, order, a_file(order))).status_code == 409
    async with world.db.begin("tampering") as work:
        changed = await work.orders.get(order.id)
        changed.money_back = MoneyBackState.NONE
        await work.orders.save(changed)


@pytest.mark.parametrize("change", [{"amount": 9_999}, {"block_hash": "0x" + "ab" * 32}])
async def test_a_transfer_that_is_not_as_the_ledger_has_it_backs_no_review(world, change):
    order = await bought(world)
    rows = world.db.tables.entries
    place = next(index for index, row in enumerate(rows) if row.order_id == order.id)
    true = rows[place]
    rows[place] = replace(true, **change)
    assert (await post(world, order, a_file(order))).status_code == 409
    rows[place] = true
    assert (await post(world, order, a_file(order))).status_code == 201


async def test_a_transfer_whose_row_was_reversed_backs_no_review(world):
    order = await bought(world)
    rows = world.db.tables.entries
    rows.append(reversed_entry(next(row for row in rows if row.order_id == order.id)))
    assert (await post(world, order, a_file(order))).status_code == 409
    rows.pop()


@pytest.mark.parametrize("name", ["pay_to", "asset"])
async def test_a_transfer_that_is_not_as_the_order_agreed_backs_no_review(world, name):
    order = await bought(world)
    other = account("stranger").address
    world.db.tables.orders[order.id] = replace(order, terms=replace(order.terms, **{name: other}))
    content = a_file(await world.order(order.id))
    assert (await post(world, order, content)).status_code == 409
    world.db.tables.orders[order.id] = order


async def test_a_merchant_does_not_review_itself(world):
    world.lawful = False  # money that was given to a merchant has no Transfer
    world.chain.give(account("merchant").address, RICH)
    order = await bought(world, buyer=WorldBuyer(world.client, account("merchant"), clock=world.clock))
    assert (await post(world, order, a_file(order), account("merchant"))).status_code == 409
    assert await counted(world) == (0, None)


# ------------------------------------------------------------------------------------------------ the registry


async def test_a_badge_needs_the_wallet_that_we_pay_and_a_file_that_points_back(world):
    identity = await registered(world)
    assert identity.verified
    found = await standing(world)
    assert found["identity"] == {
        "agentRegistry": f"{NETWORK}:{IDENTITIES}",
        "agentId": 0,
        "agentWallet": account("merchant").address,
    }
    served = (await world.client.get("/merchants/paddock/agent.json")).json()
    assert served["registrations"] == [{"agentId": 0, "agentRegistry": f"{NETWORK}:{IDENTITIES}"}]
    assert (await world.client.get("/merchants/nobody/agent.json")).status_code == 404
    page = (await world.client.get("/services/echo")).text
    assert "verified</span>" in page
    await call_as(world, "merchant", IDENTITIES, encode_call("unsetAgentWallet(uint256)", 0))
    await read(world)
    assert (await standing(world))["identity"] is None
    assert "verified</span>" not in (await world.client.get("/services/echo")).text


async def test_a_look_at_one_networks_registry_says_nothing_of_agents_elsewhere(world):
    identity = await registered(world)
    elsewhere = replace(identity, network="eip155:1", agent_id=7)
    async with world.db.begin("identity linked") as work:
        await work.reputation.put_identity(elsewhere)
    await read(world)
    async with world.db.read() as view:
        assert set(await view.reputation.identities()) == {identity, elsewhere}


@pytest.mark.parametrize(
    ("role", "uri"),
    [("stranger", AGENT_FILE), ("merchant", "https://elsewhere.test/agent.json"), ("merchant", "")],
)
async def test_no_badge_for_another_wallet_or_a_file_elsewhere(world, role, uri):
    assert not (await registered(world, role, uri)).verified
    assert (await standing(world))["identity"] is None


async def test_feedback_in_the_registry_counts_when_its_payment_is_found(world):
    await registered(world)
    await read(world)
    order = await bought(world)
    await call_as(world, "buyer", REPUTATION, on_chain(a_file(order), 875, 1))
    await read(world)
    assert await counted(world) == (1, 87)
    assert await summary(world.paddock, (await identities(world))[0]) == Summary(1, 875, 0)


async def test_feedback_in_a_block_that_is_not_final_is_not_read_yet(world):
    await registered(world)
    order = await bought(world)
    await read(world)
    await call_as(world, "buyer", REPUTATION, on_chain(a_file(order)))
    for final in (False, True):
        await read_reputation(world.paddock, NETWORK)
        async with world.db.read() as view:
            assert bool(await view.reputation.tallies()) is final
        world.chain.mine(3)


async def test_feedback_from_before_the_merchant_was_linked_is_read_afterwards(world):
    await read(world)
    order = await bought(world)
    await call_as(world, "merchant", IDENTITIES, encode_call("register(string)", AGENT_FILE))
    await call_as(world, "buyer", REPUTATION, on_chain(a_file(order)))
    await read(world)
    assert await counted(world) == (0, None)
    await link_identity(world.paddock, NETWORK, "paddock", 0)
    await read(world)
    assert await counted(world) == (1, 90)


async def test_a_sybil_without_a_payment_counts_nothing(world):
    await registered(world)
    await read(world)
    order = await bought(world)
    for role in ("stranger", "foreign_buyer"):
        await call_as(world, role, REPUTATION, on_chain(a_file(order), 100))
        own = a_file(order, fromAddress=account(role).address)
        await call_as(world, role, REPUTATION, on_chain(own, 100))
    await read(world)
    assert await counted(world) == (0, None)
    assert await summary(world.paddock, (await identities(world))[0]) is None


async def test_a_payment_counts_once_however_often_and_wherever_it_is_shown(world):
    await registered(world)
    await read(world)
    order = await bought(world)
    for score in (100, 90, 80):
        await call_as(world, "buyer", REPUTATION, on_chain(a_file(order, score), score))
    assert (await post(world, order, a_file(order, 20))).status_code == 201
    await read(world)
    assert await counted(world) == (1, 20)


@pytest.mark.parametrize(
    "given",
    [
        lambda order: on_chain(a_file(order), 101),
        lambda order: on_chain(a_file(order), -1),
        lambda order: on_chain(a_file(order), 90, agent=0).replace(b"data:application", b"http:application"),
        lambda order: on_chain(a_file(order, toAddress="0x00")),
        lambda order: on_chain(a_file(order), hashed=b"another file"),
        lambda order: on_chain(b"{}"),
        lambda order: on_chain(b"[" * 2000),
        lambda order: on_chain(a_file(order, chainId="1")),
    ],
)
async def test_feedback_that_cannot_be_read_counts_nothing_and_stops_nothing(world, given):
    await registered(world)
    await read(world)
    order, later = await bought(world), await bought(world)
    await call_as(world, "buyer", REPUTATION, given(order))
    await call_as(world, "buyer", REPUTATION, on_chain(a_file(later), 50))
    await read(world)
    assert await counted(world) == (1, 50)


async def test_what_is_revoked_counts_no_more_and_its_payment_is_spent(world):
    await registered(world)
    await read(world)
    order = await bought(world)
    await call_as(world, "buyer", REPUTATION, on_chain(a_file(order)))
    await call_as(world, "buyer", REPUTATION, encode_call("revokeFeedback(uint256,uint64)", 0, 1))
    await call_as(world, "buyer", REPUTATION, on_chain(a_file(order, 100), 100))
    await read(world)
    assert await counted(world) == (0, None)


async def test_a_reorganisation_takes_feedback_back_and_what_comes_again_counts_again(world):
    world.lawful = False  # what is final is replaced here
    await registered(world)
    order = await bought(world)
    world.chain.mine(140)
    await read(world)
    await call_as(world, "buyer", REPUTATION, on_chain(a_file(order)))
    await read(world)
    assert await counted(world) == (1, 90)
    world.chain.reorganise(8)
    await read(world)
    await read(world)
    assert await counted(world) == (0, None)
    await call_as(world, "buyer", REPUTATION, on_chain(a_file(order, 60), 60))
    await read(world)
    assert await counted(world) == (1, 60)


async def test_workers_that_read_at_once_count_each_review_once(world):
    await registered(world)
    await read(world)
    orders = [await bought(world) for _ in range(4)]
    for order in orders:
        await call_as(world, "buyer", REPUTATION, on_chain(a_file(order)))
    world.chain.mine(3)
    async with world.db.begin("asked") as work:
        await work.outbox.ensure(READ_REPUTATION, NETWORK, world.clock.now())
    async with world.workers():
        await world.work(20)
    assert await counted(world) == (4, 90)


async def test_each_of_many_payments_that_one_transaction_settles_backs_one_review(world):
    buyers = [world.buyer, other_buyer(world), other_buyer(world, "pauper")]
    quotes = [await buyer.ask(world.url("echo")) for buyer in buyers]
    world.chain.automine = False
    paid = [buyer.present(quoted, buyer.pay(quoted)) for buyer, quoted in zip(buyers, quotes, strict=True)]
    assert [answer.status_code for answer in await asyncio.gather(*paid)] == [200] * 3
    world.chain.automine = True
    world.chain.mine(3)
    orders = [await world.order(quoted.id) for quoted in quotes]
    assert orders[1].settlement_tx == orders[2].settlement_tx
    for order, buyer, score in zip(orders, buyers, (100, 50, 0), strict=True):
        assert (await post(world, order, a_file(order, score), buyer.account)).status_code == 201
    assert await counted(world) == (3, 50)


async def identities(world):
    async with world.db.read() as view:
        return await view.reputation.identities()
