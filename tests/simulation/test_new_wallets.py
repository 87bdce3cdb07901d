"""F2, F3, F4, F8: wallets that do not exist yet pay (ERC-6492): made and settled in one transaction, or nothing."""

import asyncio
from dataclasses import replace

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address

from protocol.erc6492 import Wrapped, wrap
from protocol.errors import ProtocolError
from server.domain.settlement_calls import MOST_MAKING_GAS, most_gas, settlement_call
from server.domain.states import FulfilmentState, PaymentState
from server.services.service import Answer
from tests.fakes.chain import DAI_ASSET, DOLLAR
from tests.fakes.evm import Contract
from tests.fakes.new_wallets import FACTORY, address_to_be, deployment
from tests.fakes.permit2 import PERMIT2
from tests.fakes.tokens import DAI
from tests.fakes.wallets import bound, burning, no, wallet
from tests.simulation.world import RICH, open_world, read_payment
from tests.stack.buyer import changed, payment, read_header, write_header
from tests.stack.permits import permit_payment

OWNER = Account.create()
SALT, OTHER_SALT = (bytes([digit]) * 32 for digit in (1, 2))
WALLET, OTHER = (address_to_be(OWNER.address, salt) for salt in (SALT, OTHER_SALT))
MAKES_WALLET, MAKES_OTHER = (deployment(OWNER.address, salt) for salt in (SALT, OTHER_SALT))
SIGNATURE = "invalid_exact_evm_payload_signature"
NOT_ALLOWED = "eip6492_factory_not_allowed"


@pytest.fixture
async def world():
    async with open_world() as opened:
        for address in (WALLET, OTHER):
            opened.chain.give(address, RICH)
        yield opened


async def asked(world, payer=WALLET, signer=OWNER, factory=FACTORY, call=MAKES_WALLET):
    """A quote, and a payment that the wallet's owner signed before there is a wallet."""
    quoted = await world.buyer.ask(world.url("echo"))
    until = str(int(world.clock.now().timestamp()) + 120)
    paid = payment(OWNER, quoted.entry, quoted.required["resource"], from_=payer, validBefore=until)
    signature = sign(signer, payer, read_payment(write_header(paid)))
    return quoted, wrapped(paid, signature, factory, call)


def sign(signer, payer, paid):
    return bytes(signer.unsafe_sign_hash(bound(payer, paid.signed)).signature)


def wrapped(paid, signature, factory=FACTORY, call=MAKES_WALLET):
    return with_signature(paid, wrap(Wrapped(factory, call, signature)))


def with_signature(paid, signature):
    return write_header(changed(paid, "payload.signature", "0x" + signature.hex()))


async def held(world, address=WALLET):
    return await world.chain.token_balance(DOLLAR.address, address)


async def exists(world, address=WALLET):
    return bool(await world.chain.code(address))


async def assert_refused(world, answer, reason=SIGNATURE):
    """402 with that reason; no claim, no run, no settlement, no wallet."""
    assert answer.status_code == 402
    assert read_header(answer.headers["payment-response"])["errorReason"] == reason
    assert (await world.orders(), world.runs["echo"], world.chain.broadcasts) == ([], 0, [])
    assert (await held(world), await exists(world)) == (RICH, False)


async def test_f2_a_wallet_that_is_not_there_yet_buys_and_is_there_then(world):
    quoted, header = await asked(world)
    answer = await world.buyer.present(quoted, header)
    assert answer.status_code == 200
    assert (await exists(world), await held(world)) == (True, RICH - 10_000)
    assert len(world.chain.broadcasts) == 1
    assert (await world.buyer.present(quoted, header)).content == answer.content
    assert (len(world.chain.broadcasts), world.runs["echo"]) == (1, 1)


async def test_a_wallet_that_was_made_meanwhile_pays_by_the_same_signature_and_later_without_the_wrapping(world):
    quoted, header = await asked(world)
    await world.as_stranger(FACTORY, MAKES_WALLET)
    assert await exists(world)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    again, header = await asked(world)
    bare = with_signature(read_header(header), sign(OWNER, WALLET, read_payment(header)))
    assert (await world.buyer.present(again, bare)).status_code == 200


