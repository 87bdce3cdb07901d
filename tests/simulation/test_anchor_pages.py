"""The console's pages of anchors: each merchant's chain, the batches that hold it on chain, and what waits for one."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from scripts.accounts import account
from server.application.paddock import Anchoring
from server.domain.anchors import Kind
from server.domain.market import Merchant
from server.web import anchor_pages
from tests.fakes import samples
from tests.simulation.world import open_world

LIST = "/console/anchors"
OWN = f"{LIST}/paddock"
SOON = Anchoring(every=timedelta(seconds=5))


@pytest.fixture
async def world():
    async with open_world() as opened:
        merchants = {"other": Merchant("other", "Other", account("approver").address, b"")}
        change(opened, anchoring=SOON, merchants=opened.paddock.merchants | merchants)
        await opened.entered()
        yield opened


def change(world, **parts):
    world.paddock = world.app.state.paddock = replace(world.paddock, **parts)


async def look(world, path=LIST, status=200):
    answer = await world.client.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


def rows(text):
    """The cells of each row in words, with the hashes in full instead of what is shown of them."""
    found = []
    for row in re.findall(r"<tr>(.*?)</tr>", text.partition("<tbody>")[2], re.DOTALL):
        cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)
        whole = [re.sub(r'<code title="(\w+)">[^<]*</code>', r"\1", cell) for cell in cells]
        found.append([" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in whole])
    return found


async def buy(world):
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200


async def stored(world):
    """The merchant's batches, newest first."""
    async with world.db.read() as view:
        site = anchor_pages.site_of(world.paddock)
        return await view.anchors.newest(site, "paddock", None, 99)


async def test_a_chain_is_shown_from_its_receipts_to_its_anchor(world):
    assert rows(await look(world)) == [
        ["empty", "other", "0 in chain", "none", "", "nothing waits"],
        ["empty", "paddock", "0 in chain", "none", "", "nothing waits"],
    ]
    await buy(world)
    await world.work()
    [anchor] = await stored(world)
    own = ["anchored", "paddock", "1 in chain", f"head 0x{anchor.head.hex()}", f"block {anchor.block}", "nothing waits"]
    assert rows(await look(world))[1] == own
    text = await look(world, OWN)
    hashes = (f"root 0x{anchor.root.hex()}", f"head 0x{anchor.head.hex()}", f"chain transaction {anchor.transaction}")
    assert rows(text) == [["final", "no. 0", "entries 0 to 0", *hashes, str(anchor.block)]]
    site = anchor.site
    assert all(one in text for one in (site.contract, site.publisher, site.network))


async def test_what_waits_for_its_anchor_is_counted_with_its_age(world):
    await buy(world)
    await world.work()
    change(world, anchoring=Anchoring(every=timedelta(days=1)))
    for _ in range(2):
        await buy(world)
    await world.work()
    world.clock.advance(timedelta(hours=3).total_seconds())
    state, _, length, *_, waits = rows(await look(world))[1]
    assert (state, length, waits) == ("waits", "3 in chain", "2 not anchored, since 3 h")
    assert "2 <span" in await look(world, OWN)
    world.clock.advance(timedelta(days=1).total_seconds())
    await world.entered()  # a session has 12 hours
    await world.work()
    assert rows(await look(world))[1][5] == "nothing waits"


async def test_a_batch_under_way_is_told_from_what_is_final(world):
    await buy(world)
    await world.work()
    world.chain.automine = False
    async with world.db.begin("test") as work:
        [first] = await work.anchors.newest(anchor_pages.site_of(world.paddock), "paddock", None, 9)
        entry = await work.receipt_chain.tail("paddock")
        await work.receipt_chain.append(replace(entry, index=1, kind=Kind.REVOKED, previous=entry.link))
        await work.anchors.add(replace(first, batch=1, first=1, last=1, block=None, transaction="0x" + "ab" * 32))
    own = rows(await look(world))[1]
    assert (own[0], own[4]) == ("waits", f"block {first.block}")
    assert own[5].startswith("1 not anchored, 1 sent, since ")
    assert [row[0] for row in rows(await look(world, OWN))] == ["sent", "final"]
    world.lawful = False


async def test_receipts_that_are_not_chained_yet_are_counted(world):
    async with world.db.begin("test") as work:
        order = samples.order(created_at=world.clock.now())
        await work.orders.add(order)
        await work.receipt_chain.enqueue(order.id, "other", world.clock.now())
    world.lawful = False
    assert rows(await look(world))[0] == ["waits", "other", "0 in chain", "none", "", "1 to be chained"]


async def test_merchants_and_batches_are_shown_page_by_page(world, monkeypatch):
    monkeypatch.setattr(anchor_pages, "MOST_MERCHANTS", 1)
    monkeypatch.setattr(anchor_pages, "MOST_ANCHORS", 2)
    first = await look(world)
    [following] = re.findall(r'href="([^"]+)" rel="next"', first)
    second = await look(world, following)
    assert [row[1] for row in rows(first) + rows(second)] == ["other", "paddock"]
    assert 'rel="next"' not in second
    for _ in range(3):
        await buy(world)
        await world.work()
    newest = await look(world, OWN)
    [older] = re.findall(r'href="([^"]+)" rel="next"', newest)
    oldest = await look(world, older)
    assert [row[1] for row in rows(newest) + rows(oldest)] == ["no. 2", "no. 1", "no. 0"]
    assert 'rel="next"' not in oldest
    assert "There is nothing older" in await look(world, f"{OWN}?before=0")


async def test_without_the_contract_the_page_says_that_nothing_is_anchored(world):
    market = world.paddock.market
    contracts = {name: one for name, one in market.contracts.items() if name != "ProofAnchor"}
    ground = replace(world.paddock.home, market=replace(market, contracts=contracts))
    change(world, grounds={market.network: ground})
    await buy(world)
    await world.work()
    assert "anchored nowhere" in await look(world)
    assert rows(await look(world))[1][2:4] == ["1 in chain", "none"]
    assert "Nothing was anchored here yet" in await look(world, OWN)


async def test_an_unknown_merchant_is_404_and_strangers_see_nothing(world):
    await look(world, f"{LIST}/nobody", 404)
    world.client.cookies.clear()
    for path in (LIST, OWN):
        assert "ProofAnchor" not in await look(world, path, 401)
