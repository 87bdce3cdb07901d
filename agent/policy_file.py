"""The policy as a person writes it: a TOML file and its schema."""

import re
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
import msgspec

from agent.errors import PolicyError
from agent.identity import parse_agent
from agent.merchant_rules import ActionRules, MerchantRules, Strict
from agent.payments import MODES
from agent.terms import TOOL_SCHEMES, origin_of
from agent.transfer_rules import COIN_DECIMALS, SignerRules, TransferRules
from protocol.amounts import atomic
from protocol.errors import ProtocolError
from protocol.functions import Function
from protocol.networks import chain_id
from protocol.signatures import parse_address

_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]+)`(?: - at `\$\.?(?P<at>[^`]*)`)?")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]+)`(?: - at `\$\.?(?P<at>[^`]*)`)?")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00")
_WRONG = re.compile(r"(?P<what>.*) - at `\$\.?(?P<at>[^`]*)`")


class Limits(Strict, frozen=True):
    """Amounts are decimal strings in units of the asset, for each asset alike; an empty one is no limit."""

    per_call: str
    per_task: str
    per_day: str
    per_session: str = ""
    per_domain: str = ""
    in_all: str = ""
    validity_seconds: int = 300
    price_rise_percent: int = 20
    metered_seconds: int = 60
    retries: int = 4
    patience_seconds: int = 60


class ApprovalRules(Strict, frozen=True):
    """When a person must agree, and whose signature counts; a standing one for `standing_days` at most, 0 is not at
    all."""

    above: str
    approver: str = ""
    valid_minutes: int = 30
    standing_days: int = 0


class AssetRules(Strict, frozen=True):
    """A token by network and address, with the EIP-712 domain and the decimals it really has."""

    network: str
    address: str
    name: str
    version: str
    decimals: int
    symbol: str = ""


class PrivacyRules(Strict, frozen=True):
    """What happens to a request with personal data in it, outside of the fields that a merchant may have it in."""

    found: Literal["refuse", "ask", "redact"] = "ask"


class HoursRules(Strict, frozen=True):
    """The time of day in which the agent may buy, such as "08:00" to "18:30"; it may pass midnight."""

    from_: str = msgspec.field(name="from")
    to: str
    zone: str = "UTC"

    def hold(self, now: datetime) -> bool:
        """Whether it is that time; the end is not in it."""
        local = now.astimezone(ZoneInfo(self.zone)).strftime("%H:%M")
        if self.from_ <= self.to:
            return self.from_ <= local < self.to
        return local >= self.from_ or local < self.to


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
    transfers: tuple[TransferRules, ...] = ()
    standing: StandingRules = StandingRules()
    privacy: PrivacyRules = PrivacyRules()
    hours: HoursRules | None = None
    signer: SignerRules = SignerRules()


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
    if not 0 <= policy.approval.standing_days <= 366:
        raise ProtocolError("invalid_policy", "approval.standing_days must be between 0 and 366")
    standing = _standing(policy.standing)
    wanted = [(one.least_rating, one.least_reviews) for one in policy.merchants]
    for rating, reviews in [(policy.standing.least_rating, policy.standing.least_reviews), *wanted]:
        if not 0 <= rating <= 100 or reviews < 0:
            raise ProtocolError("invalid_policy", "least_rating is from 0 to 100, least_reviews not below 0")
    _check_hours(policy.hours)
    _check_signer(policy.signer)
    merchants = tuple(_merchant(merchant, f"merchants[{i}]") for i, merchant in enumerate(policy.merchants))
    approver = policy.approval.approver
    approval = msgspec.structs.replace(
        policy.approval, approver=parse_address(approver, "approval.approver") if approver else ""
    )
    assets = tuple(
        msgspec.structs.replace(asset, address=parse_address(asset.address, "assets.address"))
        for asset in policy.assets
    )
    transfers = tuple(one.checked(f"transfers[{index}]") for index, one in enumerate(policy.transfers))
    return msgspec.structs.replace(
        policy, approval=approval, assets=assets, merchants=merchants, standing=standing, transfers=transfers
    )


def _standing(standing: StandingRules) -> StandingRules:
    registries = []
    for registry in standing.registries:
        network, _, address = registry.rpartition(":")
        chain_id(network)
        registries.append(f"{network}:{parse_address(address, 'standing.registries')}")
    return msgspec.structs.replace(standing, registries=tuple(registries))


