"""C9 and scheme delegate: payment and callback are one chain transaction, and a failing one costs the buyer nothing."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from protocol.payment import PERMIT2, Method
from protocol.typed_data import order_nonce
from protocol.wire import PaymentPayload
from server.application.follow import follow
from server.application.resolve import resolve
from server.domain.anchors import Kind
from server.domain.calls import split_signature
from server.domain.errors import Reverted
from server.domain.ledger import standing
from server.domain.payment_calls import payment_call
from server.domain.settlement_calls import settlement_call
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.fakes.chain import DAI_ASSET, DOLLAR
from tests.fakes.evm import Contract, selector
from tests.fakes.executor import EXECUTOR, executor
from tests.fakes.passes import LAUNCH, PASS
from tests.fakes.permit2 import WITNESSED, bundle
from tests.fakes.tokens import MOVE
from tests.fakes.wallets import bound, owned
from tests.simulation.world import RICH, open_world, read_payment
from tests.stack.atomic import atomic_entry, pay_atomic
from tests.stack.buyer import changed, mutations, read_header, write_header
from tests.stack.choosing import mint_to

PRICE = 1_000_000
FRIEND = Account.create().address
WALLET = to_checksum_address("0x" + "1b" * 20)
OWNER = Account.create()
OWN_TARGET = to_checksum_address("0x" + "7a" * 20)


ASSETS = {"EIP-3009": DOLLAR, "Permit2": replace(DAI_ASSET, decimals=6)}
"""What is paid with, by the way that it moves; the contracts' prices are of six decimals."""


@asynccontextmanager
async def selling_in(way, **changes):
    """A world that sells passes in one asset, and a buyer and a smart wallet who can pay with it."""
    async with open_world(assets=(ASSETS[way],), **changes) as opened:
        for payer in (opened.buyer.account.address, WALLET):
            opened.chain.state.books(ASSETS[way].address).money[payer] = RICH
            opened.chain.allow(payer, PERMIT2, RICH, ASSETS[way].address)
        yield opened


@pytest.fixture(params=ASSETS)
async def world(request):
    async with selling_in(request.param) as opened:
        yield opened


async def ask(world, body=None, slug="access-pass"):
    return await world.buyer.ask(world.url(slug), "POST", body or {})


def deadline(world):
    return int(world.clock.now().timestamp()) + 120


def paid(world, quoted, **commits):
    """A header that pays the quote atomically; `commits`: to something else than it says."""
    world.buyer.signed.append(write_header(pay_atomic(world.buyer.account, quoted, deadline(world), **commits)))
    return world.buyer.signed[-1]


async def held(world, address=None):
    asset = world.paddock.market.asset.address
    return await world.chain.token_balance(asset, address or world.buyer.account.address)


def books(world):
    """What the token that is paid with remembers."""
    return world.chain.state.books(world.paddock.market.asset.address)


def pay_in_two_steps(world, quoted):
    by_permit2 = quoted.entry["extra"].get("assetTransferMethod") == "permit2"
    return (world.buyer.permit if by_permit2 else world.buyer.pay)(quoted)


async def shown(world, order_id):
    return (await world.client.get(f"/api/orders/{order_id}")).json()


async def test_the_standard_entry_comes_first_and_both_are_of_one_quote(world):
    quoted = await ask(world)
    schemes = [entry["scheme"] for entry in quoted.required["accepts"]]
    assert schemes == ["exact", "delegate"]
    atomic = atomic_entry(quoted)
    assert (atomic["payTo"], atomic["extra"]["callback"], atomic["extra"]["quoteId"]) == (EXECUTOR, PASS, quoted.id)
    assert atomic["extra"]["quote"] != quoted.entry["extra"]["quote"]
    assert [entry["scheme"] for entry in (await world.buyer.ask(world.url("echo"))).required["accepts"]] == ["exact"]


@pytest.mark.parametrize("chosen", [False, True], ids=["the base action", "chosen calldata"])
async def test_one_signature_pays_and_acts_in_one_chain_transaction(world, chosen):
    quoted = await ask(world, {"calldata": mint_to(FRIEND)} if chosen else {})
    async with world.workers():
        answer = await world.buyer.present(quoted, paid(world, quoted))
    buyer = world.buyer.account.address
    assert (answer.status_code, answer.json()["payer"]) == (200, buyer)
    assert answer.json()["holder"] == (FRIEND if chosen else buyer)
    order = await world.order(quoted.id)
    assert order.settlement_tx == order.callback_tx == answer.json()["transaction"]
    assert (await held(world), await held(world, PASS), await held(world, EXECUTOR)) == (RICH - PRICE, PRICE, 0)
    assert await held(world, world.paddock.market.delegate) == 0
    told = (await shown(world, quoted.id))["execution"]
    assert (told["state"], told["atomic"], told["error"]) == ("done", True, None)


