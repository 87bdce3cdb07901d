"""What was asked for and what the seller wants for it, as typed values: all that policy ever looks at."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

import httpx

from protocol.amounts import parse_amount, parse_uint
from protocol.errors import ProtocolError
from protocol.networks import chain_id
from protocol.payment import Method
from protocol.schemes import method_of
from protocol.signatures import parse_address, parse_hex
from protocol.wire import SCHEME_DELEGATE, SCHEME_UPTO, PaymentRequirements

REMOVED = "paddock_removed"
"""Where a request says which personal data was taken out of it."""
TOOL_SCHEMES = ("mcp", "mcp+http", "mcp+https")
"""Of URLs that name a tool of an MCP server, started here or reached by HTTP: the last part of the path is the tool."""


def origin_of(url: httpx.URL) -> str:
    """Scheme, host as sent (never decoded) and port where it is not the scheme's own: compared exactly."""
    port = f":{url.port}" if url.port is not None else ""
    host = url.raw_host.decode("ascii")
    return f"{url.scheme}://{f'[{host}]' if ':' in host else host}{port}"


class Place(NamedTuple):
    """Where a URL leads: its scheme, its origin, and its path as sent, percent-escapes and all."""

    scheme: str
    origin: str
    path: str


@lru_cache(maxsize=512)
def place_of(url: str) -> Place:
    """A URL taken apart, once for all who ask. Raises httpx.InvalidURL."""
    parsed = httpx.URL(url)
    return Place(parsed.scheme, origin_of(parsed), path_of(parsed))


@lru_cache(maxsize=512)
def host_of(origin: str) -> str:
    """The host of an origin, decoded, whatever its port."""
    return httpx.URL(origin).host


@lru_cache(maxsize=512)
def is_written(origin: str) -> bool:
    """Whether the origin is an address, or this machine by its name: nobody else can say where it is."""
    host = host_of(origin)
    try:
        return host == "localhost" or bool(ip_address(host))
    except ValueError:
        return False


def site_of(origin: str) -> str:
    """Where the seller at an origin publishes what is its own: beside an MCP endpoint, the site that it is part of."""
    return origin.removeprefix("mcp+")


def tool_of(url: str) -> str | None:
    """The tool of an MCP server that a URL names; None for all others."""
    place = place_of(url)
    return place.path.rpartition("/")[2] if place.scheme in TOOL_SCHEMES else None


@lru_cache(maxsize=512)
def is_loopback(origin: str) -> bool:
    """Whether what is sent there never leaves this machine."""
    host = host_of(origin)
    return host == "localhost" or (is_written(origin) and ip_address(host).is_loopback)


