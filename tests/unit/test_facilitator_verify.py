"""What a facilitator refuses to settle: the terms, the money, the signature and the gas, each at its exact edge."""

from dataclasses import replace

import msgspec
import pytest

from protocol.erc6492 import Wrapped, wrap
from protocol.errors import ProtocolError
from protocol.payment import PERMIT2, Delegated, Method
from protocol.wire import PaymentPayload
from scripts.accounts import account
from server.application.paddock import Ground
from server.domain.errors import Reverted
from server.domain.market import EXECUTION_GAS, EXECUTOR, Asset, Contract, Market
from server.domain.payment_calls import MOST_WALLET_GAS
from server.domain.settlement_calls import MOST_MAKING_GAS, WALLET_SETTLER, most_gas
from server.facilitator.bare_keys import BareKeys
from server.facilitator.cool_off import REASON, CoolOff
from server.facilitator.verify import amount_of, check, check_on_chain, check_signature, read
from tests.fakes import samples
from tests.fakes.database import FakeDatabase
from tests.fakes.liars import Liar
from tests.stack.atomic import pay_atomic
from tests.stack.permits import permit_payment
from tests.unit.protocol_samples import ASSET, ENTRY, NOW, PAYER, SHOP, paid, requirements
from tests.unit.protocol_samples import read as read_payment

PRICE = 50_000
SENDER, EXECUTES, FACTORY, MAKES = (account(name).address for name in ("settler", "receipts", "float", "buyer"))
CONTRACTS = {EXECUTOR: Contract(EXECUTES, ()), WALLET_SETTLER: Contract(MAKES, ())}
USDC = Asset(ASSET, "USDC", "2", 6, "USDC")
MARKET = Market(31337, (USDC,), account("delegate").address, CONTRACTS, frozenset({FACTORY}))


def payload(**changes):
    return msgspec.convert({"x402Version": 2, "accepted": {}} | paid() | changes, PaymentPayload)


def refused(**changes):
    """The reason for which a payment under changed terms is refused."""
    given, asked = changes.pop("payload", payload()), requirements(**changes)
    with pytest.raises(ProtocolError) as caught:
        check(MARKET, given, asked, NOW)
    assert caught.value.detail
    return caught.value.reason


def test_a_payment_of_the_terms_is_read():
    payment = check(MARKET, payload(), requirements(), NOW)
    assert (payment.payer, payment.value, payment.asset) == (PAYER.address, PRICE, ASSET)


@pytest.mark.parametrize("version", [1, 2])
def test_both_versions_are_read(version):
    assert read(payload(x402Version=version), requirements()).value == PRICE


@pytest.mark.parametrize("version", [0, 3])
def test_any_other_version_is_not(version):
    assert refused(payload=payload(x402Version=version)) == "invalid_x402_version"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"scheme": "upto"}, "invalid_scheme"),
        ({"network": "eip155:1"}, "invalid_network"),
        ({"amount": "50001"}, "invalid_exact_evm_payload_authorization_value_mismatch"),
        ({"amount": "49999"}, "invalid_exact_evm_payload_authorization_value_mismatch"),
        ({"payTo": SENDER}, "invalid_exact_evm_payload_recipient_mismatch"),
        ({"asset": SENDER}, "invalid_payment_requirements"),
        ({"extra": {"name": "Other", "version": "2"}}, "invalid_payment_requirements"),
        ({"extra": {"name": "USDC", "version": "1"}}, "invalid_payment_requirements"),
    ],
)
def test_what_is_not_of_the_terms_is_refused_with_its_reason(changes, reason):
    assert refused(**changes) == reason


def test_only_scheme_upto_may_move_nothing():
    assert amount_of(requirements(scheme="upto", amount="0")) == 0
    assert amount_of(requirements(amount="1")) == 1
    with pytest.raises(ProtocolError, match="above zero"):
        amount_of(requirements(amount="0"))


UPTO = {"scheme": "upto", "extra": ENTRY["extra"] | {"facilitatorAddress": SENDER}}


@pytest.mark.parametrize("moved", [0, 1, PRICE, PRICE + 1])
def test_by_scheme_upto_any_amount_up_to_the_authorized_one_is_settled_and_no_more(moved):
    given = msgspec.convert(permit_payment(PAYER, ENTRY | UPTO, deadline=str(NOW + 60)), PaymentPayload)
    changes = UPTO | {"amount": str(moved)}
    if moved > PRICE:
        assert refused(payload=given, **changes) == "invalid_upto_evm_payload_settlement_exceeds_amount"
    else:
        assert check(MARKET, given, requirements(**changes), NOW).value == PRICE