@pytest.mark.parametrize("lacks", ["money", "leave for Permit2"])
async def test_what_the_payer_lacks_is_told_before_a_simulation_fails_for_it(world, lacks):
    by_permit2 = world.paddock.market.asset.method is Method.PERMIT2
    buyer, asset = world.buyer.account.address, world.paddock.market.asset.address
    if lacks == "money":
        books(world).money[buyer] = PRICE - 1
    else:
        world.chain.allow(buyer, PERMIT2, PRICE - 1, asset)
    quoted = await ask(world)
    async with world.workers():
        answer = await world.buyer.present(quoted, paid(world, quoted))
    if lacks != "money" and not by_permit2:
        assert answer.status_code == 200, "by EIP-3009 Permit2 needs no leave"
        return
    said = read_header(answer.headers["payment-response"])
    wanted = "insufficient_funds" if lacks == "money" else "permit2_allowance_required"
    assert (answer.status_code, said["errorReason"]) == (402, wanted)
    assert await world.orders() == []


async def test_a_callback_that_would_fail_is_refused_before_anything_is_claimed(world):
    world.chain.state.minted[LAUNCH] = 1
    quoted = await ask(world, slug="launch-pass")
    answer = await world.buyer.present(quoted, paid(world, quoted))
    said = read_header(answer.headers["payment-response"])
    assert (answer.status_code, said["errorReason"]) == (402, "callback_would_fail")
    assert "SoldOut(1)" in said["errorMessage"]
    assert (await world.orders(), await held(world)) == ([], RICH)


async def test_a_callback_that_fails_when_mined_leaves_the_buyers_money_and_the_order_failed(world):
    """Somebody was faster between the simulation and the block."""
    quoted = await ask(world, slug="launch-pass")
    world.chain.automine = False
    waits = asyncio.create_task(world.buyer.present(quoted, paid(world, quoted)))
    while not world.chain.pending:
        await world.clock.sleep(0.01)
    world.chain.state.minted[LAUNCH] = 1
    world.chain.automine = True
    world.chain.mine()
    answer = await waits
    assert answer.status_code == 402
    order = await world.order(quoted.id)
    assert (order.payment, order.money_back) == (PaymentState.FAILED, MoneyBackState.NONE)
    assert (await held(world), (await shown(world, quoted.id))["execution"]["state"]) == (RICH, "failed")


COMMITS = {
    "chainId": 1,
    "executor": FRIEND,
    "payer": FRIEND,
    "token": FRIEND,
    "amount": PRICE - 1,
    "target": LAUNCH,
    "callData": b"another",
    "orderId": order_nonce("another"),
    "quoteHash": keccak(b"another"),
    "deadline": 1,
    "salt": keccak(b"another"),
}


@pytest.mark.parametrize("what", COMMITS)
async def test_c9_a_nonce_that_commits_to_anything_else_is_refused_without_a_question_to_the_chain(world, what):
    quoted = await ask(world, {"calldata": mint_to(FRIEND)})
    header = paid(world, quoted, **{what: COMMITS[what]})
    world.chain.unavailable = True
    answer = await world.buyer.present(quoted, header)
    world.chain.unavailable = False
    assert answer.status_code == 402
    assert read_header(answer.headers["payment-response"])["errorReason"] == "invalid_delegate_commitment"
    assert (await world.orders(), await held(world)) == ([], RICH)


@pytest.mark.parametrize("asks", ["verify", "settle"])
async def test_c9_the_facilitator_settles_by_no_other_executor(world, asks):
    """Its own caller may name any: the payment commits to it and is signed, and the contract could be anybody's."""
    quoted = await ask(world)
    for entry in quoted.required["accepts"]:
        entry["payTo"] = FRIEND
    message = msgspec.convert(read_header(paid(world, quoted)), PaymentPayload)
    said = await getattr(world.paddock.facilitator, asks)(message, message.accepted)
    reason = said.invalid_reason if asks == "verify" else said.error_reason
    assert (reason, world.chain.broadcasts) == ("invalid_payment_requirements", [])


