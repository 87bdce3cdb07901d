"""What ports.Chain guarantees of reading, on the fake chain and on anvil with the real contracts."""

import secrets
import time

from eth_account import Account

from protocol import schemes
from protocol.wire import PaymentRequirements
from server.domain import calls
from server.domain.payment_calls import settle_batch
from server.ports import Call
from tests.conformance.worlds import (
    FINALITY,
    cancel_call,
    nonce_of,
    settle_call,
    spend,
    transfer_in,
    transfer_of,
)
from tests.stack import buyer
from tests.stack.waiting import eventually

SHOP = Account.create().address


# --------------------------------------------------------------------------------------------------------------- blocks


async def test_blocks_are_counted_and_the_final_one_is_so_many_behind(world):
    before = await world.chain.block_number()
    world.mine(3)
    after = await world.chain.block_number()
    assert after >= before + 3
    assert await world.chain.final_block() in (after - FINALITY, after - FINALITY + 1)  # a block may come in between


async def test_a_recent_block_is_a_lower_bound_for_what_happens_next(world):
    payer = await world.payer()
    since = await world.chain.recent_block()
    payment = buyer.payment(payer, world.entry(SHOP))
    mined = await world.transact(world.token, settle_call(payment))
    assert since <= mined.block
    assert await transfer_in(world.chain, world.token, payer.address, nonce_of(payment), since=since)


async def test_block_times_are_unix_seconds_and_never_go_back(world):
    world.mine(2)
    newest = await world.chain.block_number()
    times = [await world.chain.block_time(number) for number in range(newest - 2, newest + 1)]
    assert times == sorted(times)
    assert abs(times[-1] - time.time()) < 3600


async def test_f17_a_block_has_a_name_once_it_is_there_and_not_before(world):
    newest = await world.chain.block_number()
    name = await world.chain.block_hash(newest)
    assert name is not None
    assert (name[:2], len(name)) == ("0x", 66)
    assert await world.chain.block_hash(newest + 1_000_000) is None


# ------------------------------------------------------------------------------------------------------------- balances


async def test_token_balances_follow_every_transfer(world):
    payer, other = await world.payer(1_000_000), Account.create().address
    assert await world.chain.token_balance(world.token, other) == 0
    await world.transact(world.token, settle_call(buyer.payment(payer, world.entry(other, 250_000))))
    assert await world.chain.token_balance(world.token, other) == 250_000
    assert await world.chain.token_balance(world.token, payer.address) == 750_000


async def test_an_address_without_a_contract_holds_no_token_and_no_code(world):
    nowhere = Account.create().address
    assert await world.chain.token_balance(nowhere, SHOP) == 0
    assert await world.chain.code(nowhere) == b""
    assert await world.chain.code(world.token) != b""
    assert await world.chain.call(Call(SHOP, nowhere, calls.balance_of(SHOP))) == b""


async def test_the_native_balance_pays_for_gas(world):
    assert await world.chain.balance(world.signer.address) > 10**18
    fees = await world.chain.fees()
    assert fees.max_fee >= fees.priority >= 0
    assert fees.max_fee > 0


# ------------------------------------------------------------------------------------------------------- authorizations


async def test_an_authorization_is_used_once_it_is_mined_and_not_before(world):
    payer = await world.payer()
    payment = buyer.payment(payer, world.entry(SHOP))
    nonce, asked = nonce_of(payment), (world.token, payer.address)
    assert not await world.chain.nonce_used(spend(*asked, nonce))
    mined = await world.transact(world.token, settle_call(payment))
    assert await world.chain.nonce_used(spend(*asked, nonce))
    assert await world.chain.nonce_used(spend(*asked, nonce), block=mined.block)
    assert not await world.chain.nonce_used(spend(*asked, nonce), block=mined.block - 1)
    assert not await world.chain.nonce_used(spend(*asked, secrets.token_bytes(32)))
    assert not await world.chain.nonce_used(spend(world.token, SHOP, nonce))


async def test_f6_the_transfer_of_an_authorization_is_found_whoever_submitted_it(world):
    payer = await world.payer()
    payment = buyer.payment(payer, world.entry(SHOP, 70_000))
    mined = await world.transact(world.token, settle_call(payment))  # the world's signer is nobody of ours
    found = await transfer_in(world.chain, world.token, payer.address, nonce_of(payment), since=mined.block)
    assert (found.transaction, found.block, found.asset) == (mined.transaction, mined.block, world.token)
    assert (found.sender, found.recipient, found.amount) == (payer.address, SHOP, 70_000)
    assert found == transfer_of(mined, world.token, payer.address, nonce_of(payment))


async def test_no_transfer_is_found_of_another_nonce_payer_or_in_later_blocks(world):
    payer = await world.payer()
    payment = buyer.payment(payer, world.entry(SHOP))
    mined = await world.transact(world.token, settle_call(payment))
    world.mine()
    chain, nonce = world.chain, nonce_of(payment)
    assert await transfer_in(chain, world.token, payer.address, secrets.token_bytes(32)) is None
    assert await transfer_in(chain, world.token, SHOP, nonce) is None
    assert await transfer_in(chain, SHOP, payer.address, nonce) is None
    assert await transfer_in(chain, world.token, payer.address, nonce, since=mined.block + 1) is None


