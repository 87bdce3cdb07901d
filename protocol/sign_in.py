"""The x402 extension sign-in-with-x on EVM chains: a wallet proves by an EIP-4361 text that it is the one that paid."""

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from protocol.erc6492 import is_wrapped, unwrap
from protocol.errors import ProtocolError
from protocol.hashing import keccak
from protocol.headers import decode
from protocol.networks import caip2, chain_id
from protocol.signatures import parse_address, parse_hex, recover

EXTENSION = "sign-in-with-x"
HEADER = "SIGN-IN-WITH-X"
SIGNATURE_TYPE = "eip191"
SKEW = timedelta(seconds=5)
"""By how much the clock that wrote `issuedAt` may be ahead."""

SmartWallet = Callable[[str, bytes, bytes], Awaitable[bool]]
"""Whether the contract at an address accepts, for a 32-byte digest, this signature (ERC-1271)."""

_LINE = re.compile(r"[\x20-\x7e]+", re.ASCII)
_WORD = re.compile(r"[\x21-\x7e]+", re.ASCII)
_VERSION = re.compile("1")
_NONCE = re.compile(r"[A-Za-z0-9]{8,128}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_TEXT = re.compile(
    r"(?P<domain>[^\n ]+) wants you to sign in with your Ethereum account:\n(?P<address>[^\n]+)\n\n"
    r"(?:(?P<statement>[^\n]+)\n)?\nURI: (?P<uri>[^\n]+)\nVersion: (?P<version>[^\n]+)\n"
    r"Chain ID: (?P<chain>[1-9][0-9]{0,18})\nNonce: (?P<nonce>[^\n]+)\nIssued At: (?P<issued_at>[^\n]+)"
    r"(?:\nExpiration Time: (?P<expiration_time>[^\n]+))?(?:\nNot Before: (?P<not_before>[^\n]+))?"
    r"(?:\nRequest ID: (?P<request_id>[^\n]+))?(?:\nResources:(?P<resources>(?:\n- [^\n]+)+))?",
    re.ASCII,
)
_REQUIRED = ("domain", "address", "uri", "version", "chainId", "type", "nonce", "issuedAt", "signature")
_OPTIONAL = ("statement", "expirationTime", "notBefore", "requestId")
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in (*_REQUIRED, *_OPTIONAL)},
        "resources": {"type": "array", "items": {"type": "string"}},
    },
    "required": list(_REQUIRED),
}


