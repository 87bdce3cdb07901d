"""What reviews say of a merchant is added up over its own services, and over nobody else's."""

import pytest

from server.application.standings import Shown
from server.domain.reputation import Standing, Tally

SHOWN = Shown((Tally("a", "echo", 2, 10, 900), Tally("a", "pass", 1, 30, 300), Tally("b", "echo", 4, 10, 500)))


@pytest.mark.parametrize(("merchant", "standing"), [("a", Standing(3, 30)), ("b", Standing(4, 50)), ("c", Standing())])
def test_a_merchants_standing_is_that_of_its_own_services(merchant, standing):
    assert SHOWN.of_merchant(merchant) == standing


@pytest.mark.parametrize(
    ("merchant", "service", "standing"),
    [("a", "echo", Standing(2, 90)), ("b", "echo", Standing(4, 50)), ("b", "pass", Standing())],
)
def test_a_services_standing_is_its_own(merchant, service, standing):
    assert SHOWN.of_service(merchant, service) == standing
