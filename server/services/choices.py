"""The calldata that a buyer chose: read from a call's arguments, and allowed only by the service's list."""

import msgspec

from protocol.errors import ProtocolError
from protocol.functions import function_of
from server.domain.merchant_orders import SERVICE
from server.services.merchant_order import Agreed
from server.services.service import Service, ServiceError


def chosen(service: Service, arguments: msgspec.Struct) -> bytes | None:
    """The call that the callback is to run, None for what it does by itself.

    Raises ServiceError (422) for a function that is not on the service's list, and for arguments that are not its.
    """
    calldata = _calldata(arguments) if service.callback else None
    if calldata is None:
        return None
    function = function_of(calldata, service.actions)
    listed = f"{service.slug} takes calldata of {', '.join(service.actions) or 'no function at all'}"
    if function is None:
        raise ServiceError(f"calldata: 0x{calldata[:4].hex()} is the selector of no function on the list; {listed}")
    try:
        function.read(calldata)
    except ProtocolError as error:
        raise ServiceError(f"calldata: {error.detail}; {listed}, encoded as the ABI does") from error
    return calldata


def chosen_in(service: Service, arguments: bytes) -> bytes | None:
    """The same of an order's stored arguments (JSON): allowed when it was quoted, and what was bought ever since."""
    if callback_in(service, arguments) is None:
        return None
    return _calldata(msgspec.json.decode(arguments, type=service.arguments))


def callback_in(service: Service, arguments: bytes) -> str | None:
    """The name of the contract that an order's money is handed to: its service's, or the one that its merchant has."""
    if service.slug == SERVICE:
        return msgspec.json.decode(arguments, type=Agreed).callback or None
    return service.callback


def _calldata(arguments: msgspec.Struct) -> bytes | None:
    text: str | None = getattr(arguments, "calldata", None)
    return None if text is None else bytes.fromhex(text[2:])
