"""The facts of a payment mode, and that nothing is sold in one that is none."""

import pytest

from server.application.catalogue import kept_shelf
from server.domain.errors import ConfigurationError
from server.domain.modes import LONGEST_NAME, Mode
from server.payments.delegate import DELEGATE
from server.payments.direct import DIRECT
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase
from tests.simulation.world import service


@pytest.mark.parametrize("name", ["", "A" * (LONGEST_NAME + 1)])
def test_a_name_fits_the_orders_table(name: str) -> None:
    with pytest.raises(ValueError, match="characters"):
        Mode(name, held=False, calls_contract=False, sold_by_transfer=False)
    assert len(Mode("A" * LONGEST_NAME, held=False, calls_contract=False, sold_by_transfer=False).name) == LONGEST_NAME


def test_only_what_the_delegate_wallet_holds_is_handed_to_a_contract() -> None:
    with pytest.raises(ValueError, match="delegate wallet holds"):
        Mode("GIFT", held=False, calls_contract=True, sold_by_transfer=False)


def test_the_words_on_the_wire_stay() -> None:
    assert (str(DIRECT), str(DELEGATE)) == ("DIRECT", "DELEGATE")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mode": "GIFT"}, "'GIFT' is none of DIRECT, DELEGATE"),
        ({"mode": "DELEGATE"}, "name it"),
        ({"mode": "DIRECT", "callback": "AccessPass"}, "name none"),
    ],
)
async def test_a_service_whose_mode_and_callback_do_not_go_together_is_refused_at_the_start(changes, words) -> None:
    sold = service("odd", None, **changes)
    with pytest.raises(ConfigurationError, match=f"odd: .*{words}"):
        async with kept_shelf([sold], None, FakeDatabase(FakeClock()), browser=False):
            pass
