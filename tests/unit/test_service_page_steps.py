"""What may be done in a document: its bounds, and what it costs."""

from datetime import UTC, datetime

import msgspec
import pytest

from server.domain.errors import HandlerFailed
from server.services import page_actions, page_session
from server.services.arguments import parse_arguments
from server.services.service import ServiceError
from tests.unit.services_oracle_context import context

READ, SHOT = {"do": "read", "selector": "p"}, {"do": "screenshot"}
BOTH = pytest.mark.parametrize(
    ("service", "name"),
    [(page_actions.SERVICE, "actions"), (page_session.SERVICE, "steps")],
    ids=["actions", "session"],
)


def arguments(service, name, steps, **given):
    body = msgspec.json.encode({"html": "<p>hello", name: steps, **given})
    return parse_arguments(service, b"", body, "application/json")


@pytest.mark.parametrize(("count", "price"), [(1, 2_000), (5, 10_000), (6, 11_000), (20, 25_000)])
def test_a_bundle_costs_by_its_actions_and_a_session_the_same_always(count, price):
    asked = arguments(page_actions.SERVICE, "actions", [READ] * count)
    assert page_actions.SERVICE.tariff.price(asked, datetime.now(UTC)) == price <= page_actions.SERVICE.amount
    assert page_session.SERVICE.tariff is None


@BOTH
@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([], "steps|actions"),
        ([{"do": "run", "script": "1"}], "do"),
        ([{"do": "click"}], "selector"),
        ([{"do": "click", "selector": ""}], "selector"),
        ([{"do": "click", "selector": "a" * 201}], "selector"),
        ([{"do": "fill", "selector": "a"}], "text"),
        ([{"do": "fill", "selector": "a", "text": "x" * 2_001}], "text"),
        ([{"do": "select", "selector": "a", "option": "x" * 201}], "option"),
        ([{"do": "screenshot", "full": True}], "full"),
        ([SHOT] * 6, "5 pictures at most"),
    ],
)
def test_what_is_no_step_is_refused_before_it_is_quoted(service, name, steps, says):
    with pytest.raises(ServiceError, match=says) as refused:
        arguments(service, name, steps)
    assert refused.value.status == 422


@BOTH
def test_so_are_too_many_steps_and_a_window_without_a_size(service, name):
    most = {"actions": 20, "steps": 60}[name]
    assert len(getattr(arguments(service, name, [READ] * most), name)) == most
    for steps, given in (([READ] * (most + 1), {}), ([READ], {"width": 15}), ([READ], {"height": 2_001})):
        with pytest.raises(ServiceError, match=f"{name}|width|height"):
            arguments(service, name, steps, **given)


@BOTH
async def test_without_a_browser_a_handler_fails_and_says_why(service, name):
    with pytest.raises(HandlerFailed, match="no browser"):
        await service.run(arguments(service, name, [READ]), context())
