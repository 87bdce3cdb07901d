"""Checks at the start: a token or a chain that is not what the settings say keeps the process from starting."""

from dataclasses import dataclass, field, replace

import pytest
from eth_account.messages import encode_typed_data

from protocol.payment import EXACT_PROXY, PERMIT2, UPTO_PROXY
from server.adapters.market_checks import check_market
from server.domain.calls import encode_call
from server.domain.errors import ConfigurationError, Reverted
from server.services.samples import SAMPLES
from tests.fakes.chain import DAI_ASSET, DOLLAR, fake_market


def separator(name="USDC", version="2", chain=31337, contract=DOLLAR.address):
    """A token's DOMAIN_SEPARATOR, by eth-account."""
    domain = {"name": name, "version": version, "chainId": chain, "verifyingContract": contract}
    return encode_typed_data(domain, {"M": [{"name": "m", "type": "uint256"}]}, {"m": 1}).header


TERMS = (encode_call("ARBITER()"), encode_call("PERIOD()"))


@dataclass
class Node:
    """As much of a node as is asked at the start; `says` is what the token answers to DOMAIN_SEPARATOR.

    `terms`: who releases what the escrow holds, and for how many seconds it does.
    """

    says: bytes = separator()
    chain: int = 31337
    version: str = "anvil/v1.4"
    codes: dict[str, bytes] = field(default_factory=dict)
    terms: tuple[int, int] = (int(fake_market().delegate, 16), 7 * 86_400)

    async def chain_id(self):
        return self.chain

    async def client_version(self):
        return self.version

    async def code(self, address):
        return self.codes.get(address, b"")

    async def call(self, call):
        if call.data in TERMS:
            return self.terms[TERMS.index(call.data)].to_bytes(32, "big")
        if not self.says:
            raise Reverted("execution reverted", b"")
        return self.says


async def test_the_market_that_is_configured_is_taken():
    assert await check_market(Node(), fake_market(), SAMPLES, devnet=True) is None


@pytest.mark.parametrize(
    "says",
    [
        separator(name="USD Coin"),
        separator(version="1"),
        separator(chain=1),
        separator(contract=DAI_ASSET.address),
        separator()[:-1],
        separator() + b"\0",
        b"",
    ],
    ids=["name", "version", "chain", "contract", "cut", "longer", "none"],
)
async def test_f5_a_token_with_another_domain_than_configured_is_refused_at_the_start(says):
    with pytest.raises(ConfigurationError, match="does not have the EIP-712 domain"):
        await check_market(Node(says=says), fake_market(), SAMPLES, devnet=True)


async def test_f5_each_token_of_a_market_is_checked_and_not_only_the_first():
    second = replace(DOLLAR, address=DAI_ASSET.address, name="Euro")
    with pytest.raises(ConfigurationError, match="Euro"):
        await check_market(Node(), fake_market(assets=(DOLLAR, second)), SAMPLES, devnet=True)


async def test_f5_a_token_paid_by_permit2_needs_permit2_and_both_proxies():
    market, there = fake_market(assets=(DAI_ASSET,)), (DAI_ASSET.address, PERMIT2, EXACT_PROXY, UPTO_PROXY)
    await check_market(Node(codes=dict.fromkeys(there, b"\x60")), market, SAMPLES, devnet=True)
    for missing in there:
        node = Node(codes={address: b"\x60" for address in there if address != missing})
        with pytest.raises(ConfigurationError, match=missing):
            await check_market(node, market, SAMPLES, devnet=True)


@pytest.mark.parametrize(
    "terms", [(int(DOLLAR.address, 16), 7 * 86_400), (int(fake_market().delegate, 16), 60)], ids=["arbiter", "period"]
)
async def test_an_escrow_that_we_cannot_release_or_that_holds_for_another_time_is_refused_at_the_start(terms):
    with pytest.raises(ConfigurationError, match=r"EscrowRelease at 0x.* deploy it again"):
        await check_market(Node(terms=terms), fake_market(), SAMPLES, devnet=True)
    market = fake_market()
    without = {name: one for name, one in market.contracts.items() if name != "EscrowRelease"}
    await check_market(Node(terms=terms), replace(market, contracts=without), SAMPLES, devnet=True)


async def test_a_node_of_another_chain_or_a_devnet_that_is_no_anvil_is_refused():
    with pytest.raises(ConfigurationError, match="eip155:1,"):
        await check_market(Node(chain=1), fake_market(), SAMPLES, devnet=False)
    with pytest.raises(ConfigurationError, match="anvil"):
        await check_market(Node(version="geth/1.15"), fake_market(), SAMPLES, devnet=True)
    await check_market(Node(version="geth/1.15"), fake_market(), SAMPLES, devnet=False)
