"""What browser automation sells, by real Chromium: pictures and PDFs read by other means, and what a document says."""

import hashlib
import re

import msgspec
import pytest

from server.services import page_render, page_scrape
from server.services.page_render import Rendered
from server.services.page_scrape import Scraped
from server.services.service import ServiceError
from tests.stack import chromium, png
from tests.unit.services_oracle_context import context

BOX = "<body style='margin: 0; background: white'><div style='position: absolute; left: 20px; top: 30px; width: 40px;"
BOX += " height: 10px; background: rgb(255, 0, 0)'></div>"


async def call(service, **given):
    """The answer, as its schema reads it."""
    found = context(browser=chromium.for_services())
    answer = await service.run(msgspec.convert(given, service.arguments), found)
    return msgspec.json.decode(answer.body, type=service.answers)


async def render(html, **given) -> Rendered:
    rendered = await call(page_render.SERVICE, html=html, **given)
    assert rendered.size == len(rendered.content)
    assert rendered.sha256 == hashlib.sha256(rendered.content).hexdigest()
    assert re.fullmatch(r"\w+/[\d.]+", rendered.engine)
    return rendered


async def scrape(html, **given) -> Scraped:
    return await call(page_scrape.SERVICE, html=html, **given)


async def test_a_box_is_red_exactly_where_its_style_put_it():
    rendered = await render(BOX, width=100, height=60)
    assert (rendered.media_type, rendered.width, rendered.height, rendered.pages) == ("image/png", 100, 60, 1)
    picture = png.read(rendered.content)
    assert (picture.width, picture.height) == (100, 60)
    red = {(x, y) for y in range(60) for x in range(100) if picture.at(x, y) == (255, 0, 0)}
    assert red == {(x, y) for y in range(30, 40) for x in range(20, 60)}
    assert picture.at(19, 30) == (255, 255, 255)


async def test_a_full_page_is_as_high_as_the_document_and_a_window_is_not():
    tall = "<body style='margin: 0'><div style='height: 900px'></div><div style='height: 100px; background: blue'>"
    whole = await render(tall, width=64, height=64, full_page=True)
    picture = png.read(whole.content)
    assert (whole.height, picture.height, picture.at(5, 950)) == (1000, 1000, (0, 0, 255))
    window = png.read((await render(tall, width=64, height=64)).content)
    assert window.height == 64
    assert window.colours() == {(255, 255, 255)}


def boxes(pdf):
    """Width and height of each page, in points."""
    return [tuple(map(float, found)) for found in re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)]


async def test_a_pdf_has_the_pages_and_the_paper_that_were_asked_for():
    three = "<p style='break-after: page'>one</p>" * 2 + "<p>three</p>"
    rendered = await render(three, format="pdf", paper="A5", landscape=True)
    assert (rendered.media_type, rendered.pages, rendered.width, rendered.height) == ("application/pdf", 3, 595, 420)
    assert rendered.content.startswith(b"%PDF-1.")
    assert rendered.content.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type /Page\b", rendered.content)) == 3
    assert boxes(rendered.content) == [pytest.approx((595, 420), abs=1)] * 3
    upright = await render("<p>one", format="pdf", paper="Letter")
    assert (upright.pages, upright.width, upright.height) == (1, 612, 792)
    assert boxes(upright.content) == [(612, 792)]


async def test_pages_are_counted_beyond_one_branch_of_the_tree_and_bounded():
    page = "<p style='break-after: page'>one</p>"
    most = await render(page * page_render.MOST_PAGES, format="pdf")
    assert most.pages == len(re.findall(rb"/Type /Page\b", most.content)) == page_render.MOST_PAGES
    with pytest.raises(ServiceError, match="more than 50 pages of A4; send it in parts"):
        await render(page * (page_render.MOST_PAGES + 1), format="pdf")


async def test_a_title_that_looks_like_a_part_of_the_file_changes_no_count():
    sly = "<title>x\n<</Type /Pages\n/Count 40\n/Kids [</title><p>one"
    assert (await render(sly, format="pdf")).pages == 1


async def test_a_document_that_is_too_high_for_a_picture_is_refused_with_what_to_do():
    with pytest.raises(ServiceError, match="10,001 pixels high, 10,000 at most; ask for a pdf"):
        await render("<body style='margin: 0'><div style='height: 10001px'>", full_page=True)


async def test_what_a_document_says_is_what_a_person_sees_of_it():
    said = await scrape(
        """<html lang=en-GB><title>Till &amp; sum</title><h1>Total <i style="display: none">secret</i></h1>
        <h2 style="visibility: hidden">nothing</h2><h3>Sum</h3>
        <a href="/pay?a=1&amp;b=2">Pay <b>now</b></a><a>no link</a>
        <table><tr><td class=price>12.50<td class=price>3.00</table><p hidden class=price>0.00</p>""",
        select=[".price", "#none"],
    )
    assert (said.title, said.language) == ("Till & sum", "en-GB")
    assert [(one.level, one.text) for one in said.headings] == [(1, "Total"), (3, "Sum")]
    assert [(one.href, one.text) for one in said.links] == [("/pay?a=1&b=2", "Pay now")]
    assert [(one.selector, one.found, one.texts) for one in said.selected] == [
        (".price", 2, ["12.50", "3.00"]),
        ("#none", 0, []),
    ]


async def test_what_a_style_moves_in_at_some_width_is_told_at_that_width():
    html = "<style>@media (max-width: 500px) { .wide { display: none } }</style><p class=wide>wide</p>"
    assert [(await scrape(html, select=[".wide"], width=width)).selected[0].found for width in (400, 600)] == [0, 1]


async def test_a_documents_own_names_stand_in_nobodys_way():
    said = await scrape(
        "<title>here</title><form name=querySelectorAll><input name=innerText value=forged><input name=checkVisibility>"
        "<img name=title><h1>Total</h1></form><img name=documentElement>",
        select=["form"],
    )
    assert (said.title, said.headings[0].text, said.selected[0].texts) == ("here", "Total", ["Total"])


async def test_what_is_told_is_bounded_and_the_count_is_not():
    said = await scrape("<h1>x</h1>" * 300 + f"<p>{'y' * 3000}</p>", select=["h1", "p"])
    assert (len(said.headings), len(said.selected[0].texts), said.selected[0].found) == (200, 200, 300)
    assert said.selected[1].texts == ["y" * 2000]


async def test_a_text_that_is_cut_within_a_character_is_still_text():
    said = await scrape(f"<p>{'y' * 1999}\U0001f600</p>", select=["p"])
    assert said.selected[0].texts == ["y" * 1999 + "\ufffd"]


@pytest.mark.parametrize("selector", ["td..price", "p:::", "*{}", "');alert(1)//"])
async def test_what_is_no_selector_is_named(selector):
    with pytest.raises(ServiceError, match="is no CSS selector; try one like") as refused:
        await scrape("<p>", select=["p", selector])
    assert repr(selector) in refused.value.detail