class Message(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """What a wallet signs; `chain_id` is a CAIP-2 name, times are RFC 3339 texts as they were written."""

    domain: str
    address: str
    uri: str
    version: str
    chain_id: str
    nonce: str
    issued_at: str
    statement: str | None = None
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    resources: list[str] | None = None

    def text(self) -> str:
        """The text of EIP-4361. Raises ProtocolError for a member that would not stay in its own place there."""
        resources = "".join(f"\n- {_whole(_WORD, one, 'resources')}" for one in self.resources or ())
        lines = [
            f"{_whole(_WORD, self.domain, 'domain')} wants you to sign in with your Ethereum account:",
            f"{parse_address(self.address, 'address')}\n",
            *([_whole(_LINE, self.statement, "statement")] if self.statement is not None else []),
            f"\nURI: {_whole(_WORD, self.uri, 'uri')}",
            f"Version: {_whole(_VERSION, self.version, 'version')}",
            f"Chain ID: {chain_id(self.chain_id)}",
            f"Nonce: {_whole(_NONCE, self.nonce, 'nonce')}",
            f"Issued At: {_whole(_MOMENT, self.issued_at, 'issuedAt')}",
        ]
        for label, pattern, value in (
            ("Expiration Time", _MOMENT, self.expiration_time),
            ("Not Before", _MOMENT, self.not_before),
            ("Request ID", _LINE, self.request_id),
        ):
            if value is not None:
                lines.append(f"{label}: {_whole(pattern, value, label)}")
        return "\n".join(lines) + (f"\nResources:{resources}" if resources else "")

    def digest(self) -> bytes:
        """What is signed: keccak256 of the text with the prefix of EIP-191, version E."""
        text = self.text().encode()
        return keccak(b"\x19Ethereum Signed Message:\n%d%b" % (len(text), text))


class Proof(Message, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The content of the client's header: the message with its signature (0x-hex)."""

    type: str
    signature: str
    signature_scheme: str | None = None


def parse(text: str) -> Message:
    """The message of an EIP-4361 text. Raises ProtocolError for anything but the spelling that `text` gives."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ProtocolError("invalid_siwx_message", "this is not a text of EIP-4361")
    found = match.groupdict()
    network, resources = caip2(int(found.pop("chain"))), found.pop("resources")
    message = Message(**found, chain_id=network, resources=resources.split("\n- ")[1:] if resources else None)
    if message.text() != text:
        raise ProtocolError("invalid_siwx_message", "a member is spelt in another way than EIP-4361 does")
    return message


def read(header: bytes | str) -> Proof:
    """The client's header. Raises ProtocolError for anything too large, or not of that shape."""
    try:
        proof = decode(header, Proof)
    except ProtocolError as error:
        raise ProtocolError("invalid_siwx_message", f"{HEADER} cannot be read: {error.detail}") from error
    if proof.type != SIGNATURE_TYPE:
        raise ProtocolError("invalid_siwx_unsupported_chain", f"only signatures of type {SIGNATURE_TYPE} are read")
    return proof


def check(message: Message, *, domain: str, uri: str, networks: Collection[str], now: datetime) -> None:
    """The message is for this domain and resource, names one of these networks, and is valid at `now` (aware).

    Raises ProtocolError with the codes of the official clients. The nonce is for whoever gave it to judge.
    """
    if message.domain != domain:
        raise ProtocolError("invalid_siwx_domain_mismatch", f"the message is for another domain than {domain}")
    if message.uri != uri:
        raise ProtocolError("invalid_siwx_uri_mismatch", f"the message is for another resource than {uri}")
    if message.chain_id not in networks:
        raise ProtocolError("invalid_siwx_chain_id", f"the message must name one of {', '.join(sorted(networks))}")
    if _moment(message.issued_at, "issuedAt") > now + SKEW:
        raise ProtocolError("invalid_siwx_issued_at_in_future", "issuedAt is in the future")
    if message.expiration_time is not None and _moment(message.expiration_time, "expirationTime") <= now:
        raise ProtocolError("invalid_siwx_expired", "the message has expired")
    if message.not_before is not None and _moment(message.not_before, "notBefore") > now:
        raise ProtocolError("invalid_siwx_not_yet_valid", "the message is not valid yet")


async def signer(proof: Proof, smart_wallet: SmartWallet | None = None) -> str:
    """The address that signed in: an EOA by recovery, a smart wallet if the function that is given says so.

    A signature that is wrapped (ERC-6492) is shown to the wallet without its wrapping. Raises ProtocolError.
    """
    digest, address = proof.digest(), parse_address(proof.address, "address")
    signature = parse_hex(proof.signature, "signature")
    if _recovered(digest, signature) == address:
        return address
    if smart_wallet is not None:
        own = unwrap(signature).signature if is_wrapped(signature) else signature
        if await smart_wallet(address, digest, own):
            return address
    raise ProtocolError("invalid_siwx_signature", "the signature is not by the address in the message")


def challenge(
    *,
    domain: str,
    uri: str,
    statement: str,
    nonce: str,
    issued_at: datetime,
    expires_at: datetime,
    networks: Sequence[str],
) -> dict[str, Any]:
    """The extension as it stands in a 402; a client adds its address and one of the chains, and signs. Times in UTC."""
    return {
        "info": {
            "domain": domain,
            "uri": uri,
            "statement": statement,
            "version": "1",
            "nonce": nonce,
            "issuedAt": written(issued_at),
            "expirationTime": written(expires_at),
            "resources": [uri],
        },
        "supportedChains": [{"chainId": network, "type": SIGNATURE_TYPE} for network in networks],
        "schema": SCHEMA,
    }


def _recovered(digest: bytes, signature: bytes) -> str | None:
    try:
        return recover(digest, signature)
    except ProtocolError:  # not an EOA's: it may still be a contract's
        return None


def _whole(pattern: re.Pattern[str], value: str, field: str) -> str:
    if not pattern.fullmatch(value):
        raise ProtocolError("invalid_siwx_message", f"{field} is not written as EIP-4361 says")
    return value


def _moment(text: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(_whole(_MOMENT, text, field))
    except ValueError as error:
        raise ProtocolError("invalid_siwx_message", f"{field} is not a moment as RFC 3339 writes it") from error


def written(moment: datetime) -> str:
    """A moment (UTC) as a challenge has it, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
