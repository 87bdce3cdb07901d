"""On sale: a session with an HTML document that a real browser keeps open, whatever its steps come to."""

from typing import Annotated

from msgspec import Meta, Struct

from server.services import page_steps
from server.services.page_render import Html, Side
from server.services.page_steps import EACH, Done, Step
from server.services.service import Answer, Context, Service, json_answer

MOST = 60


class SessionArguments(Struct, forbid_unknown_fields=True):
    """A document, and what is tried in it, in this order: a step that cannot be done says why, and the next follows."""

    html: Html
    steps: Annotated[list[Step], Meta(min_length=1, max_length=MOST, description=EACH)]
    width: Side = 1024
    height: Side = 768

    def __post_init__(self) -> None:
        page_steps.check(self.steps)


class SessionAnswer(Struct):
    """Every step with what came of it; `done` of them could be done. At the end the document is called `title`, and the
    window is scrolled so many CSS pixels down. `engine` kept it open."""

    steps: list[Done]
    done: int
    title: str
    scrolled: int
    engine: str


async def run(arguments: SessionArguments, context: Context) -> Answer:
    """Raises as `Browser.shown` and `page_steps.perform` do."""
    async with context.require_browser().shown(arguments.html, arguments.width, arguments.height) as page:
        on = await page_steps.opened(page)
        steps = [await page_steps.perform(on, number, step) for number, step in enumerate(arguments.steps, 1)]
        title, scrolled = await page_steps.standing(on)
    done = sum(one.problem is None for one in steps)
    return json_answer(SessionAnswer(steps, done, title, scrolled, page.engine))


SERVICE = Service(
    slug="page-session",
    title="Page session",
    summary="Keeps your HTML document open in a real browser for up to 60 steps, and tells of each what came of it.",
    kind="browser automation",
    unit="session",
    amount=20_000,
    arguments=SessionArguments,
    answers=SessionAnswer,
    example={
        "html": "<title>Till</title><details><summary>More</summary><p>12.50</p></details>",
        "steps": [
            {"do": "read", "selector": "p"},
            {"do": "click", "selector": "summary"},
            {"do": "read", "selector": "p"},
        ],
    },
    run=run,
    method="POST",
    timeout=25.0,
    needs_browser=True,
    tags=("browser", "html", "session", "steps", "screenshot"),
)
