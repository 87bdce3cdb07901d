"""C2: the calldata that a request chooses is read from its body, and refused unless it is on the service's list."""

import msgspec
import pytest

from protocol.intent import Intent
from scripts.accounts import account
from server.application.choose import chosen_for
from server.domain.errors import BadArguments
from tests.fakes.paddocks import ACCESS_PASS, ECHO
from tests.stack.choosing import mint_to

MINT = mint_to(account("stranger").address)
CHOSEN, PLAIN = msgspec.json.encode({"calldata": MINT}), b"{}"


def intent(body):
    return Intent("POST", "127.0.0.1:8402", b"/v1/access-pass", "application/json", body, "paddock")


@pytest.mark.parametrize(
    ("service", "body", "calldata"),
    [(ACCESS_PASS, CHOSEN, bytes.fromhex(MINT[2:])), (ACCESS_PASS, PLAIN, None), (ECHO, CHOSEN, None)],
    ids=["chosen", "nothing chosen", "nothing to choose"],
)
def test_what_a_request_chooses_is_read_from_its_body(service, body, calldata):
    assert chosen_for(service, intent(body)) == calldata


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (msgspec.json.encode({"calldata": "0x00000000"}), 422, "selector of no function on the list"),
        (msgspec.json.encode({"calldata": MINT[:-2]}), 422, "takes calldata of mintTo"),
        (b"[", 400, "not JSON"),
    ],
    ids=["not listed", "cut off", "not JSON"],
)
def test_c2_calldata_that_is_not_on_the_list_is_refused_with_the_reason(body, status, words):
    with pytest.raises(BadArguments, match=words) as caught:
        chosen_for(ACCESS_PASS, intent(body))
    assert caught.value.status == status
