"""Browser automation without a browser: its arguments and their bounds."""

import msgspec
import pytest

from server.domain.errors import HandlerFailed
from server.services.arguments import parse_arguments
from server.services.page_render import MOST_HTML, SERVICE
from server.services.page_scrape import SERVICE as SCRAPE
from server.services.service import ServiceError
from tests.unit.services_oracle_context import context


def arguments(service=SERVICE, **given):
    body = msgspec.json.encode({"html": "<p>hello", **given})
    return parse_arguments(service, b"", body, "application/json")


def test_a_document_alone_is_a_picture_of_a_window():
    asked = arguments()
    assert (asked.format, asked.width, asked.height, asked.full_page, asked.paper) == ("png", 1024, 768, False, "A4")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"html": ""}, "html"),
        ({"html": "x" * (MOST_HTML + 1)}, "html"),
        ({"format": "gif"}, "format"),
        ({"width": 15}, "width"),
        ({"width": 2001}, "width"),
        ({"height": 0}, "height"),
        ({"height": 2001}, "height"),
        ({"height": 10.5}, "height"),
        ({"paper": "A0"}, "paper"),
        ({"url": "http://127.0.0.1"}, "url"),
        ({"format": "pdf", "full_page": True}, "full_page is for png"),
        ({"landscape": True}, "landscape is for pdf"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name_before_it_is_quoted(given, named):
    with pytest.raises(ServiceError, match=named):
        arguments(**given)


@pytest.mark.parametrize("given", [{"select": ["a"] * 11}, {"select": [""]}, {"select": ["a" * 201]}, {"width": 9}])
def test_so_is_what_is_too_much_to_look_for(given):
    with pytest.raises(ServiceError, match=next(iter(given))):
        arguments(SCRAPE, **given)


def test_the_longest_document_fits_a_body():
    assert len(arguments(html="x" * MOST_HTML).html) == MOST_HTML


@pytest.mark.parametrize("service", [SERVICE, SCRAPE], ids=lambda service: service.slug)
async def test_without_a_browser_a_handler_fails_and_says_why(service):
    with pytest.raises(HandlerFailed, match="no browser"):
        await service.run(arguments(service), context())