@pytest.mark.parametrize(
    ("contracts", "pay_to", "accepted"), [(CONTRACTS, EXECUTES, True), (CONTRACTS, SHOP, False), ({}, SHOP, False)]
)
def test_scheme_delegate_pays_the_networks_executor_and_nobody_else(contracts, pay_to, accepted):
    terms = {"scheme": "delegate", "payTo": pay_to, "extra": ENTRY["extra"] | {"callback": SHOP}}
    given = msgspec.convert(pay_atomic(PAYER, Quoted(ENTRY | terms), NOW + 60), PaymentPayload)
    market = replace(MARKET, contracts=contracts)
    if accepted:
        assert check(market, given, requirements(**terms), NOW).delegated.target == SHOP
    else:
        with pytest.raises(ProtocolError, match="one executor") as caught:
            check(market, given, requirements(**terms), NOW)
        assert caught.value.reason == "invalid_payment_requirements"


class Quoted:
    """The one entry of a 402, as `pay_atomic` takes it."""

    def __init__(self, entry):
        self.required = {"accepts": [entry], "resource": {"url": "http://x"}}


# ------------------------------------------------------------------------------------------------------ on the chain


def ground(**lies):
    usual = {"code": b"", "nonce_used": False, "token_balance": PRICE, "allowance": PRICE, "estimate_gas": 60_000}
    return Ground(MARKET, Liar(None, **usual | lies))


async def on_chain(clock, payment=None, **lies):
    """What the chain says of a payment; and the reason if it is refused."""
    found = ground(**lies)
    try:
        await check_on_chain(found, payment or read_payment(paid()), SENDER, BareKeys(clock))
    except ProtocolError as error:
        return error.reason, error.detail, found.chain
    return None, "", found.chain


def by_permit2():
    return replace(read_payment(paid()), method=Method.PERMIT2, domain=None)


@pytest.mark.parametrize(("balance", "reason"), [(PRICE, None), (PRICE - 1, "insufficient_funds")])
async def test_a_payer_holds_the_whole_price(clock, balance, reason):
    found, detail, _ = await on_chain(clock, token_balance=balance)
    assert found == reason
    assert not reason or detail == f"the payer holds {balance} atomic units and owes {PRICE}"


async def test_a_nonce_that_was_used_pays_nothing_more(clock):
    found, detail, _ = await on_chain(clock, nonce_used=True)
    assert found == "invalid_exact_evm_nonce_already_used"
    assert "consumed" in detail


@pytest.mark.parametrize(("allowed", "reason"), [(PRICE, None), (PRICE - 1, "permit2_allowance_required")])
async def test_permit2_may_take_the_whole_price(clock, allowed, reason):
    found, detail, chain = await on_chain(clock, by_permit2(), allowance=allowed)
    assert found == reason
    assert chain.asked["allowance"] == 1
    assert not reason or PERMIT2 in detail


async def test_by_eip3009_nobody_is_asked_for_an_allowance_and_for_a_key_nothing_is_simulated(clock):
    found, _, chain = await on_chain(clock)
    assert (found, chain.asked["allowance"], chain.asked["estimate_gas"]) == (None, 0, 0)


def forged():
    return read_payment(paid() | {"payload": paid()["payload"] | {"signature": "0x" + "11" * 64 + "1b"}})


async def test_another_keys_signature_is_refused_where_the_payer_has_no_code(clock):
    found, _, chain = await on_chain(clock, forged())
    assert (found, chain.asked["token_balance"]) == ("invalid_exact_evm_payload_signature", 0)
    with pytest.raises(ProtocolError, match="signature"):
        await check_signature(ground(), forged(), SENDER, BareKeys(clock))


async def test_where_the_payer_has_code_the_settlement_itself_says_whose_signature_it_is(clock):
    for payment in (forged(), read_payment(paid())):
        found, _, chain = await on_chain(clock, payment, code=b"\x60")
        assert (found, chain.asked["estimate_gas"]) == (None, 1)
    found, detail, _ = await on_chain(clock, forged(), code=b"\x60", estimate_gas=Reverted("no", b""))
    assert found == "invalid_exact_evm_payload_signature"
    assert "reverted without a reason" in detail


