"""A merchant is registered as an agent once, where a registry is known, and linked to what the registry made of it."""

from dataclasses import replace

import pytest

from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.identities import file_path
from server.application.paddock import Ground
from server.application.register_identity import REGISTERED, register_identity
from server.domain.errors import ConfigurationError, UnknownMerchant
from server.domain.evidence import TRANSFER, RawLog
from server.domain.outages import ChainUnavailable
from server.domain.reputation import IDENTITY_REGISTRY, Identity
from tests.fakes.chain import FakeChain, fake_market
from tests.fakes.liars import Liar
from tests.fakes.paddocks import bare_paddock
from tests.fakes.registries import IDENTITIES
from tests.fakes.samples import NETWORK, NOW, TOKEN

SIGNER = LocalSigner(account("merchant").key.hex())


@pytest.mark.parametrize(
    ("merchant", "without", "error", "words"),
    [
        ("nobody", [], UnknownMerchant, "there is no merchant 'nobody' here"),
        ("paddock", [IDENTITY_REGISTRY], ConfigurationError, f"no identity registry is known on {NETWORK}"),
    ],
)
async def test_what_cannot_be_registered_is_told_before_anything_is_sent(clock, merchant, without, error, words):
    chain, market = FakeChain(clock), fake_market()
    known = {name: one for name, one in market.contracts.items() if name not in without}
    registrar = bare_paddock(clock, grounds={NETWORK: Ground(replace(market, contracts=known), chain)})
    with pytest.raises(error, match=words):
        await register_identity(registrar, NETWORK, merchant, SIGNER)
    assert chain.broadcasts == []


async def register(registrar):
    return await register_identity(registrar, NETWORK, "paddock", SIGNER)


async def linked(registrar):
    async with registrar.db.read() as view:
        return list(await view.reputation.identities())


@pytest.mark.parametrize("automine", [True, False], ids=["mined at once", "mined later"])
async def test_a_merchant_is_linked_to_the_agent_that_its_own_transaction_registered(clock, automine):
    chain = FakeChain(clock, automine=automine)
    chain.state.agents[0] = ("", "", "somebody else's")
    registrar = bare_paddock(clock, chain)
    made = await register(registrar)
    assert (made.network, made.merchant, made.registry, made.agent_id) == (NETWORK, "paddock", IDENTITIES, 1)
    assert (made.wallet, made.uri) == (SIGNER.address, registrar.origins[0] + file_path("paddock"))
    assert made.verified
    assert await linked(registrar) == [made]


async def test_a_merchant_that_is_linked_stays_the_agent_that_it_is(clock):
    chain = FakeChain(clock)
    registrar = bare_paddock(clock, chain)
    first = await register(registrar)
    assert await register(registrar) == first
    assert len(chain.broadcasts) == 1


@pytest.mark.parametrize(("network", "merchant"), [("eip155:8453", "paddock"), (NETWORK, "acme")])
async def test_a_link_on_another_network_or_of_another_merchant_is_none_of_this_one(clock, network, merchant):
    registrar = bare_paddock(clock)
    other = Identity(network, merchant, IDENTITIES, 7, SIGNER.address, "", False, NOW)
    async with registrar.db.begin("made up") as work:
        await work.reputation.put_identity(other)
    made = await register(registrar)
    assert (made.merchant, made.agent_id, len(registrar.chain.broadcasts)) == ("paddock", 0, 1)
    assert sorted(await linked(registrar), key=lambda one: one.agent_id) == [made, other]


async def test_a_registration_that_no_block_has_is_told_and_links_nothing(clock):
    registrar = bare_paddock(clock, FakeChain(clock, drop_next=1))
    with pytest.raises(ChainUnavailable, match="not mined yet; when it is, link the agent"):
        await register(registrar)
    assert await linked(registrar) == []


def logging(chain, changed):
    """A node of the chain whose receipts have other logs."""

    async def mined(transaction):
        found = await chain.mined(transaction)
        return found and replace(found, logs=changed(found.logs))

    return Liar(chain, mined=mined)


AGENT = (99).to_bytes(32, "big")
ODD = (RawLog(TOKEN, (REGISTERED, AGENT, AGENT), b"", 8), RawLog(IDENTITIES, (TRANSFER, AGENT, AGENT, AGENT), b"", 9))


async def test_what_other_contracts_and_other_events_name_is_not_the_agent(clock):
    registrar = bare_paddock(clock, logging(FakeChain(clock), lambda logs: (*ODD, *logs)))
    assert (await register(registrar)).agent_id == 0


@pytest.mark.parametrize("logs", [(), ODD], ids=["nothing", "others alone"])
async def test_a_registration_that_the_registry_does_not_confirm_failed_and_links_nothing(clock, logs):
    registrar = bare_paddock(clock, logging(FakeChain(clock), lambda _logs: logs))
    with pytest.raises(ConfigurationError, match="failed on chain"):
        await register(registrar)
    assert await linked(registrar) == []
