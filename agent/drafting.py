"""The first policy: what a seller offers, written down so that a person can read, mend and so allow it."""

from typing import Any

import msgspec

from agent.chain import Chain
from agent.errors import ChainUnavailable
from agent.market import Offer
from agent.payments import MODES
from agent.policy_file import parse
from agent.policy_template import ASSET_TEMPLATE, MERCHANT_TEMPLATE, TEMPLATE
from agent.terms import Terms, is_loopback
from protocol.networks import caip2


def draft(seller: str, offers: list[Offer], chain: Chain, approver: str, stack: dict[str, Any]) -> str:
    """The text of a policy that allows what the seller offers. Raises PolicyError if its words make none."""
    terms = [offer.terms for offer in offers if offer.terms.asked.origin == seller]
    if not terms:
        empty = TEMPLATE.format(networks="", approver=approver, registries="", assets="", merchants="")
        return "assets = []\nmerchants = []\n" + empty
    assets = {(one.network, one.asset): one for one in terms}
    text = TEMPLATE.format(
        networks=_list({one.network for one in terms}),
        approver=approver,
        registries=_list(_registries(stack)),
        assets="\n".join(_asset(one, chain, stack) for one in assets.values()),
        merchants=_merchant(seller, terms, {one for offer in offers for one in offer.executors}),
    )
    parse(text, "the drafted policy")
    return text


def _asset(terms: Terms, chain: Chain, stack: dict[str, Any]) -> str:
    symbol = stack.get("asset", {}).get("symbol", terms.token_name or "")
    try:
        chain.require(terms.network)
        decimals: int | str = chain.decimals(terms.asset)
    except ChainUnavailable:
        decimals = "6                     # NOT CHECKED: the chain could not be asked"
    return ASSET_TEMPLATE.format(
        network=terms.network,
        address=terms.asset,
        name=_quoted(terms.token_name or ""),
        version=_quoted(terms.token_version or ""),
        decimals=decimals,
        symbol=_quoted(str(symbol)),
    )


def _merchant(seller: str, terms: list[Terms], executors: set[str]) -> str:
    parents = {one.asked.path.rpartition("/")[0] for one in terms}
    return MERCHANT_TEMPLATE.format(
        origin=seller,
        routes=_list({f"{parent}/*" for parent in parents}),
        modes=", ".join(_quoted(mode.name) for mode in MODES),
        pay_to=_list({one.pay_to for one in terms}),
        callbacks=_list({one.callback for one in terms if one.callback}),
        executors=_list(executors),
        inside="false" if seller.startswith("https://") or is_loopback(seller) else "true",
        facilitators=_list({one.facilitator for one in terms if one.metered and one.facilitator}),
    )


def _registries(stack: dict[str, Any]) -> set[str]:
    """That of a devnet's stack; elsewhere a person writes it down."""
    address = stack.get("contracts", {}).get("ReputationRegistry")
    return {f"{caip2(int(stack['chain_id']))}:{address}"} if address else set()


def _list(values: set[str]) -> str:
    return ", ".join(_quoted(value) for value in sorted(values))


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's."""
    return msgspec.json.encode(text).decode()