async def test_f2_a_forged_counterfactual_signature_makes_no_wallet(world):
    await assert_refused(world, await world.buyer.present(*await asked(world, signer=Account.create())))


async def test_f2_a_factory_that_makes_another_wallet_or_none_settles_nothing(world):
    for call in (MAKES_OTHER, b"", b"\x12\x34\x56\x78"):
        await assert_refused(world, await world.buyer.present(*await asked(world, call=call)))
    assert not await exists(world, OTHER)


async def test_f2_only_a_listed_factory_is_run(world):
    stranger = to_checksum_address("0x" + "fb" * 20)
    world.chain.deploy(replace(world.chain._contracts[FACTORY], address=stranger))
    for factory in (stranger, DOLLAR.address, world.settler.address):
        await assert_refused(world, await world.buyer.present(*await asked(world, factory=factory)), NOT_ALLOWED)


async def test_f2_where_nothing_is_deployed_that_makes_wallets_they_are_asked_to_be_there(world):
    paid = read_payment((await asked(world))[1])
    with pytest.raises(ProtocolError, match="undeployed_smart_wallet"):
        settlement_call(replace(world.paddock.market, contracts={}), paid, paid.value)


@pytest.mark.parametrize("spoilt", ["cut", "padded", "twice", "empty"])
async def test_f2_a_wrapping_in_any_other_spelling_is_refused(world, spoilt):
    quoted, header = await asked(world)
    good = read_payment(header).signature
    bad = {
        "cut": good[32:],
        "padded": good[:-32] + bytes(32) + good[-32:],
        "twice": wrap(Wrapped(FACTORY, b"", good)),
        "empty": wrap(Wrapped(FACTORY, MAKES_WALLET, b"")),
    }[spoilt]
    await assert_refused(world, await world.buyer.present(quoted, with_signature(read_header(header), bad)))


async def test_f2_a_key_is_no_wallet_whatever_it_wraps(world):
    world.chain.give(OWNER.address, RICH)
    await assert_refused(world, await world.buyer.present(*await asked(world, payer=OWNER.address)))
    assert await held(world, OWNER.address) == RICH


async def test_f4_what_is_signed_for_one_wallet_to_be_pays_from_no_other(world):
    quoted, header = await asked(world)
    replayed = changed(read_header(header), "payload.authorization.from", OTHER)
    moved = wrapped(replayed, sign(OWNER, WALLET, read_payment(header)), call=MAKES_OTHER)
    await assert_refused(world, await world.buyer.present(quoted, moved))
    assert (await held(world, OTHER), await exists(world, OTHER)) == (RICH, False)


async def test_f3_a_wallet_that_says_no_once_it_is_made_gets_nothing(world):
    quoted, header = await asked(world)

    def turn(name, when):
        if (name, when) == ("settlement admitted", "committed"):
            world.chain.deploy(wallet(WALLET, no))

    world.db.hooks.append(turn)
    answer = await world.buyer.present(quoted, header)
    assert (answer.status_code, world.chain.broadcasts) == (402, [])
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment) == (PaymentState.FAILED, FulfilmentState.FAILED)
    assert await held(world) == RICH


async def test_f2_a_factory_that_is_struck_off_the_list_before_it_is_run_is_not_run(world):
    quoted, header = await asked(world)
    ground = world.settler._ground

    def strike(name, when):
        if (name, when) == ("settlement admitted", "committed"):
            world.settler._ground = replace(ground, market=replace(ground.market, factories=frozenset()))

    world.db.hooks.append(strike)
    assert (await world.buyer.present(quoted, header)).status_code == 402
    assert (world.chain.broadcasts, await exists(world), await held(world)) == ([], False, RICH)
    assert (await world.order(quoted.id)).payment is PaymentState.FAILED


def heat_factory(world, gas):
    """The factory burns so much gas from now on."""
    deploy = "deploy(address,bytes32)"
    honest = world.chain._contracts[FACTORY].entries[deploy]

    def heated(factory, frame, sender, arguments):
        frame.gas += gas
        return honest(factory, frame, sender, arguments)

    world.chain.deploy(Contract(FACTORY, {deploy: heated}))


