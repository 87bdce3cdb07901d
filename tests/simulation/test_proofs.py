"""W11 on virtual time: receipts are chained once, anchored once, taken back by a new entry, verifiable by anybody."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from protocol.audits import check_chain
from protocol.bundles import Bundle, Page
from protocol.chains import stream_of
from protocol.headers import decode_json
from protocol.verification import check_bundle
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.anchor import anchor, site_of
from server.application.chain_receipts import ask_to_chain, chain_receipts, revoke_receipt
from server.application.paddock import Anchoring
from server.domain.anchors import ANCHORED, Kind
from server.domain.errors import ConfigurationError, InternalError, StaleWrite, UnknownOrder
from server.domain.market import Merchant
from tests.simulation.world import MERCHANT_KEY, TOKEN, open_world, service
from tests.stack.chains import assert_chains

OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
UNITS = ("final", "chained", "anchor signed", "anchored", "job")
SOON = Anchoring(every=timedelta(seconds=5))


class Killed(BaseException):
    """A worker dies here: nothing catches it."""


def echo(arguments, _context):
    return {"text": arguments.text}


@pytest.fixture
async def world():
    async with open_world(service("other-echo", echo, merchant="other")) as opened:
        other = Merchant("other", "Other", account("approver").address, b"")
        merchants = dict(opened.paddock.merchants) | {"other": other}
        change(opened, merchants=merchants, anchoring=SOON)
        yield opened


def change(world, market=None, **parts):
    if market:
        parts["grounds"] = {market.network: replace(world.paddock.home, market=market)}
    world.paddock = world.app.state.paddock = replace(world.paddock, **parts)


async def buy(world, service="echo"):
    """A delivered purchase, none released at the same moment as another; its order's id."""
    quoted = await world.buyer.ask(world.url(service))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    world.clock.advance(0.01)
    return quoted.id


async def bundle_of(world, order_id):
    answer = await world.client.get(f"/api/orders/{order_id}/receipt", headers=OPERATOR)
    assert answer.status_code == 200, answer.text
    return decode_json(answer.content, Bundle)


