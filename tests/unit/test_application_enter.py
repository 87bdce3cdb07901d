"""A contract opens a service by the functions that it has, whatever else it declares by their names."""

from dataclasses import replace

import pytest

from server.application.enter import EXTENSION, doors
from server.application.paddock import Ground
from server.domain.market import Contract
from tests.fakes.chain import FakeChain, fake_market
from tests.fakes.paddocks import ECHO, bare_paddock
from tests.fakes.samples import NETWORK, TOKEN


def items(kind, *names):
    return tuple({"type": kind, "name": name} for name in names)


@pytest.mark.parametrize(
    ("abi", "kind"),
    [
        (items("function", "ownerOf", "isValid"), "pass"),
        (items("function", "isActive"), "subscription"),
        ((*items("function", "ownerOf"), {"type": "constructor"}), None),
        (items("event", "isActive"), None),
        (items("error", "isActive"), None),
        (items("function", "ownerOf") + items("event", "isValid"), None),
        ((), None),
    ],
    ids=["a pass", "a subscription", "half a pass", "an event", "an error", "half of each", "nothing"],
)
def test_only_functions_make_a_contract_a_door(clock, abi, kind):
    market = fake_market()
    market = replace(market, contracts={"Door": Contract(TOKEN, abi)})
    paddock = bare_paddock(clock, grounds={NETWORK: Ground(market, FakeChain(clock))})
    named = [{"network": NETWORK, "address": TOKEN, "kind": kind}]
    wanted = {EXTENSION: {"info": {"contracts": named}}} if kind else {}
    assert doors(paddock, replace(ECHO, opened_by=("Door", "Missing"))) == wanted