@pytest.mark.parametrize(("gas", "status"), [(MOST_MAKING_GAS, 200), (MOST_MAKING_GAS * 2, 402)])
async def test_f8_a_factory_that_burns_gas_is_refused_before_anything_is_sent(world, gas, status):
    heat_factory(world, gas)
    answer = await world.buyer.present(*await asked(world))
    assert answer.status_code == status
    if status == 402:
        await assert_refused(world, answer)


async def test_f8_a_factory_that_begins_to_burn_gas_after_it_was_asked_is_not_run(world):
    def turn(name, when):
        if (name, when) == ("settlement admitted", "committed"):
            heat_factory(world, MOST_MAKING_GAS * 2)

    world.db.hooks.append(turn)
    assert (await world.buyer.present(*await asked(world))).status_code == 402
    assert (world.chain.broadcasts, await exists(world)) == ([], False)


async def test_f8_a_wallet_that_is_there_gets_no_gas_for_making_it(world):
    world.chain.deploy(wallet(WALLET, burning(MOST_MAKING_GAS)))
    quoted, header = await asked(world)
    paid = read_payment(header)
    assert (
        most_gas(world.paddock.market, paid)
        > MOST_MAKING_GAS
        > most_gas(world.paddock.market, replace(paid, signature=b"\1" * 65))
    )
    answer = await world.buyer.present(quoted, with_signature(read_header(header), b"\1" * 65))
    assert (answer.status_code, world.chain.broadcasts) == (402, [])


async def test_f6_a_stranger_who_makes_the_wallet_and_submits_its_payment_first_pays_for_it(world):
    quoted, header = await asked(world)
    paid = read_payment(header)

    async def front_run(_arguments, _context):
        await world.as_stranger(*settlement_call(world.paddock.market, paid, paid.value))
        return Answer(b"done")

    world.paddock.services["echo"] = replace(world.paddock.services["echo"], run=front_run)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    assert ({(await world.order(quoted.id)).settlement_tx}, await held(world)) == (world.foreign, RICH - 10_000)
    world.foreign.clear()  # what it moved belongs into our books


@pytest.mark.parametrize("keep", [False, True], ids=["dropped", "back in the mempool"])
async def test_f17_a_wallet_that_a_reorganisation_took_back_is_made_again(keep):
    async with open_world(finality=12) as world:
        world.chain.give(WALLET, RICH)
        quoted, header = await asked(world)
        assert (await world.buyer.present(quoted, header)).status_code == 200
        order = await world.order(quoted.id)
        world.chain.reorganise(len(world.chain.blocks) - order.settlement_block, keep=keep)
        assert not await exists(world)
        await world.work(60)
        assert (await exists(world), await held(world)) == (True, RICH - 10_000)
        assert (await world.order(quoted.id)).payment is PaymentState.SETTLED


async def test_f5_new_wallets_and_keys_that_pay_at_once_are_all_settled(world):
    presented = [await asked(world), await asked(world, payer=OTHER, call=MAKES_OTHER)]
    for _ in range(4):
        quoted = await world.buyer.ask(world.url("echo"))
        presented.append((quoted, world.buyer.pay(quoted)))
    answers = await asyncio.gather(*(world.buyer.present(*one) for one in presented))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert (await exists(world), await exists(world, OTHER)) == (True, True)


async def test_f2_no_wallet_is_made_for_a_payment_by_permit2():
    async with open_world(assets=(DAI_ASSET,)) as world:
        world.chain.give(WALLET, 10**24, DAI)
        world.chain.allow(WALLET, PERMIT2, 10**24, DAI)
        quoted = await world.buyer.ask(world.url("echo"))
        until = str(int(world.clock.now().timestamp()) + 120)
        paid = permit_payment(OWNER, quoted.entry, quoted.required["resource"], from_=WALLET, deadline=until)
        header = wrapped(paid, sign(OWNER, WALLET, read_payment(write_header(paid))))
        answer = await world.buyer.present(quoted, header)
        refused = read_header(answer.headers["payment-response"])["errorReason"]
        assert (refused, await exists(world), world.chain.broadcasts) == ("invalid_permit2_signature", False, [])
