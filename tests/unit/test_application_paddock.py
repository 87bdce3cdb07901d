"""What was taken out of the settings while orders still need it is told, and says what to put back."""

import pytest

from server.domain.errors import ConfigurationError
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.paddocks import bare_paddock
from tests.fakes.samples import NETWORK, TOKEN

ELSEWHERE = "eip155:999"


def test_a_network_and_an_asset_that_are_configured_are_found(clock):
    paddock = bare_paddock(clock)
    assert paddock.on(NETWORK) is paddock.home
    assert paddock.asset_of(samples.order(asset=DOLLAR.address)) == DOLLAR


def test_a_network_that_was_taken_out_is_named_with_the_setting_that_it_belongs_in(clock):
    with pytest.raises(ConfigurationError, match=f"{ELSEWHERE} is not configured: put it back into PADDOCK_RPC_URL"):
        bare_paddock(clock).on(ELSEWHERE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": ELSEWHERE, "asset": DOLLAR.address}, f"{ELSEWHERE} is not configured"),
        ({"asset": TOKEN}, f"{TOKEN} on {NETWORK} is not configured any more"),
    ],
    ids=["network", "asset"],
)
def test_an_order_in_what_was_taken_out_is_not_worked_on_and_is_shown_in_units(clock, changes, words):
    paddock, order = bare_paddock(clock), samples.order(**changes)
    with pytest.raises(ConfigurationError, match=words):
        paddock.asset_of(order)
    shown = paddock.shown_asset(order)
    assert (shown.address, shown.decimals, shown.symbol) == (changes["asset"], 0, changes["asset"])