@pytest.mark.parametrize("other", [{}, {"eip155:31337": FRIEND}], ids=["none", "another"])
async def test_without_a_facilitator_that_settles_by_our_executor_the_standard_entry_stands_alone(world, other):
    world.paddock.facilitator.executors = lambda: other
    assert [entry["scheme"] for entry in (await ask(world)).required["accepts"]] == ["exact"]


async def test_c9_every_changed_member_of_a_payment_is_refused_and_moves_nothing(world):
    quoted = await ask(world, {"calldata": mint_to(FRIEND)})
    message = read_header(paid(world, quoted))
    tried = 0
    for within in ("payload", "accepted"):
        for what, mutant in mutations(message, within):
            answer = await world.buyer.present(quoted, write_header(mutant))
            assert answer.status_code in (400, 402), what
            tried += 1
    assert tried > 40
    assert (await world.orders(), await held(world)) == ([], RICH)


async def test_c9_the_authorization_cannot_be_spent_without_the_executor(world):
    """A stranger who saw it can submit nothing but what was committed to: token and Permit2 want it as caller."""
    quoted = await ask(world)
    payment = read_payment(paid(world, quoted))
    for to, data in spent_elsewhere(payment):
        with pytest.raises(Reverted):
            await world.as_stranger(to, data)
    assert await held(world) == RICH


def spent_elsewhere(payment):
    """Calls that would move the money past the executor, if the signature were good for them."""
    if payment.method is Method.EIP3009:
        move = encode(MOVE, [*payment.transfer, *split_signature(payment.signature)])
        names = ("transferWithAuthorization", "receiveWithAuthorization")
        return [(payment.asset, selector(f"{name}({','.join(MOVE)})") + move) for name in names]
    permit = ((payment.asset, payment.value), int.from_bytes(payment.nonce, "big"), payment.valid_before)
    told = [permit, (payment.to, payment.value), payment.payer, payment.nonce, "", payment.signature]
    witnessed = selector(f"permitWitnessTransferFrom({','.join(WITNESSED)})") + encode(WITNESSED, told)
    return [(PERMIT2, witnessed), payment_call(payment, payment.value)]


async def test_f6_a_stranger_who_executes_it_while_it_is_being_settled_changes_nothing(world):
    quoted = await ask(world)
    header = paid(world, quoted)
    payment = read_payment(header)
    world.chain.automine = False
    async with world.workers():
        waits = asyncio.create_task(world.buyer.present(quoted, header))
        while not world.chain.pending:
            await world.clock.sleep(0.01)
        ours = world.chain.pending.copy()
        world.chain.pending.clear()
        world.chain.automine = True
        await world.as_stranger(*settlement_call(world.paddock.market, payment, payment.value))
        world.chain.pending |= ours
        answer = await waits
        await world.work(20)
        answer = answer if answer.status_code == 200 else await world.buyer.present(quoted, header)
    assert (answer.status_code, await held(world, PASS), await held(world)) == (200, PRICE, RICH - PRICE)


async def test_f6_two_payments_that_a_stranger_executes_in_one_transaction_are_each_orders_own(world):
    """Of two equal payments with two equal actions in one chain transaction no Transfer is booked twice."""
    bought = [await ask(world) for _ in range(2)]
    headers = [paid(world, quoted) for quoted in bought]
    payments = [read_payment(header) for header in headers]
    world.chain.automine = False
    async with world.workers():
        waits = [asyncio.create_task(world.buyer.present(*one)) for one in zip(bought, headers, strict=True)]
        while len(await world.orders()) < 2 or not world.chain.pending:
            await world.clock.sleep(0.01)
        ours = world.chain.pending.copy()
        world.chain.pending.clear()
        world.chain.automine = True
        calls = [settlement_call(world.paddock.market, one, one.value) for one in payments]
        await world.as_stranger(*bundle(calls))
        world.chain.pending |= ours
        await asyncio.gather(*waits)
        await world.work(30)
        answers = [await world.buyer.present(*one) for one in zip(bought, headers, strict=True)]
    assert [answer.status_code for answer in answers] == [200, 200]
    async with world.db.read() as view:
        rows = [row for quoted in bought for row in standing(await view.ledger.of(quoted.id))]
    assert len({row.transaction for row in rows}) == 1
    assert len({row.log_index for row in rows}) == 4
    assert (await held(world, PASS), world.chain.state.minted[PASS]) == (2 * PRICE, 2)


def collects(_contract, frame, _sender, _arguments):
    """A target that takes the money and does nothing."""
    return frame.call(OWN_TARGET, EXECUTOR, selector("collect()"))


