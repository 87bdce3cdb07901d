"""An account that is not on its chain yet (ERC-6492): what makes it goes along with its signature, tried before."""

from typing import NamedTuple

from agent.chain import Chain
from agent.errors import SettingsError
from agent.settings import Settings
from protocol.erc6492 import Wrapped, wrap
from protocol.errors import ProtocolError
from protocol.signatures import parse_address, parse_hex

_WORD = 32


class Making(NamedTuple):
    """`factory` called with `calldata` puts the account where it is to be."""

    factory: str
    calldata: bytes

    def wrapped(self, signature: bytes) -> bytes:
        """The signature as whoever can make the account takes it."""
        return wrap(Wrapped(self.factory, self.calldata, signature))

    def answer(self, chain: Chain, account: str, question: bytes) -> str:
        """What the account will answer to a call once it is made, 32 bytes in 0x-hex; zeros where it refuses, or would
        not be there. Tried by the node alone: nothing is sent, nothing stays. Raises ChainUnavailable."""
        return chain.run(_trial(self.factory, self.calldata, account, question))


def making_of(settings: Settings) -> Making | None:
    """What makes the account, where the settings tell; half of it, or for no account, raises SettingsError."""
    given = (settings.account_factory, settings.account_deployment)
    if not any(given):
        return None
    if not all((*given, settings.account)):
        hint = "give all three of PADDOCK_AGENT_ACCOUNT, _ACCOUNT_FACTORY and _ACCOUNT_DEPLOYMENT"
        raise SettingsError("an account that is not there yet needs its address, its factory and the call", hint)
    try:
        factory = parse_address(settings.account_factory, "PADDOCK_AGENT_ACCOUNT_FACTORY")
        return Making(factory, parse_hex(settings.account_deployment, "PADDOCK_AGENT_ACCOUNT_DEPLOYMENT"))
    except ProtocolError as error:
        raise SettingsError(error.detail, "what would make the account that pays") from error


def _trial(factory: str, calldata: bytes, account: str, question: bytes) -> bytes:
    """Code that calls the factory, asks the account, and gives its first word, or 0 where asking failed."""
    told = _push(-(-max(len(calldata), len(question)) // _WORD) * _WORD)
    call = _push(0) + _push(0) + _push(len(calldata)) + _push(0) + _push(0) + _push_address(factory) + b"\x5a\xf1\x50"
    ask = _push(_WORD) + told + _push(len(question)) + _push(0) + _push_address(account) + b"\x5a\xfa"
    give = told + b"\x51\x02" + _push(0) + b"\x52" + _push(_WORD) + _push(0) + b"\xf3"
    size = 2 * len(_copy(0, 0)) + len(call + ask + give)
    first, second = _copy(size, len(calldata)), _copy(size + len(calldata), len(question))
    return first + call + second + ask + give + calldata + question


def _copy(start: int, length: int) -> bytes:
    """Bytes of the code itself to the beginning of memory."""
    return _push(length) + _push(start) + _push(0) + b"\x39"


def _push(number: int) -> bytes:
    return b"\x63" + number.to_bytes(4, "big")


def _push_address(address: str) -> bytes:
    return b"\x73" + bytes.fromhex(address[2:])
