"""Wherever the `type` of a problem leads, there is a page that says what it means and what to do."""

import html

import pytest

from server.domain.errors import PaddockError
from server.web.problem_pages import KINDS, OWN, classes
from tests.simulation.world import open_world


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


def every_class():
    return list(classes())


@pytest.mark.parametrize("error", every_class(), ids=lambda error: error.__name__)
async def test_every_error_of_ours_has_a_page_with_its_title_status_and_action(world, error):
    answer = await world.client.get(f"/problems/{error.slug}")
    text = html.unescape(answer.text)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert KINDS[error.slug].title in text
    assert f"/problems/{error.slug} · {KINDS[error.slug].status}" in text
    assert error.action in text
    assert KINDS[error.slug].again == ("is worth another try" in text)
    assert KINDS[error.slug].again or not error.retry_after


def test_the_error_tree_was_walked_to_its_leaves():
    names = {error.__name__ for error in every_class()}
    assert {"PaddockError", "IdentifierInProgress", "FacilitatorRefused", "CircuitOpen", "QuoteExpired"} <= names
    assert len(names) > 50
    assert PaddockError.slug in OWN


async def test_the_index_links_to_each(world):
    text = (await world.client.get("/problems")).text
    assert [slug for slug in OWN if f'href="/problems/{slug}"' not in text] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/no/such/path", None),
        ("DELETE", "/api/services", None),
        ("GET", "/v1/nothing", None),
        ("GET", "/v1/echo?word=x", None),
        ("GET", "/api/orders/x/proof", None),
        ("GET", "/api/merchants/paddock/receipts?limit=0", None),
        ("POST", "/facilitator/verify", b"{}"),
        ("POST", "/facilitator/verify", b"\xff"),
        ("GET", "/problems/none-of-ours", None),
    ],
)
async def test_the_type_of_a_problem_leads_to_its_page(world, method, path, body):
    answer = await world.client.request(method, path, content=body)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    found = await world.client.get(problem["type"])
    assert found.status_code == 200
    assert html.escape(problem["title"], quote=False) in found.text.replace("&#39;", "'")


async def test_a_slug_that_nobody_uses_is_a_problem_itself_and_is_not_repeated_as_markup(world):
    answer = await world.client.get("/problems/%3Cscript%3E")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-problem")
    assert answer.headers["content-type"] == "application/problem+json"