async def test_f7_a_cancelled_authorization_is_used_and_has_no_transfer(world):
    payer, entry = await world.payer(), world.entry(SHOP)
    payment = buyer.payment(payer, entry)
    nonce = payment["payload"]["authorization"]["nonce"]
    mined = await world.transact(world.token, cancel_call(payer, entry, nonce))
    assert mined.succeeded
    assert await world.chain.nonce_used(spend(world.token, payer.address, nonce_of(payment)))
    assert await transfer_in(world.chain, world.token, payer.address, nonce_of(payment)) is None
    assert transfer_of(mined, world.token, payer.address, nonce_of(payment)) is None


async def test_each_payment_of_a_batch_has_its_own_transfer_and_a_bad_one_has_none(world):
    payers = [await world.payer() for _ in range(3)]
    pauper = Account.create()
    amounts = (10_000, 20_000, 30_000)
    paid = [buyer.payment(p, world.entry(SHOP, a)) for p, a in zip(payers, amounts, strict=True)]
    items = [paid[0], buyer.payment(pauper, world.entry(SHOP)), paid[1], paid[2]]
    read = [schemes.read(_requirements(item["accepted"]), item["payload"]) for item in items]
    mined = await world.transact(
        world.market.contracts["BatchSettler"].address, settle_batch(world.token, read), gas=5_000_000
    )
    assert mined.succeeded
    for payer, payment, amount in zip(payers, paid, amounts, strict=True):
        found = transfer_of(mined, world.token, payer.address, nonce_of(payment))
        assert (found.sender, found.recipient, found.amount) == (payer.address, SHOP, amount)
        assert found == await transfer_in(world.chain, world.token, payer.address, nonce_of(payment))
    assert transfer_of(mined, world.token, pauper.address, nonce_of(items[1])) is None
    assert len({log.index for log in mined.logs}) == len(mined.logs)


def _requirements(entry):
    names = {"pay_to": "payTo", "max_timeout_seconds": "maxTimeoutSeconds"}
    fields = ("scheme", "network", "amount", "asset", "pay_to", "max_timeout_seconds", "extra")
    return PaymentRequirements(**{name: entry[names.get(name, name)] for name in fields})


# ------------------------------------------------------------------------------------------------------------ transfers


async def test_g4_all_transfers_of_an_address_come_oldest_first(world):
    payer, shop = await world.payer(1_000_000), Account.create().address
    for amount, to in ((1, shop), (2, payer.address), (3, shop)):
        await world.transact(world.token, settle_call(buyer.payment(payer, world.entry(to, amount))))
    of_payer = await world.chain.transfers(world.token, payer.address)
    assert [log.amount for log in of_payer] == [1_000_000, 1, 2, 3]  # the one to itself counts once
    of_shop = await world.chain.transfers(world.token, shop)
    assert [(log.sender, log.recipient, log.amount) for log in of_shop] == [
        (payer.address, shop, 1),
        (payer.address, shop, 3),
    ]
    assert await world.chain.transfers(world.token, shop, of_shop[1].block) == of_shop[1:]
    assert await world.chain.transfers(Account.create().address, shop) == []
    assert sum(log.amount for log in of_shop) == await world.chain.token_balance(world.token, shop)


# ------------------------------------------------------------------------------------------------------ reorganisations


async def test_f17_what_a_reorganisation_takes_back_is_gone_and_can_be_sent_again(own_world):
    world = own_world
    payer = await world.payer()
    world.mine(2)
    payment = buyer.payment(payer, world.entry(SHOP))
    transaction, raw = await world.sign(world.token, settle_call(payment))
    with world.held():  # no block in between, so that the depth is known
        await world.chain.send(raw)
        world.mine()
        mined = await world.chain.mined(transaction)
        world.reorganise(1)
        assert await world.chain.mined(transaction) is None
        assert not await world.chain.nonce_used(spend(world.token, payer.address, nonce_of(payment)))
        assert await transfer_in(world.chain, world.token, payer.address, nonce_of(payment)) is None
        await world.chain.send(raw)
    again = await eventually(lambda: world.chain.mined(transaction), 20, "mined again")
    assert again.succeeded
    assert again.block_hash != mined.block_hash
    assert await transfer_in(world.chain, world.token, payer.address, nonce_of(payment))


# --------------------------------------------------------------------------------------------------------------- events


async def test_a_contracts_events_are_told_in_order_with_their_places(world):
    mined = [await world.mint(SHOP, amount) for amount in (5, 6)]
    other = await world.mint(SHOP, 7)
    found = await world.chain.events(world.token, mined[0].block, other.block)
    ours = [one for one in found if one.transaction in {mined[0].transaction, mined[1].transaction}]
    assert [(one.transaction, one.block, one.block_hash, one.log) for one in ours] == [
        (one.transaction, one.block, one.block_hash, log) for one in mined for log in one.logs
    ]
    assert len({(one.block, one.log.index) for one in found}) == len(found)
    assert await world.chain.events(SHOP, mined[0].block, other.block) == []
    only = await world.chain.events(world.token, other.block, other.block)
    assert {one.block for one in only} == {other.block}
