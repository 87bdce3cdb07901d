"""The policy as a person writes it: a TOML file, its schema, and the text that `init` starts from."""

import re
from pathlib import Path
from typing import Literal

import httpx
import msgspec

from agent.errors import PolicyError
from agent.terms import origin_of
from protocol.amounts import atomic
from protocol.errors import ProtocolError
from protocol.networks import chain_id
from protocol.signatures import parse_address

_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]+)`(?: - at `\$\.?(?P<at>[^`]*)`)?")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]+)`(?: - at `\$\.?(?P<at>[^`]*)`)?")
_WRONG = re.compile(r"(?P<what>.*) - at `\$\.?(?P<at>[^`]*)`")


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A table of the file: a key that means nothing is an error, not a wish that is silently ignored."""


class Limits(Strict, frozen=True):
    """Amounts are decimal strings in units of the asset, for each asset alike."""

    per_call: str
    per_task: str
    per_day: str
    validity_seconds: int = 300
    price_rise_percent: int = 20
    metered_seconds: int = 60
    retries: int = 4
    patience_seconds: int = 60


class ApprovalRules(Strict, frozen=True):
    """When a person must agree, and whose signature counts."""

    above: str
    approver: str = ""
    valid_minutes: int = 30


class AssetRules(Strict, frozen=True):
    """A token by network and address, with the EIP-712 domain and the decimals it really has."""

    network: str
    address: str
    name: str
    version: str
    decimals: int
    symbol: str = ""


class MerchantRules(Strict, frozen=True):
    """A seller by exact origin. In `routes`, `*` stands for one path segment and `**` for any rest.

    `facilitators` may say what a metered call cost, up to what was signed for.
    """

    origin: str
    routes: tuple[str, ...]
    modes: tuple[Literal["DIRECT", "DELEGATE"], ...] = ("DIRECT",)
    pay_to: tuple[str, ...] = ()
    callbacks: tuple[str, ...] = ()
    facilitators: tuple[str, ...] = ()


class StandingRules(Strict, frozen=True):
    """Below which checked standing a person is asked, and which reputation registries a review may be written to."""

    least_rating: int = 0
    least_reviews: int = 0
    registries: tuple[str, ...] = ()


class PolicyFile(Strict, frozen=True):
    """The whole file."""

    networks: tuple[str, ...]
    limits: Limits
    approval: ApprovalRules
    assets: tuple[AssetRules, ...]
    merchants: tuple[MerchantRules, ...]
    standing: StandingRules = StandingRules()


def load(path: Path) -> PolicyFile:
    """The policy in a file. Raises PolicyError, naming the key and the mend."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise PolicyError(f"there is no policy at {path}", "write one with: paddock-agent init") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"the policy {path} cannot be read ({type(error).__name__})", "check its path") from error
    return parse(text, str(path))


def parse(text: str, where: str = "policy.toml") -> PolicyFile:
    """The policy in a text, addresses checksummed. Raises PolicyError, naming the key and the mend."""
    try:
        return _checked(msgspec.toml.decode(text, type=PolicyFile))
    except msgspec.ValidationError as error:
        raise _explained(where, str(error)) from error
    except msgspec.DecodeError as error:
        raise PolicyError(f"{where} is not TOML: {error}", "mend that line") from error
    except ProtocolError as error:
        raise PolicyError(f"{where}: {error.detail}", "mend that key") from error


def _explained(where: str, message: str) -> PolicyError:
    """msgspec's words as the key's dotted name, and what to do about it."""
    if match := _MISSING.match(message):
        key = ".".join(filter(None, (match["at"], match["key"])))
        return PolicyError(f"{where}: {key} is missing", f"add {key}; `paddock-agent init` shows an example")
    if match := _UNKNOWN.match(message):
        key = ".".join(filter(None, (match["at"], match["key"])))
        return PolicyError(f"{where}: {key} is not a key of the policy", "remove it, or mend its spelling")
    if match := _WRONG.match(message):
        return PolicyError(f"{where}: {match['at']}: {match['what']}", "give it that type")
    return PolicyError(f"{where}: {message}", "mend that key")


def _checked(policy: PolicyFile) -> PolicyFile:
    """Everything the types cannot say."""
    for network in policy.networks:
        chain_id(network)
    for index, asset in enumerate(policy.assets):
        _check_asset(policy, asset, f"assets[{index}]")
    for name in ("validity_seconds", "metered_seconds", "price_rise_percent", "retries", "patience_seconds"):
        if getattr(policy.limits, name) < 0:
            raise ProtocolError("invalid_policy", f"limits.{name} must not be negative")
    if not 1 <= policy.approval.valid_minutes <= 24 * 60:
        raise ProtocolError("invalid_policy", "approval.valid_minutes must be between 1 and 1440")
    standing = _standing(policy.standing)
    merchants = tuple(_merchant(merchant, f"merchants[{i}]") for i, merchant in enumerate(policy.merchants))
    approver = policy.approval.approver
    approval = msgspec.structs.replace(
        policy.approval, approver=parse_address(approver, "approval.approver") if approver else ""
    )
    assets = tuple(
        msgspec.structs.replace(asset, address=parse_address(asset.address, "assets.address"))
        for asset in policy.assets
    )
    return msgspec.structs.replace(policy, approval=approval, assets=assets, merchants=merchants, standing=standing)


