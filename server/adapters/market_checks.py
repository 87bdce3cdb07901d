"""Checks at the start: chain and tokens are those that the settings name, and what holds payments lets us release."""

from collections.abc import Iterable

from protocol.networks import caip2
from protocol.payment import EXACT_PROXY, PERMIT2, UPTO_PROXY, Method
from protocol.typed_data import domain_separator
from server.adapters.nodes import NodeChain
from server.domain.calls import encode_call, one_word
from server.domain.errors import ConfigurationError, Reverted
from server.domain.market import Asset, Market
from server.ports import Call
from server.services.service import Service


async def check_market(chain: NodeChain, market: Market, sold: Iterable[Service], *, devnet: bool) -> None:
    """The chain is the one that is named, each token has the EIP-712 domain that we say, a devnet is an anvil."""
    found = await chain.chain_id()
    if found != market.chain_id:
        raise ConfigurationError(f"the node in PADDOCK_RPC_URL is on {caip2(found)}, and {market.network} is wanted")
    if devnet and not (await chain.client_version()).lower().startswith("anvil"):
        raise ConfigurationError("PADDOCK_DEVNET=1 is only for an anvil devnet, and this node is none")
    for asset in market.assets:
        await (check_domain if asset.method is Method.EIP3009 else check_permit2)(chain, market, asset)
    for service in sold:
        if service.held_seconds and service.callback in market.contracts:
            await check_hold(chain, market, service)


async def check_hold(chain: NodeChain, market: Market, service: Service) -> None:
    """A contract that holds payments is released by the delegate wallet, and for as long as the service says.

    Raises ConfigurationError.
    """
    contract = market.contracts[service.callback or ""].address
    arbiter, period = [
        one_word(await chain.call(Call(contract, contract, encode_call(view)))) for view in ("ARBITER()", "PERIOD()")
    ]
    if (arbiter, period) != (int(market.delegate, 16), service.held_seconds):
        raise ConfigurationError(
            f"{service.callback} at {contract} on {market.network} is not released by the delegate wallet "
            f"{market.delegate} for {service.held_seconds} s: deploy it again with this arbiter and period, or take it "
            "out of the deployments file"
        )


async def check_domain(chain: NodeChain, market: Market, asset: Asset) -> None:
    """What payers sign for a token is what the token takes. Raises ConfigurationError."""
    try:
        separator = await chain.call(Call(asset.address, asset.address, encode_call("DOMAIN_SEPARATOR()")))
    except Reverted:
        separator = b""
    if separator != domain_separator(market.domain(asset)):
        raise ConfigurationError(
            f"the token at {asset.address} on {market.network} does not have the EIP-712 domain {asset.name!r} version "
            f"{asset.version!r}: correct networks.toml or the deployments file, or deploy again with `make up`"
        )


async def check_permit2(chain: NodeChain, market: Market, asset: Asset) -> None:
    """Permit2 and the x402 proxies are there, and the token is. Raises ConfigurationError."""
    for address in (asset.address, PERMIT2, EXACT_PROXY, UPTO_PROXY):
        if not await chain.code(address):
            raise ConfigurationError(
                f"{asset.symbol} on {market.network} is paid by Permit2, and there is no contract at {address}: "
                "take the asset out of networks.toml or the deployments file"
            )
