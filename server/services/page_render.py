"""On sale: an HTML document as a picture or a PDF, drawn by a real browser that reaches nothing."""

import base64
import hashlib
import math
import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.services.devtools import Pipe
from server.services.service import Answer, Context, Service, ServiceError, json_answer

MOST_HTML = 200_000
MOST_SIDE, MOST_HEIGHT = 2_000, 10_000
"""CSS pixels of a window's side, and of a whole page's height."""
MOST_PAGES = 50
PAPERS = {"A3": (842, 1191), "A4": (595, 842), "A5": (420, 595), "Letter": (612, 792), "Legal": (612, 1008)}
"""Width and height in points, 72 to an inch."""
POINTS = 72
_COUNT = re.compile(rb"\n<</Type /Pages\n/Count (\d+)\n")
"""In a PDF as Chromium writes it; text of the document has no line break there."""

Html = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MOST_HTML,
        description=(
            "A whole HTML document, with styles inside it and pictures and fonts as data: URLs. It reaches no network"
            " and no file, and no script of it runs."
        ),
    ),
]
Side = Annotated[int, Meta(ge=16, le=MOST_SIDE, description="CSS pixels of the window; a picture has one for each.")]


class RenderArguments(Struct, forbid_unknown_fields=True):
    """A picture (`png`) takes `width`, `height` and `full_page`, a `pdf` takes `paper` and `landscape`."""

    html: Html
    format: Literal["png", "pdf"] = "png"
    width: Side = 1024
    height: Side = 768
    full_page: Annotated[
        bool, Meta(description=f"As high as the document, up to {MOST_HEIGHT:,} pixels, in place of `height`.")
    ] = False
    paper: Literal["A3", "A4", "A5", "Letter", "Legal"] = "A4"
    landscape: bool = False

    def __post_init__(self) -> None:
        if self.format == "pdf" and self.full_page:
            raise ValueError("full_page is for png: a pdf has as many pages as the document takes")
        if self.format == "png" and self.landscape:
            raise ValueError("landscape is for pdf: give a png its width and height")


class Rendered(Struct):
    """`content` is base64 of `size` bytes, whose SHA-256 is `sha256` in hex, of type `media_type`.

    `width` and `height` are pixels of a picture, and points (72 to an inch) of a PDF's page. `engine` drew it.
    """

    media_type: Literal["image/png", "application/pdf"]
    content: bytes
    size: int
    sha256: str
    width: int
    height: int
    pages: int
    engine: str


async def run(arguments: RenderArguments, context: Context) -> Answer:
    """Raises ServiceError for a document that is too high or has too many pages, and as `Browser.shown` does."""
    browser = context.require_browser()
    async with browser.shown(arguments.html, arguments.width, arguments.height) as page:
        made = await (_picture if arguments.format == "png" else _pdf)(page, arguments)
    return json_answer(made)


async def _picture(page: Pipe, asked: RenderArguments) -> Rendered:
    height = asked.height
    if asked.full_page:
        height = math.ceil((await page.call("Page.getLayoutMetrics"))["cssContentSize"]["height"])
    if height > MOST_HEIGHT:
        raise ServiceError(
            f"full_page: the document is {height:,} pixels high, {MOST_HEIGHT:,} at most; ask for a pdf, or a part"
        )
    clip = {"x": 0, "y": 0, "width": asked.width, "height": height, "scale": 1}
    shot = await page.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
    return _rendered("image/png", shot["data"], asked.width, height, 1, page.engine)


async def _pdf(page: Pipe, asked: RenderArguments) -> Rendered:
    width, height = PAPERS[asked.paper]
    printed = await page.call(
        "Page.printToPDF",
        paperWidth=width / POINTS,
        paperHeight=height / POINTS,
        landscape=asked.landscape,
        printBackground=True,
        pageRanges=f"1-{MOST_PAGES + 1}",
    )
    pages = max(map(int, _COUNT.findall(base64.b64decode(printed["data"]))))
    if pages > MOST_PAGES:
        raise ServiceError(f"html: it has more than {MOST_PAGES} pages of {asked.paper}; send it in parts")
    if asked.landscape:
        width, height = height, width
    return _rendered("application/pdf", printed["data"], width, height, pages, page.engine)


def _rendered(
    media_type: Literal["image/png", "application/pdf"], data: str, width: int, height: int, pages: int, engine: str
) -> Rendered:
    content = base64.b64decode(data)
    return Rendered(
        media_type=media_type,
        content=content,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        width=width,
        height=height,
        pages=pages,
        engine=engine,
    )


SERVICE = Service(
    slug="page-render",
    title="Page render",
    summary="Draws an HTML document of yours as a PNG picture or a PDF, in a real browser without network or scripts.",
    kind="browser automation",
    unit="render",
    amount=8_000,
    arguments=RenderArguments,
    answers=Rendered,
    example={"html": "<h1 style='color: teal'>Paid</h1><p>0.008 USDC", "width": 320, "height": 160},
    run=run,
    method="POST",
    timeout=25.0,
    needs_browser=True,
    tags=("browser", "html", "png", "pdf", "screenshot"),
)