def path_of(url: httpx.URL) -> str:
    """The path as sent, percent-escapes and all."""
    return url.raw_path.partition(b"?")[0].decode("ascii")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it goes out: the same bytes before and after paying. `url` has neither fragment nor password.

    `removed` says which personal data was taken out of it before.
    """

    method: str
    url: str
    content_type: str
    accept: str
    body: bytes
    task: str
    removed: str = ""

    @classmethod
    def of(cls, request: httpx.Request, task: str) -> "Asked":
        """The request of any httpx client; its body must have been read."""
        headers = request.headers
        url = request.url.copy_with(fragment=None, userinfo=b"")
        kinds = headers.get("content-type", ""), headers.get("accept", "")
        removed = request.extensions.get(REMOVED, "")
        return cls(request.method, str(url), *kinds, request.content, task, removed)

    @property
    def origin(self) -> str:
        return place_of(self.url).origin

    @property
    def path(self) -> str:
        return place_of(self.url).path

    @property
    def tool(self) -> str | None:
        """The tool of an MCP server that this calls; None for all other requests."""
        return tool_of(self.url)

    @property
    def body_hash(self) -> str:
        """SHA-256 of the body, 0x-hex."""
        return "0x" + hashlib.sha256(self.body).hexdigest()

    def fingerprint(self) -> str:
        """Names this very request: two equal ones are attempts at the same purchase until the first has ended."""
        fields = (self.method, self.url, self.content_type, self.body_hash, self.task)
        return hashlib.sha256("\n".join(fields).encode()).hexdigest()

    def request(self) -> httpx.Request:
        """The request once more, for another attempt."""
        headers = {"content-type": self.content_type, "accept": self.accept}
        return httpx.Request(
            self.method,
            self.url,
            headers={name: value for name, value in headers.items() if value},
            content=self.body or None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One entry of a 402, read strictly. `amount` in atomic units, times in Unix seconds, addresses checksummed.

    `amount` is the price, or the most that a metered call may cost, as `facilitator` alone will say. `token_name` and
    `token_version` are the token's EIP-712 domain, which a payment by Permit2 does without; `timeout` is how long the
    seller wants the authorization to live; `callback` and `beneficiary` are what a DELEGATE payment sets off, and for
    whom: `calldata` is the call where it is not what the contract does by itself, `function` its seller's name for it,
    and `calldata_deadline` until when a signature over it counts.
    """

    asked: Asked
    entry: PaymentRequirements
    mode: str
    network: str
    chain_id: int
    asset: str
    amount: int
    pay_to: str
    method: Method
    facilitator: str | None
    token_name: str | None
    token_version: str | None
    decimals: int | None
    timeout: int
    expires_at: int | None
    quote_id: str | None
    status_url: str | None
    callback: str | None
    beneficiary: str | None
    calldata: bytes | None
    function: str | None
    calldata_deadline: int | None

    @property
    def atomic(self) -> bool:
        """Whether payment and contract call are one chain transaction, by an executor."""
        return self.entry.scheme == SCHEME_DELEGATE

    @property
    def metered(self) -> bool:
        """Whether the price is for the seller to say afterwards, up to `amount`."""
        return self.entry.scheme == SCHEME_UPTO


def read_terms(asked: Asked, entry: PaymentRequirements, mode: str) -> Terms:
    """The entry as typed terms. Raises ProtocolError for anything that has a second spelling or is missing."""
    extra = entry.extra
    name, version = text(extra, "name"), text(extra, "version")
    method = method_of(entry)
    if method is Method.EIP3009 and (name is None or version is None):
        raise ProtocolError("invalid_payment_requirements", "extra must name the token's EIP-712 domain")
    callback, facilitator = text(extra, "callback"), text(extra, "facilitatorAddress")
    calldata = text(extra, "calldata")
    return Terms(
        asked=asked,
        entry=entry,
        mode=mode,
        network=entry.network,
        chain_id=chain_id(entry.network),
        asset=parse_address(entry.asset, "asset"),
        amount=parse_amount(entry.amount),
        pay_to=parse_address(entry.pay_to, "payTo"),
        method=method,
        facilitator=None if facilitator is None else parse_address(facilitator, "extra.facilitatorAddress"),
        token_name=name,
        token_version=version,
        decimals=_number(extra, "decimals"),
        timeout=entry.max_timeout_seconds,
        expires_at=_number(extra, "expiresAt"),
        quote_id=text(extra, "quoteId"),
        status_url=text(extra, "statusUrl"),
        callback=None if callback is None else parse_address(callback, "extra.callback"),
        beneficiary=text(extra, "beneficiary"),
        calldata=None if calldata is None else parse_hex(calldata, "extra.calldata"),
        function=text(extra, "function"),
        calldata_deadline=_number(extra, "calldataDeadline"),
    )


def text(extra: dict[str, object], key: str) -> str | None:
    """A member that is a string or absent."""
    value = extra.get(key)
    if value is not None and not isinstance(value, str):
        raise ProtocolError("invalid_payment_requirements", f"extra.{key} must be a string")
    return value


def _number(extra: dict[str, object], key: str) -> int | None:
    value = extra.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return parse_uint(value, f"extra.{key}")
