"""A merchant is registered as an agent only where a registry is known, and only if there is such a merchant."""

from dataclasses import replace

import pytest

from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.paddock import Ground
from server.application.register_identity import register_identity
from server.domain.errors import ConfigurationError, UnknownMerchant
from server.domain.reputation import IDENTITY_REGISTRY
from tests.fakes.chain import FakeChain, fake_market
from tests.fakes.paddocks import bare_paddock
from tests.fakes.samples import NETWORK

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
