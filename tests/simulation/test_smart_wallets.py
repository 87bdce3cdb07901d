"""F2, F3, F4, F8: payers with code. What verify says is what the settlement does, or nothing is released."""

import asyncio

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address

from protocol.erc6492 import Wrapped, wrap
from server.domain.states import FulfilmentState, PaymentState
from server.facilitator.verify import MOST_WALLET_GAS
from tests.fakes.evm import TOKEN
from tests.fakes.wallets import bound, burning, fickle, no, owned, wallet, yes
from tests.simulation.world import RICH, open_world, read_payment
from tests.stack.buyer import changed, payment, read_header, write_header

WALLET, OTHER = (to_checksum_address("0x" + digits * 20) for digits in ("1b", "1c"))
OWNER = Account.create()


@pytest.fixture
async def world():
    async with open_world() as opened:
        for address in (WALLET, OTHER):
            opened.chain.give(address, RICH)
        yield opened


async def quoted_for(world, payer=WALLET, signature="0x" + "5a" * 65):
    """A quote, and a payment of the wallet's with that signature."""
    quoted = await world.buyer.ask(world.url("echo"))
    until = str(int(world.clock.now().timestamp()) + 120)
    paid = payment(OWNER, quoted.entry, quoted.required["resource"], from_=payer, validBefore=until)
    return quoted, write_header(changed(paid, "payload.signature", signature))


def signed_for(header, address):
    """The owner's signature of that payment, for the wallet at an address."""
    signature = OWNER.unsafe_sign_hash(bound(address, read_payment(header).signed)).signature
    return write_header(changed(read_header(header), "payload.signature", "0x" + bytes(signature).hex()))


async def assert_refused(world, answer, reason="invalid_exact_evm_payload_signature"):
    """402 with that reason; no claim, no run, no settlement."""
    assert answer.status_code == 402
    assert read_header(answer.headers["payment-response"])["errorReason"] == reason
    assert (await world.orders(), world.runs["echo"], await held(world)) == ([], 0, RICH)


async def held(world, address=WALLET):
    return await world.chain.token_balance(TOKEN, address)


async def test_f3_a_wallet_with_code_pays_by_what_its_code_says(world):
    world.chain.deploy(owned(OWNER.address, WALLET))
    quoted, header = await quoted_for(world)
    assert (await world.buyer.present(quoted, signed_for(header, WALLET))).status_code == 200
    assert await held(world) == RICH - 10_000


@pytest.mark.parametrize("length", [0, 1, 64, 65, 66, 600])
async def test_f3_a_signature_of_any_length_is_the_wallets_own_affair(world, length):
    world.chain.deploy(wallet(WALLET, lambda _frame, _digest, signature: len(signature) == length))
    quoted, header = await quoted_for(world, signature="0x" + "5a" * length)
    assert (await world.buyer.present(quoted, header)).status_code == 200


@pytest.mark.parametrize("forged", ["a stranger's key", "nonsense", "the owner's, bare"])
async def test_f2_a_forged_signature_of_a_wallet_with_code_is_refused(world, forged):
    world.chain.deploy(owned(OWNER.address, WALLET))
    quoted, header = await quoted_for(world)
    if forged != "nonsense":
        key = OWNER if forged == "the owner's, bare" else Account.create()
        signature = bytes(key.unsafe_sign_hash(read_payment(header).signed).signature)
        header = write_header(changed(read_header(header), "payload.signature", "0x" + signature.hex()))
    await assert_refused(world, await world.buyer.present(quoted, header))


async def test_f2_a_wallet_that_is_not_deployed_cannot_be_paid_from_by_a_wrapped_signature(world):
    """Whoever unwrapped it would run a factory of the payer's choice to ask a wallet that says yes."""
    world.chain.deploy(wallet(OTHER, yes))
    signature = wrap(Wrapped(OTHER, b"deploy", b"\x01" * 65))
    quoted, header = await quoted_for(world, signature="0x" + signature.hex())
    await assert_refused(world, await world.buyer.present(quoted, header))