async def test_f6_a_cancelled_payment_is_not_paid_by_another_one_that_names_its_nonce(world):
    """The payer has another payment of his executed, for a contract of his, in a transaction with the first's nonce."""
    world.chain.deploy(executor((PASS, LAUNCH, OWN_TARGET)))
    world.chain.deploy(Contract(OWN_TARGET, {"onPayment(bytes32,address,address,uint256,bytes)": collects}))
    quoted, other = await ask(world), await ask(world)
    for entry in other.required["accepts"]:
        entry["extra"]["callback"] = OWN_TARGET
    header = paid(world, quoted)
    payment = read_payment(header)
    world.chain.automine = False
    waits = asyncio.create_task(world.buyer.present(quoted, header))
    while not world.chain.pending:
        await world.clock.sleep(0.01)
    world.chain.pending.clear()
    world.chain.automine = True
    used = world.chain.state.permits if payment.method is Method.PERMIT2 else books(world).used
    used.add((payment.payer, payment.nonce))
    elsewhere = read_payment(paid(world, other))
    naming = settlement_call(world.paddock.market, elsewhere, elsewhere.value)
    await world.as_stranger(*bundle([naming, (FRIEND, payment.nonce)]))
    async with world.workers():
        await waits
        await world.work(200)
    order = await world.order(quoted.id)
    assert (order.payment, order.settlement_tx) == (PaymentState.FAILED, None)
    async with world.db.read() as view:
        assert await view.ledger.of(quoted.id) == []


@pytest.mark.parametrize("taken", ["once", "by the base action again"])
async def test_the_same_payment_gets_the_same_answer_and_mints_once(world, taken):
    quoted = await ask(world)
    header = paid(world, quoted)
    async with world.workers():
        first = await world.buyer.present(quoted, header)
        second = await world.buyer.present(quoted, header)
        other = await world.buyer.present(quoted, pay_in_two_steps(world, quoted)) if taken != "once" else None
    assert (second.content, second.headers["idempotent-replayed"]) == (first.content, "true")
    assert other is None or other.status_code == 409
    assert (world.chain.state.minted[PASS], await held(world)) == (1, RICH - PRICE)


async def test_a_smart_wallet_pays_atomically_by_its_own_code(world):
    world.chain.deploy(owned(OWNER.address, WALLET))
    quoted = await ask(world)
    made = pay_atomic(OWNER, quoted, deadline(world), WALLET)
    signature = OWNER.unsafe_sign_hash(bound(WALLET, read_payment(write_header(made)).signed)).signature
    async with world.workers():
        header = write_header(changed(made, "payload.signature", "0x" + bytes(signature).hex()))
        answer = await world.buyer.present(quoted, header)
    assert (answer.status_code, await held(world, WALLET)) == (200, RICH - PRICE)


@pytest.mark.parametrize("way", ASSETS)
@pytest.mark.parametrize("keep", [False, True], ids=["dropped", "back in the mempool"])
@pytest.mark.parametrize("depth", [1, 4, 8])
async def test_f17_a_reorganisation_takes_payment_and_action_back_together_and_both_come_again(depth, keep, way):
    async with selling_in(way, finality=12) as world:
        quoted = await ask(world)
        header = paid(world, quoted)
        async with world.workers():
            assert (await world.buyer.present(quoted, header)).status_code == 200
        block = (await world.order(quoted.id)).settlement_block
        world.chain.mine(depth - 1)
        world.chain.reorganise(len(world.chain.blocks) - block, keep=keep)
        assert (await held(world), world.chain.state.minted.get(PASS, 0)) == (RICH, 0)
        await world.work(60)
        order = await world.order(quoted.id)
        assert (order.payment, order.fulfilment) == (PaymentState.SETTLED, FulfilmentState.RELEASED)
        assert (await held(world), world.chain.state.minted[PASS]) == (RICH - PRICE, 1)
        assert order.callback_tx == order.settlement_tx
        assert (await world.buyer.present(quoted, header)).status_code == 200