async def test_what_is_settled_already_is_not_simulated_again(clock):
    found = ground(code=b"\x60", nonce_used=True)
    await check_signature(found, forged(), SENDER, BareKeys(clock))
    assert found.chain.asked["estimate_gas"] == 0


@pytest.mark.parametrize(("more", "reason"), [(0, None), (1, "invalid_exact_evm_payload_signature")])
async def test_a_wallet_may_use_so_much_gas_to_pay_and_no_more(clock, more, reason):
    assert most_gas(MARKET, forged()) == MOST_WALLET_GAS
    found, detail, _ = await on_chain(clock, forged(), code=b"\x60", estimate_gas=MOST_WALLET_GAS + more)
    assert found == reason
    assert not reason or f"{MOST_WALLET_GAS + 1} gas" in detail


async def test_a_settlement_is_simulated_for_a_wallet_before_it_is_sent_too(clock):
    """Also where it was not verified before: a client may ask for the settlement at once."""
    reverts = ground(code=b"\x60", estimate_gas=Reverted("no", b""))
    with pytest.raises(ProtocolError, match="the settlement would fail, mostly for the wallet's signature"):
        await check_signature(reverts, forged(), SENDER, BareKeys(clock))


def unmade():
    """A payment of a wallet that is not there yet: what makes it comes with its signature."""
    return replace(read_payment(paid()), signature=wrap(Wrapped(FACTORY, b"\x01", b"\x11" * 65)))


@pytest.mark.parametrize(("more", "reason"), [(0, None), (1, "invalid_exact_evm_payload_signature")])
async def test_a_wallet_that_is_not_there_yet_is_made_in_the_simulation_for_so_much_gas(clock, more, reason):
    gas = MOST_WALLET_GAS + MOST_MAKING_GAS + more
    called = []
    found, _, _ = await on_chain(clock, unmade(), estimate_gas=lambda call: called.append(call.to) or gas)
    assert (found, called) == (reason, [MAKES])


def delegated(**changes):
    """A payment that the executor hands to a contract."""
    action = Delegated(SHOP, b"\x01", b"\3" * 32, b"\4" * 32, b"\5" * 32)
    return replace(read_payment(paid()), scheme="delegate", to=EXECUTES, delegated=action, **changes)


@pytest.mark.parametrize(
    ("signature", "code", "told"),
    [({}, b"", False), ({"signature": b"\x11" * 64 + b"\x1b"}, b"\x60", True)],
    ids=["by a key", "by a wallet"],
)
async def test_a_callback_that_would_refuse_is_told_before_anything_is_sent(clock, signature, code, told):
    """By a key's signature it is the callback alone; by a wallet's, the wallet may have refused as well."""
    found, detail, _ = await on_chain(clock, delegated(**signature), code=code, estimate_gas=Reverted("no", b""))
    assert found == "callback_would_fail"
    assert "the callback would refuse this payment" in detail
    assert ("the wallet's signature is not its own" in detail) == told


@pytest.mark.parametrize(("more", "reason"), [(0, None), (1, "callback_would_fail")])
async def test_a_callback_may_use_the_gas_that_is_paid_for_and_no_more(clock, more, reason):
    found, detail, _ = await on_chain(clock, delegated(), estimate_gas=EXECUTION_GAS + more)
    assert found == reason
    assert not reason or f"{EXECUTION_GAS + 1} gas" in detail


# ---------------------------------------------------------------------------------------------------------- cooling off


@pytest.mark.parametrize(("failures", "refused_"), [(2, False), (3, True)])
async def test_a_payer_with_so_many_failures_is_refused_for_exactly_so_long(clock, failures, refused_):
    db, rule, settlement = FakeDatabase(clock), CoolOff(), samples.settlement()
    payer = settlement.payment.payer
    db.tables.settlements[settlement.id] = settlement
    db.tables.failures[settlement.id] = [clock.now()] * failures
    clock.advance(rule.lasts.total_seconds() - 0.000001)
    if refused_:
        with pytest.raises(ProtocolError, match=f"{failures} settlements .* in 10 min") as caught:
            await rule.require_none(db, clock, payer)
        assert caught.value.reason == REASON
    else:
        await rule.require_none(db, clock, payer)
    await rule.require_none(db, clock, PAYER.address)
    clock.advance(0.000001)
    await rule.require_none(db, clock, payer)