async def test_f4_one_owners_signature_is_good_for_one_of_two_wallets(world):
    for address in (WALLET, OTHER):
        world.chain.deploy(owned(OWNER.address, address))
    quoted, header = await quoted_for(world)
    signed = signed_for(header, WALLET)
    replayed = write_header(changed(read_header(signed), "payload.authorization.from", OTHER))
    await assert_refused(world, await world.buyer.present(quoted, replayed))
    assert await held(world, OTHER) == RICH
    assert (await world.buyer.present(quoted, signed)).status_code == 200


async def test_f3_a_wallet_that_says_no_is_refused(world):
    world.chain.deploy(wallet(WALLET, no))
    quoted, header = await quoted_for(world)
    await assert_refused(world, await world.buyer.present(quoted, header))


@pytest.mark.parametrize("length", [65, 90], ids=["may be batched", "goes alone"])
async def test_f3_a_wallet_that_says_yes_when_asked_and_no_when_it_pays_gets_nothing(world, length):
    world.chain.deploy(wallet(WALLET, fickle))
    quoted, header = await quoted_for(world, signature="0x" + "5a" * length)
    answer = await world.buyer.present(quoted, header)
    assert answer.status_code == 402
    assert b"hello" not in answer.content
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment) == (PaymentState.FAILED, FulfilmentState.FAILED)
    assert await held(world) == RICH


async def test_f3_a_wallet_that_changes_its_mind_between_verify_and_settle_gets_nothing(world):
    world.chain.deploy(wallet(WALLET, yes))

    def turn(name, when):
        if (name, when) == ("ready", "committed"):
            world.chain.deploy(wallet(WALLET, no))

    world.db.hooks.append(turn)
    quoted, header = await quoted_for(world)
    answer = await world.buyer.present(quoted, header)
    assert answer.status_code == 402
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment) == (PaymentState.FAILED, FulfilmentState.FAILED)
    assert (len(world.chain.broadcasts), await held(world)) == (0, RICH)


async def test_f3_a_fickle_wallet_takes_no_honest_payment_down_with_it(world):
    """They gather while another settlement is in flight, and only the fickle one of the batch fails."""
    world.chain.deploy(wallet(WALLET, fickle))
    bad, header = await quoted_for(world)
    good = [await world.buyer.ask(world.url("echo")) for _ in range(3)]
    headers = [world.buyer.pay(one) for one in good]
    statuses = await present_together(world, [*zip(good, headers, strict=True), (bad, header)])
    assert statuses == [200, 200, 200, 402]
    assert (world.settlements(), await held(world)) == (3, RICH)


async def present_together(world, presented):
    answers = await asyncio.gather(*(world.buyer.present(*one) for one in presented))
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize(("gas", "status"), [(MOST_WALLET_GAS + 1, 402), (100_000, 200)])
async def test_f8_a_wallet_that_burns_gas_is_refused_before_anything_is_sent(world, gas, status):
    world.chain.deploy(wallet(WALLET, burning(gas)))
    quoted, header = await quoted_for(world)
    answer = await world.buyer.present(quoted, header)
    assert answer.status_code == status
    if status == 402:
        await assert_refused(world, answer)
        assert world.chain.broadcasts == []


async def test_f8_a_wallet_that_begins_to_burn_gas_after_it_was_verified_is_not_sent(world):
    world.chain.deploy(wallet(WALLET, yes))

    def turn(name, when):
        if (name, when) == ("settlement admitted", "committed"):
            world.chain.deploy(wallet(WALLET, burning(50 * MOST_WALLET_GAS)))

    world.db.hooks.append(turn)
    quoted, header = await quoted_for(world)
    answer = await world.buyer.present(quoted, header)
    assert (answer.status_code, world.chain.broadcasts) == (402, [])
    assert (await world.order(quoted.id)).payment is PaymentState.FAILED