@pytest.mark.parametrize("way", ASSETS)
async def test_f17_a_payment_that_a_reorganisation_took_for_good_leaves_no_row_and_a_revoked_receipt(way):
    """The buyer cancels it meanwhile: neither payment nor pass is there, and the books say so."""
    async with selling_in(way, finality=12) as world:
        quoted = await ask(world)
        header = paid(world, quoted)
        async with world.workers():
            assert (await world.buyer.present(quoted, header)).status_code == 200
        order = await world.order(quoted.id)
        world.chain.reorganise(len(world.chain.blocks) - order.settlement_block)
        payment = read_payment(header)
        used = world.chain.state.permits if payment.method is Method.PERMIT2 else books(world).used
        used.add((payment.payer, payment.nonce))
        await world.work(300)
        order = await world.order(quoted.id)
        assert (order.payment, order.money_back) == (PaymentState.FAILED, MoneyBackState.NONE)
        assert "took the payment back" in order.failure
        async with world.db.read() as view:
            assert [one.kind for one in await view.receipt_chain.of(quoted.id)] == [Kind.REVOKED]
            assert standing(await view.ledger.of(quoted.id)) == []
        assert (await held(world), await held(world, PASS)) == (RICH, 0)


@pytest.mark.parametrize("ended", [False, True], ids=["in doubt", "refused"])
async def test_g7_a_permit_is_not_given_up_while_another_block_of_its_last_second_may_take_it(ended):
    """Permit2 takes it up to its deadline, that second included; on some chains several blocks are of one second."""
    async with selling_in("Permit2") as world:
        quoted = await ask(world)
        header = paid(world, quoted)
        payment = read_payment(header)
        world.chain.automine, world.chain.block_seconds = False, 10**6
        waits = asyncio.create_task(world.buyer.present(quoted, header))
        while not world.chain.pending:
            await world.clock.sleep(0.01)
        if ended:
            books(world).paused = True
            world.chain.mine()
        assert (await waits).status_code == (402 if ended else 503)
        books(world).paused = False
        world.clock.advance(payment.valid_before - world.clock.now().timestamp())
        world.chain.pending.clear()
        for _ in range(4):
            world.chain._add_block(payment.valid_before)
        await world.work_once()
        await resolve(world.paddock, quoted.id)
        await follow(world.paddock, quoted.id)
        await world.as_stranger(*settlement_call(world.paddock.market, payment, payment.value))
        world.chain._add_block(payment.valid_before)
        world.chain.automine, world.chain.block_seconds = True, 1
        await world.work(60)
        order = await world.order(quoted.id)
        assert (order.payment, order.fulfilment) == (PaymentState.SETTLED, FulfilmentState.RELEASED)


@asynccontextmanager
async def lost_answers(world):
    """Nobody hears what the settler sent."""
    world.chain.lose_next = 3
    yield
    world.chain.lose_next = 0


async def test_a_settlement_in_doubt_is_found_on_the_chain_with_its_action(world):
    quoted = await ask(world)
    header = paid(world, quoted)
    async with lost_answers(world), world.workers():
        first = await world.buyer.present(quoted, header)
        await world.clock.sleep(30)
        again = await world.buyer.present(quoted, header)
    assert first.status_code in (200, 503)
    assert (again.status_code, await held(world, PASS)) == (200, PRICE)


async def test_f6_a_payment_that_is_executed_after_its_order_had_failed_brings_its_action_and_its_answer(world):
    """It failed while the token was paused; whoever saw it can still execute it until it lapses."""
    quoted = await ask(world)
    header = paid(world, quoted)
    world.chain.automine = False
    waits = asyncio.create_task(world.buyer.present(quoted, header))
    while not world.chain.pending:
        await world.clock.sleep(0.01)
    books(world).paused = True
    world.chain.mine()
    assert (await waits).status_code == 402
    assert (await world.order(quoted.id)).payment is PaymentState.FAILED
    world.chain.automine, books(world).paused = True, False
    payment = read_payment(header)
    await world.as_stranger(*settlement_call(world.paddock.market, payment, payment.value))
    await world.work(30)
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment) == (PaymentState.SETTLED, FulfilmentState.RELEASED)
    assert order.money_back is MoneyBackState.NONE
    assert (await world.buyer.present(quoted, header)).status_code == 200


async def test_c7_a_callback_that_wants_more_gas_than_is_paid_for_is_refused_before_anything_is_charged(world):
    ground = world.paddock.home
    object.__setattr__(ground.market, "execution_gas", 20_000)
    quoted = await ask(world)
    answer = await world.buyer.present(quoted, paid(world, quoted))
    said = read_header(answer.headers["payment-response"])
    assert (answer.status_code, said["errorReason"], "more than is paid for" in said["errorMessage"]) == (
        402,
        "callback_would_fail",
        True,
    )
    assert (await world.orders(), await held(world)) == ([], RICH)
