"""On sale: a bundle of actions in an HTML document, all of them done by a real browser or nothing charged."""

from typing import Annotated

from msgspec import Meta, Struct

from server.services import page_steps
from server.services.page_render import Html, Side
from server.services.page_steps import EACH, Done, Step
from server.services.service import Answer, Context, Service, ServiceError, json_answer
from server.services.tariffs import Tier, Tiers

MOST = 20
TARIFF = Tiers("action", lambda arguments: len(arguments.actions), (Tier(2_000, last=5), Tier(1_000)))


class ActionsArguments(Struct, forbid_unknown_fields=True):
    """A document, and what is done in it, in this order; each action is paid for."""

    html: Html
    actions: Annotated[list[Step], Meta(min_length=1, max_length=MOST, description=EACH)]
    width: Side = 1024
    height: Side = 768

    def __post_init__(self) -> None:
        page_steps.check(self.actions)


class ActionsAnswer(Struct):
    """Every action with what came of it, in order. `engine` did them."""

    actions: list[Done]
    engine: str


async def run(arguments: ActionsArguments, context: Context) -> Answer:
    """Raises ServiceError for the first action that cannot be done, and as `Browser.shown` does."""
    browser, size = context.require_browser(), (arguments.width, arguments.height)
    made: list[Done] = []
    async with browser.shown(arguments.html, *size) as page:
        on = await page_steps.opened(page)
        for number, action in enumerate(arguments.actions, 1):
            done = await page_steps.perform(on, number, action)
            if done.problem:
                raise ServiceError(f"actions: number {number} ({done.do}): {done.problem}; nothing is charged")
            made.append(done)
    return json_answer(ActionsAnswer(made, page.engine))


SERVICE = Service(
    slug="page-actions",
    title="Page actions",
    summary="Clicks, fills, selects, reads and photographs in your HTML document, in order: all of it, or no charge.",
    kind="browser automation",
    unit="bundle of actions",
    amount=TARIFF.of(MOST),
    tariff=TARIFF,
    arguments=ActionsArguments,
    answers=ActionsAnswer,
    example={
        "html": "<label><input type=checkbox> Paid</label> by <input id=who value=nobody>",
        "actions": [
            {"do": "click", "selector": "label"},
            {"do": "fill", "selector": "#who", "text": "Ada"},
            {"do": "read", "selector": "input:checked, #who"},
        ],
    },
    run=run,
    method="POST",
    timeout=25.0,
    needs_browser=True,
    tags=("browser", "html", "actions", "form", "screenshot"),
)
