"""Choose: what terms say of the calldata that a buyer chose, which was allowed before it is quoted."""

from datetime import UTC, datetime

from protocol.functions import function_of
from protocol.intent import Intent
from server.domain.choices import run_by
from server.domain.errors import BadArguments
from server.domain.quotes import Quote
from server.services.arguments import parse_arguments
from server.services.choices import chosen
from server.services.service import Service, ServiceError


def chosen_for(service: Service, intent: Intent) -> bytes | None:
    """The calldata in a request's body, None where nothing was chosen. Raises BadArguments."""
    if service.callback is None or "calldata" not in service.arguments.__struct_fields__:
        return None
    try:
        return chosen(service, parse_arguments(service, b"", intent.body, intent.content_type))
    except ServiceError as error:
        raise BadArguments(error.detail, error.status) from error


def choice_terms(service: Service, issued: Quote, calldata: bytes | None) -> dict[str, str]:
    """Members of `extra`: the call, its function by name, and the deadline (Unix seconds) that its payer signs."""
    function = function_of(calldata, service.actions) if calldata else None
    if calldata is None or function is None:
        return {}
    return {
        "calldata": "0x" + calldata.hex(),
        "function": function.signature,
        "beneficiary": "calldata",
        "calldataDeadline": str(run_by(datetime.fromtimestamp(issued.expires_at, UTC))),
    }
