"""The console's page of keys: each key with its state and age, what it holds, how it is changed, and never a secret."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from scripts.accounts import account
from server.application.wallets import HotWallet
from server.domain.quotes import QuoteKeys
from tests.fakes import samples
from tests.simulation.world import MERCHANT_KEY, TOKEN, open_world

PATH = "/console/keys"
OLD, ANOTHER = "0x" + "0A" * 20, "0x" + "0b" * 20


@pytest.fixture
async def world():
    async with open_world() as opened:
        await opened.entered()
        yield opened


def change(world, **parts):
    world.app.state.paddock = replace(world.paddock, **parts)


async def look(world):
    answer = await world.client.get(PATH)
    assert answer.status_code == 200, answer.text
    return answer.text


def rows(text):
    """Of each key: state, purpose, its address or id, and the words of the other columns."""
    found = []
    for row in re.findall(r"<tr>(.*?)</tr>", text.partition("<tbody>")[2], re.DOTALL):
        state, purpose, key, *rest = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)
        name = re.search(r'title="(0x\w+)"|mono">(\d+)<', key)
        words = [" ".join(re.sub(r"<[^>]+>", "", cell).split()) for cell in (state, purpose, *rest)]
        found.append((words[0], words[1], name[1] or name[2], *words[2:]))
    return found


async def signed(world, *transactions):
    async with world.db.begin("test") as work:
        for one in transactions:
            await work.transactions.allot(one.network, one.sender, one.nonce)
            await work.transactions.add(one)


async def test_every_key_that_counts_is_shown_with_its_state_and_what_it_holds(world):
    change(world, quotes=QuoteKeys(2, {1: b"o" * 32, 2: b"n" * 32}), other_receipt_signers=(OLD,))
    found = rows(await look(world))
    assert [row[:3] for row in found] == [
        ("accepted", "Quote", "1"),
        ("current", "Quote", "2"),
        ("current", "Receipt", account("receipts").address),
        ("accepted", "Receipt", OLD),
        ("current", "Settlement", account("settler").address),
        ("current", "Delegate wallet", account("delegate").address),
        ("current", "Refund float of paddock", account("float").address),
    ]
    assert [row[3] for row in found[:4]] == [""] * 4
    assert re.fullmatch(r"gas [\d.]+", found[4][3])
    assert re.fullmatch(r"0 USDC, gas [\d.]+", found[5][3])
    assert found[6][3] == "1000 USDC"


async def test_a_key_that_sends_is_as_old_as_its_first_chain_transaction(world):
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    world.clock.advance(timedelta(days=3).total_seconds())
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    world.clock.advance(timedelta(hours=2).total_seconds())
    await world.entered()  # a session has 12 hours
    [settlement] = [row for row in rows(await look(world)) if row[1] == "Settlement"]
    assert settlement[4:] == ("first used 3 d ago", "used 2 h ago")


async def test_a_cap_stands_beside_what_the_wallet_holds(world):
    wallet = replace_wallet(world, cap=25_000_000)
    change(world, wallet=wallet)
    [delegate] = [row for row in rows(await look(world)) if row[1] == "Delegate wallet"]
    assert delegate[3].endswith("of 25 at most")


def replace_wallet(world, **limits):
    market = world.paddock.market
    place = (world.chain, world.clock, "delegate", market.network, market.delegate, market.asset.address)
    return HotWallet(*place, **limits)


async def test_what_signed_once_and_is_in_no_settings_is_ended_and_a_foreign_facilitators_key_is_not(world):
    ended = samples.chain_transaction(5, network=world.paddock.market.network, sender=OLD)
    foreign = samples.chain_transaction(6, network="eip155:999", sender=ANOTHER, purpose="refund")
    await signed(world, ended, foreign)
    listed = {row[2]: row[:2] for row in rows(await look(world))}
    assert listed[OLD] == ("ended", "Settlement")
    assert listed[ANOTHER] == ("ended", "Delegate wallet eip155:999")
    world.app.state.settling = None
    change(world, facilitator=RemoteLike())
    listed = {row[2]: row[:2] for row in rows(await look(world))}
    assert listed[OLD] == ("elsewhere", "Settlement")
    change(world, facilitator=RemoteLike({world.paddock.market.network: ANOTHER}))
    listed = {row[2]: row[:2] for row in rows(await look(world))}
    assert listed[OLD] == ("ended", "Settlement")


class RemoteLike:
    """A facilitator elsewhere that names these settlers."""

    def __init__(self, named=None):
        self.named = named or {}

    def settlers(self):
        return self.named


async def test_s29_no_secret_is_on_the_page(world):
    change(world, quotes=QuoteKeys(7, {7: bytes(range(32))}))
    text = await look(world)
    roles = ("receipts", "settler", "delegate", "float", "merchant")
    secrets = [bytes(range(32)).hex(), TOKEN, MERCHANT_KEY, *(account(role).key.hex() for role in roles)]
    assert [one for one in secrets if one.removeprefix("0x") in text.lower()] == []
    assert account("receipts").address in text


async def test_the_page_says_how_each_key_is_changed_with_ids_that_fit(world):
    change(world, quotes=QuoteKeys(2, {1: b"o" * 32, 2: b"n" * 32}))
    text = await look(world)
    assert "PADDOCK_QUOTE_KEYS=2:old,3:new" in text
    for variable in ("RECEIPT_SIGNERS", "SETTLEMENT_KEY", "DELEGATE_CAP", "FLOAT_ADDRESS"):
        assert f"PADDOCK_{variable}" in text
    world.chain.unavailable = True
    world.clock.advance(11)
    assert "not known" in await look(world)


async def test_s31_strangers_see_none_of_it(world):
    world.client.cookies.clear()
    answer = await world.client.get(PATH)
    assert answer.status_code == 401
    assert account("receipts").address not in answer.text.partition("<footer")[0]