def _standing(standing: StandingRules) -> StandingRules:
    if not 0 <= standing.least_rating <= 100 or standing.least_reviews < 0:
        raise ProtocolError("invalid_policy", "standing: least_rating is from 0 to 100, least_reviews not below 0")
    registries = []
    for registry in standing.registries:
        network, _, address = registry.rpartition(":")
        chain_id(network)
        registries.append(f"{network}:{parse_address(address, 'standing.registries')}")
    return msgspec.structs.replace(standing, registries=tuple(registries))


def _check_asset(policy: PolicyFile, asset: AssetRules, key: str) -> None:
    chain_id(asset.network)
    if not 0 <= asset.decimals <= 36:
        raise ProtocolError("invalid_policy", f"{key}.decimals must be between 0 and 36")
    limits = policy.limits
    for name, amount in (
        ("limits.per_call", limits.per_call),
        ("limits.per_task", limits.per_task),
        ("limits.per_day", limits.per_day),
        ("approval.above", policy.approval.above),
    ):
        try:
            atomic(amount, asset.decimals)
        except ProtocolError as error:
            raise ProtocolError("invalid_policy", f'{name}: {error.detail}; write it like "2.50"') from error


def _merchant(merchant: MerchantRules, key: str) -> MerchantRules:
    try:
        exact = origin_of(httpx.URL(merchant.origin))
    except httpx.InvalidURL:
        exact = ""
    if exact != merchant.origin or not exact.startswith(("http://", "https://")):
        hint = "like https://api.example.com: no path, no slash at the end, no standard port"
        raise ProtocolError("invalid_policy", f"{key}.origin: {merchant.origin!r} is not an origin, {hint}")
    for route in merchant.routes:
        if not route.startswith("/"):
            raise ProtocolError("invalid_policy", f"{key}.routes: {route!r} must begin with a slash")
    return msgspec.structs.replace(
        merchant,
        pay_to=tuple(parse_address(address, f"{key}.pay_to") for address in merchant.pay_to),
        callbacks=tuple(parse_address(address, f"{key}.callbacks") for address in merchant.callbacks),
        facilitators=tuple(parse_address(address, f"{key}.facilitators") for address in merchant.facilitators),
    )


TEMPLATE = """\
# What this agent may buy. It is read at start; everything not allowed here is denied.
# Amounts are decimal strings in units of the asset ("2.50"), for each asset alike.

networks = [{networks}]          # chains, in CAIP-2 form

[limits]
per_call = "1.00"                # dearer than this is never paid
per_task = "5.00"                # all that one --task may ever spend
per_day = "20.00"                # in any 24 hours
validity_seconds = 300           # a signed authorization never lives longer
metered_seconds = 60             # one for a metered call, which leaves the amount open, not even so long
price_rise_percent = 20          # above the lowest price paid before, a person is asked
retries = 4                      # how often the same signed bytes are sent again
patience_seconds = 60            # and for how long in all

[approval]
above = "0.50"                   # dearer purchases wait for a person
valid_minutes = 30
# Whose signature counts: an address, never the agent's own; "" is nobody's.
approver = "{approver}"

[standing]
least_rating = 0                 # of 100; below it a person is asked, for what has reviews whose payment was checked
least_reviews = 0                # with fewer of them a person is asked
registries = [{registries}]      # reputation registries that `paddock-agent review` may call, and pay the gas for

# The tokens it may pay in: check address and decimals against the issuer's own page.
{assets}
# Whom it may pay: the exact origin, the paths (* one segment, ** any rest), the recipients ([] is the first one
# seen on each route), the contracts that a DELEGATE payment may set off, and who may say what a metered call cost.
{merchants}"""

ASSET_TEMPLATE = """\
[[assets]]
network = "{network}"
address = "{address}"
name = {name}                    # the token's EIP-712 domain
version = {version}
decimals = {decimals}
symbol = {symbol}
"""

MERCHANT_TEMPLATE = """\
[[merchants]]
origin = "{origin}"
routes = [{routes}]
modes = ["DIRECT", "DELEGATE"]
pay_to = [{pay_to}]
callbacks = [{callbacks}]
facilitators = [{facilitators}]
"""
