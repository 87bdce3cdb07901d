"""On sale: what an HTML document says, once a real browser has laid it out."""

import json
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from server.services.devtools import BrowserFailed
from server.services.page_render import Html, Side
from server.services.service import Answer, Context, Service, ServiceError, json_answer

MOST_SELECTORS, MOST_FOUND, MOST_TEXT = 10, 200, 2_000
WINDOW_HEIGHT = 768
READ = """
((selectors, most, longest) => {
  const one = (type, name) => Object.getOwnPropertyDescriptor(type.prototype, name).get;
  const inner = one(HTMLElement, "innerText"), content = one(Node, "textContent");
  const all = selector => [...Document.prototype.querySelectorAll.call(document, selector)];
  const shown = element => Element.prototype.checkVisibility.call(element, { visibilityProperty: true });
  const cut = text => (text ?? "").trim().slice(0, longest).toWellFormed();
  const text = element => cut((element instanceof HTMLElement ? inner : content).call(element));
  const attribute = (element, name) => cut(Element.prototype.getAttribute.call(element, name));
  const few = selector => all(selector).filter(shown).slice(0, most);
  const selected = selector => {
    let found;
    try { found = all(selector).filter(shown) } catch { return { selector, found: -1, texts: [] } }
    return { selector, found: found.length, texts: found.slice(0, most).map(text) };
  };
  return {
    title: cut(one(Document, "title").call(document)),
    language: attribute(one(Document, "documentElement").call(document), "lang"),
    headings: few("h1, h2, h3, h4, h5, h6").map(one => ({ level: Number(one.tagName[1]), text: text(one) })),
    links: few("a[href]").map(one => ({ href: attribute(one, "href"), text: text(one) })),
    selected: selectors.map(selected),
  };
})
"""
"""Runs in a world of its own beside the document, and takes nothing from the document's names for its own."""


class ScrapeArguments(Struct, forbid_unknown_fields=True):
    """A document, and CSS selectors for the text that is wanted of it; `width` is what it is laid out in."""

    html: Html
    select: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=200)]],
        Meta(max_length=MOST_SELECTORS, description="CSS selectors, such as `td.price`."),
    ] = msgspec.field(default_factory=list)
    width: Side = 1024


class Heading(Struct):
    """`level` is 1 to 6."""

    level: int
    text: str


class Link(Struct):
    """`href` is as it is written in the document."""

    href: str
    text: str


class Selected(Struct):
    """How many visible elements a selector found, and the text of the first of them."""

    selector: str
    found: int
    texts: list[str]


class Scraped(Struct):
    """What a person would see of it, without what styles hide: at most 200 of each kind, and 2,000 characters of each.

    `language` is what the document says of itself. `engine` laid it out.
    """

    title: str
    language: str
    headings: list[Heading]
    links: list[Link]
    selected: list[Selected]
    engine: str


async def run(arguments: ScrapeArguments, context: Context) -> Answer:
    """Raises ServiceError for what is no selector, and as `Browser.shown` does."""
    given = ", ".join(json.dumps(value) for value in (arguments.select, MOST_FOUND, MOST_TEXT))
    browser = context.require_browser()
    async with browser.shown(arguments.html, arguments.width, WINDOW_HEIGHT) as page:
        frame = (await page.call("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        world = (await page.call("Page.createIsolatedWorld", frameId=frame))["executionContextId"]
        said = await page.call(
            "Runtime.evaluate", contextId=world, expression=f"({READ.strip()})({given})", returnByValue=True
        )
    if "exceptionDetails" in said:
        raise BrowserFailed(f"the document could not be read: {said['exceptionDetails'].get('text')}")
    scraped = msgspec.convert(said["result"]["value"] | {"engine": page.engine}, Scraped)
    for one in scraped.selected:
        if one.found < 0:
            raise ServiceError(f"select: {one.selector!r} is no CSS selector; try one like 'td.price' or '#total'")
    return json_answer(scraped)


SERVICE = Service(
    slug="page-scrape",
    title="Page scrape",
    summary="Tells what an HTML document of yours says once it is laid out: title, headings, links, text by selector.",
    kind="browser automation",
    unit="scrape",
    amount=4_000,
    arguments=ScrapeArguments,
    answers=Scraped,
    example={"html": "<title>Till</title><h1>Total</h1><p class='sum'>12.50</p>", "select": [".sum"]},
    run=run,
    method="POST",
    timeout=25.0,
    needs_browser=True,
    tags=("browser", "html", "scraping", "text", "links"),
)