def _check_hours(hours: HoursRules | None) -> None:
    if hours is None:
        return
    if not _TIME.fullmatch(hours.from_) or not _TIME.fullmatch(hours.to) or hours.from_ == hours.to:
        raise ProtocolError("invalid_policy", 'hours.from and hours.to are two times of day, like "08:00" and "18:30"')
    try:
        ZoneInfo(hours.zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        known = 'UTC or a name like "Europe/Vienna"'
        raise ProtocolError("invalid_policy", f"hours.zone: {hours.zone!r} is no time zone; give {known}") from error


def _check_signer(signer: SignerRules) -> None:
    try:
        atomic(signer.gas_per_day or "0", COIN_DECIMALS)
    except ProtocolError as error:
        raise ProtocolError("invalid_policy", f'signer.gas_per_day: {error.detail}; write it like "0.01"') from error


def _check_asset(policy: PolicyFile, asset: AssetRules, key: str) -> None:
    chain_id(asset.network)
    if not 0 <= asset.decimals <= 36:
        raise ProtocolError("invalid_policy", f"{key}.decimals must be between 0 and 36")
    for name, amount in _amounts(policy).items():
        try:
            atomic(amount, asset.decimals)
        except ProtocolError as error:
            raise ProtocolError("invalid_policy", f'{name}: {error.detail}; write it like "2.50"') from error


def _amounts(policy: PolicyFile) -> dict[str, str]:
    """Every amount that the file gives, by its key."""
    limits = policy.limits
    given = {f"limits.{name}": getattr(limits, name) for name in ("per_session", "per_domain", "in_all")}
    for index, merchant in enumerate(policy.merchants):
        given |= {f"merchants[{index}].{name}": getattr(merchant, name) for name in ("per_call", "per_day")}
    given |= {f"transfers[{index}].per_day": one.per_day for index, one in enumerate(policy.transfers)}
    needed = {f"limits.{name}": getattr(limits, name) for name in ("per_call", "per_task", "per_day")}
    return needed | {"approval.above": policy.approval.above} | {name: one for name, one in given.items() if one}


def _merchant(merchant: MerchantRules, key: str) -> MerchantRules:
    try:
        exact = origin_of(httpx.URL(merchant.origin))
    except httpx.InvalidURL:
        exact = ""
    scheme = exact.partition("://")[0]
    if exact != merchant.origin or scheme not in ("http", "https", *TOOL_SCHEMES):
        hint = "like https://api.example.com: no path, no slash at the end, no standard port"
        raise ProtocolError("invalid_policy", f"{key}.origin: {merchant.origin!r} is not an origin, {hint}")
    if bool(merchant.command) != (scheme == "mcp"):
        raise ProtocolError("invalid_policy", f"{key}.command starts an MCP server: mcp://name needs it, others cannot")
    if merchant.agent_id:
        parse_agent(merchant.agent_id, f"{key}.agent_id")
    for mode in set(merchant.modes) - {mode.name for mode in MODES}:
        known = ", ".join(one.name for one in MODES)
        raise ProtocolError("invalid_policy", f"{key}.modes: {mode!r} is none of {known}")
    for route in merchant.routes:
        if not route.startswith("/"):
            raise ProtocolError("invalid_policy", f"{key}.routes: {route!r} must begin with a slash")
    return msgspec.structs.replace(
        merchant,
        pay_to=tuple(parse_address(address, f"{key}.pay_to") for address in merchant.pay_to),
        callbacks=tuple(parse_address(address, f"{key}.callbacks") for address in merchant.callbacks),
        facilitators=tuple(parse_address(address, f"{key}.facilitators") for address in merchant.facilitators),
        executors=tuple(parse_address(address, f"{key}.executors") for address in merchant.executors),
        actions=tuple(_action(rules, f"{key}.actions[{index}]") for index, rules in enumerate(merchant.actions)),
    )


def _action(rules: ActionRules, key: str) -> ActionRules:
    try:
        for function in rules.functions:
            Function(function)
    except ProtocolError as error:
        raise ProtocolError("invalid_policy", f"{key}.functions: {error.detail}") from error
    return msgspec.structs.replace(rules, contract=parse_address(rules.contract, f"{key}.contract"))