async def page_of(world, merchant="paddock", headers=OPERATOR, **asked):
    answer = await world.client.get(f"/api/merchants/{merchant}/receipts", params=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    return decode_json(answer.content, Page)


def anchorings(world):
    """The chain transactions that anchored something, in order."""
    mined = (one for block in world.chain.blocks for one in block.mined)
    return [one.transaction for one in mined if any(log.topics[0] == ANCHORED for log in one.logs)]


def anchored(world):
    """How many entries are under a root that is final."""
    return sum(one.last - one.first + 1 for one in world.db.tables.anchors.values() if one.block is not None)


async def work_with_deaths(world, seconds):
    """As `world.work`, with a worker that may die anywhere and is then started again."""
    until = world.clock.now().timestamp() + seconds
    while world.clock.now().timestamp() < until:
        try:
            await world.work(0.5)
        except Killed:
            await world.clock.sleep(0.1)


# ----------------------------------------------------------------------------------------------- chaining, anchoring


@pytest.mark.parametrize("when", ["begin", "commit", "committed"])
async def test_w11_thirty_orders_of_two_merchants_are_chained_and_anchored_once_by_a_worker_that_keeps_dying(
    world, when
):
    visits = Counter()

    def die(name, moment):
        """Every second time that one of these units comes to that moment, the first time too."""
        if name in UNITS and moment == when:
            visits[name] += 1
            if visits[name] % 2:
                raise Killed

    world.db.hooks.append(die)
    bought = []
    for number in range(30):
        bought.append(await buy(world, "other-echo" if number % 3 == 0 else "echo"))
        await work_with_deaths(world, 1)
    for _ in range(60):  # each death puts off every job that was due with the one that it hit
        await work_with_deaths(world, 10)
        if anchored(world) == 30:
            break
    assert set(visits) == set(UNITS)
    world.db.hooks.clear()
    await assert_chains(world.paddock)
    pages = {merchant: await page_of(world, merchant) for merchant in ("paddock", "other")}
    assert {merchant: page.length for merchant, page in pages.items()} == {"paddock": 20, "other": 10}
    assert sorted(row.order_id for page in pages.values() for row in page.entries) == sorted(bought)
    assert len(anchorings(world)) == sum(len(page.anchors) for page in pages.values())
    for page in pages.values():
        assert check_chain([page], world.paddock.receipts.address).wrong == []


async def test_w11_receipts_that_wait_together_are_chained_in_the_order_of_their_release(world):
    bought = [await buy(world) for _ in range(5)]
    await world.work(30)
    assert [row.order_id for row in (await page_of(world)).entries] == bought


async def test_w11_only_what_is_final_is_chained(world):
    world.chain.finality = 50
    order_id = await buy(world)
    await world.work(20)
    found = await bundle_of(world, order_id)
    assert (found.chain, found.anchor, found.revoked) == (None, None, None)
    assert (await page_of(world)).length == 0
    world.chain.finality = 2
    await world.work(20)
    assert (await bundle_of(world, order_id)).anchor is not None


async def test_an_order_without_a_receipt_is_none_of_the_chains_business(world):
    async with world.workers():
        for expected in (200, 502):
            quoted = await world.buyer.ask(world.url("launch-pass"), "POST", {})
            assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == expected
    await world.work(30)
    refunded = await world.order(quoted.id)
    assert refunded.final_at is not None
    async with world.db.begin("proof") as work:
        await ask_to_chain(world.paddock, work, refunded)
    order_id = await buy(world)
    not_final = await world.order(order_id)
    async with world.db.begin("proof") as work:
        await ask_to_chain(world.paddock, work, not_final)
        assert await work.receipt_chain.waiting("paddock", 9) == []
    await world.work(20)
    assert (await page_of(world)).length == 2


async def test_w11_two_workers_at_once_chain_a_receipt_once(world):
    order_id = await buy(world)
    for _ in range(20):
        await world.clock.sleep(0.5)
        async with world.db.begin("jobs taken") as work:
            jobs = await work.outbox.take(world.clock.now(), world.clock.now(), 100)
        if any(job.topic == "chain_receipts" for job in jobs):
            break
        await world.work(0.5)
    await asyncio.gather(*(chain_receipts(world.paddock, "paddock") for _ in range(3)))
    async with world.db.read() as view:
        assert [one.order_id for one in await view.receipt_chain.entries("paddock", 0, 9)] == [order_id]


async def test_entries_are_anchored_together_after_a_while_and_many_at_once(world):
    change(world, anchoring=Anchoring(every=timedelta(seconds=60), at_once=4))
    for _ in range(3):
        await buy(world)
    await world.work(40)
    assert anchorings(world) == []
    await world.work(40)
    assert len(anchorings(world)) == 1
    for _ in range(4):
        await buy(world)
    await world.work(15)
    assert [(one.first, one.last) for one in (await page_of(world)).anchors] == [(0, 2), (3, 6)]


async def test_f16_an_anchor_that_was_dropped_is_broadcast_again_with_the_same_bytes(world):
    await buy(world)
    await world.work(6)
    world.chain.drop_next, before = 3, len(world.chain.broadcasts)
    await world.work(12)
    sent = world.chain.broadcasts[before:]
    assert len(sent) >= 4
    assert len(set(sent)) == 1
    assert len(anchorings(world)) == 1
    assert len((await page_of(world)).anchors) == 1


async def test_f15_an_anchor_whose_broadcast_nobody_heard_of_is_not_signed_twice(world):
    await buy(world)
    await world.work(6)
    world.chain.lose_next = 1
    await world.work(20)
    assert world.chain.lose_next == 0
    assert len(anchorings(world)) == 1


@pytest.mark.parametrize("keep", [False, True], ids=["dropped", "back in the mempool"])
async def test_f17_an_anchor_that_a_reorganisation_took_back_is_anchored_again_by_the_same_bytes(world, keep):
    await buy(world)
    order_id = await buy(world)
    await world.work(4)
    world.chain.finality = 20
    await world.work(10)
    (first,) = anchorings(world)
    assert (await bundle_of(world, order_id)).anchor is None, "not before it is final"
    world.chain.reorganise(len(world.chain.blocks) - (await world.chain.mined(first)).block, keep=keep)
    assert anchorings(world) == []
    await world.work(40)
    assert anchorings(world) == [first]
    found = await bundle_of(world, order_id)
    assert found.anchor.transaction == first
    assert check_bundle(found, world.paddock.receipts.address).wrong == []


async def test_an_anchor_that_failed_on_chain_is_signed_anew_when_the_contract_takes_it(world):
    await buy(world)
    await world.work(6)
    site, spoilt = site_of(world.paddock), []

    def spoil(name, when):
        """Between signature and block somebody makes the contract refuse it."""
        if (name, when) == ("anchor signed", "committed") and not spoilt:
            spoilt.append(name)
            key = site.publisher, stream_of("paddock")
            world.chain.state.anchored[key] = ((99).to_bytes(32, "big"), b"h" * 32, b"r" * 32)

    world.db.hooks.append(spoil)
    await world.work(10)
    assert spoilt
    with pytest.raises(ConfigurationError, match="ProofAnchor holds 99 entries of paddock's chain"):
        await anchor(world.paddock, "paddock")
    for block in world.chain.blocks:
        block.state.anchored.clear()
    await world.work(90)
    async with world.db.read() as view:
        batch = await view.anchors.last(site, "paddock")
        assert batch.block is not None
    assert anchorings(world) == [batch.transaction]


async def test_a_transaction_to_something_that_is_no_proof_anchor_is_not_taken_for_an_anchor(world):
    contracts = dict(world.paddock.market.contracts)
    wrong = replace(contracts["ProofAnchor"], address=account("stranger").address)
    good = world.paddock.market
    change(world, market=replace(good, contracts=contracts | {"ProofAnchor": wrong}))
    order_id = await buy(world)
    await world.work(20)
    with pytest.raises(InternalError, match="does not say that it anchored"):
        await anchor(world.paddock, "paddock")
    assert (await bundle_of(world, order_id)).anchor is None
    change(world, market=good)
    await buy(world)
    await world.work(20)
    assert (await bundle_of(world, order_id)).anchor is not None


async def test_another_delegate_wallet_anchors_the_whole_chain_again_and_old_proofs_stay_good(world):
    order_id = await buy(world)
    await world.work(20)
    old = await bundle_of(world, order_id)
    wallet = LocalSigner(account("foreign_buyer").key.hex())
    change(world, delegate=wallet, market=replace(world.paddock.market, delegate=wallet.address))
    assert await bundle_of(world, order_id) == old, "until the new one is there"
    await buy(world)
    await world.work(20)
    new = await bundle_of(world, order_id)
    assert (old.anchor.publisher, new.anchor.publisher) == (account("delegate").address, wallet.address)
    for found in (old, new):
        assert check_bundle(found, world.paddock.receipts.address).wrong == []
    assert [(one.first, one.last) for one in (await page_of(world)).anchors] == [(0, 1)]


async def test_a_network_without_the_contract_chains_and_anchors_nothing(world):
    contracts = {name: one for name, one in world.paddock.market.contracts.items() if name != "ProofAnchor"}
    change(world, market=replace(world.paddock.market, contracts=contracts))
    order_id = await buy(world)
    await world.work(20)
    found = await bundle_of(world, order_id)
    assert (found.chain.index, found.anchor) == (0, None)
    assert (await world.client.get("/.well-known/x402")).json()["anchor"] is None
    assert (await page_of(world)).anchors == []


# -------------------------------------------------------------------------------------------------------- revocation


async def revoke(world, order_id, reason="the payment was undone by a reorganisation"):
    async with world.db.begin("settled") as work:
        await revoke_receipt(world.paddock, work, order_id, reason)


async def test_w11_a_revocation_is_a_new_signed_entry_and_the_receipt_is_then_not_good(world):
    order_id = await buy(world)
    await world.work(20)
    await revoke(world, order_id)
    await revoke(world, order_id)
    await world.work(20)
    found = await bundle_of(world, order_id)
    report = check_bundle(found, world.paddock.receipts.address)
    assert report.wrong == ["the receipt was revoked: the payment was undone by a reorganisation"]
    assert (found.chain.index, found.revoked.chain.index) == (0, 1)
    assert found.revoked.anchor is not None
    page = await page_of(world)
    assert [row.revocation is not None for row in page.entries] == [False, True]
    assert check_chain([page], world.paddock.receipts.address).wrong == []


async def test_w11_a_receipt_that_was_revoked_while_it_waited_is_never_chained(world):
    order_id = await buy(world)
    await revoke(world, order_id)
    await world.work(30)
    async with world.db.read() as view:
        assert [one.kind for one in await view.receipt_chain.of(order_id)] == [Kind.REVOKED]
    found = await bundle_of(world, order_id)
    assert found.chain is None
    assert check_bundle(found, world.paddock.receipts.address).wrong[0].startswith("the receipt was revoked")


async def test_what_has_no_receipt_cannot_be_revoked(world):
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
    await world.buyer.present(quoted, world.buyer.pay(quoted))  # no worker: it is paid and not delivered
    for order_id in (quoted.id, "unknown"):
        with pytest.raises(UnknownOrder):
            await revoke(world, order_id)


# --------------------------------------------------------------------------------------------------------- retrieval


async def test_w11_what_is_served_is_verified_with_nothing_but_the_published_key(world):
    bought = [await buy(world) for _ in range(3)]
    await world.work(90)
    bought += [await buy(world) for _ in range(4)]
    await world.work(90)
    published = (await world.client.get("/.well-known/x402")).json()
    site = site_of(world.paddock)
    assert published["anchor"] == {
        "network": site.network,
        "contract": site.contract,
        "publisher": account("delegate").address,
    }
    for index, order_id in enumerate(bought):
        found = await bundle_of(world, order_id)
        report = check_bundle(found, published["receiptSigner"])
        assert report.wrong == []
        assert len(report.checked) == 4
        assert (found.receipt.order_id, found.chain.index) == (order_id, index)
        assert (found.anchor.contract, found.anchor.publisher) == (site.contract, site.publisher)
    assert [(one.first, one.last) for one in (await page_of(world)).anchors] == [(0, 2), (3, 6)]


async def test_w11_anybody_can_check_the_chain_page_by_page_and_reads_only_hashes(world):
    bought = [await buy(world) for _ in range(7)]
    await world.work(20)
    pages, first = [], 0
    while first is not None:
        pages.append(await page_of(world, headers={}, limit=3, **{"from": first}))
        first = pages[-1].next
    assert [len(page.entries) for page in pages] == [3, 3, 1]
    report = check_chain(pages)
    assert report.wrong == []
    assert "no tail is cut off: the file says that the chain has 7 entries" in report.checked
    told = "".join(msgspec.json.encode(page).decode() for page in pages)
    assert not [secret for secret in (*bought, world.buyer.account.address) if secret in told]
    assert [row.order_id for row in (await page_of(world)).entries] == bought
    assert [row.order_id for row in (await page_of(world, **{"from": 5})).entries] == bought[5:]
    assert (await page_of(world, **{"from": 7})).entries == []


async def test_s31_a_receipt_is_for_the_operator_and_its_merchant(world):
    order_id = await buy(world)
    path = f"/api/orders/{order_id}/receipt"
    for token in (TOKEN, MERCHANT_KEY):
        answer = await world.client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = await world.client.get(path, headers=headers)
        assert answer.status_code == 404
        assert order_id not in answer.text
    assert (await world.client.get("/api/orders/unknown/receipt", headers=OPERATOR)).status_code == 404


async def test_s31_the_owner_of_one_chain_reads_only_hashes_of_another(world):
    await buy(world, "other-echo")
    await world.work(20)
    own = {"Authorization": f"Bearer {MERCHANT_KEY}"}
    assert (await page_of(world, "other", own)).entries[0].order_id is None
    assert (await page_of(world, "other")).entries[0].order_id is not None


async def test_what_cannot_be_asked_is_told_with_what_to_do(world):
    order_id = (await world.buyer.ask(world.url("echo"))).id
    assert (await world.client.get(f"/api/orders/{order_id}/receipt", headers=OPERATOR)).status_code == 404
    unknown = await world.client.get("/api/merchants/nobody/receipts")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/unknown-merchant")
    for asked in ("limit=0", "limit=501", "from=-1", f"from={2**40}", "from=x"):
        answer = await world.client.get(f"/api/merchants/paddock/receipts?{asked}")
        assert answer.status_code == 400, asked
        assert answer.json()["action"]


async def test_an_order_that_was_not_released_has_no_receipt(world):
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
    await world.buyer.present(quoted, world.buyer.pay(quoted))
    answer = await world.client.get(f"/api/orders/{quoted.id}/receipt", headers=OPERATOR)
    assert answer.status_code == 404
    assert "was not released" in answer.json()["detail"]


async def test_a_stale_writer_is_no_error_for_the_job_comes_again(world, monkeypatch):
    order_id = await buy(world)
    await world.work(2)
    async with world.db.read() as view:
        rows = type(view.receipt_chain)
    lost, append = [], rows.append

    async def beaten(self, entry):
        if not lost:
            lost.append(entry)
            raise StaleWrite("somebody else was first")
        await append(self, entry)

    monkeypatch.setattr(rows, "append", beaten)
    await world.work(20)
    assert lost
    assert (await bundle_of(world, order_id)).chain.index == 0
