"""What is done in a document, step by step, while one real browser keeps it open."""

import base64
import json
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from server.services.devtools import ORIGIN, BrowserFailed, Pipe
from server.services.service import ServiceError

MOST_TEXTS, MOST_TEXT = 50, 2_000
"""Elements that one step reads, and characters of each."""
MOST_SHOTS, MOST_BYTES = 5, 4_000_000
"""Pictures of one purchase, and their bytes in all."""

Selector = Annotated[str, Meta(min_length=1, max_length=200, description="CSS; the first visible element is meant.")]

FIND = """
(([what, selector, text, most, longest, here]) => {
  const one = (type, name) => Object.getOwnPropertyDescriptor(type.prototype, name).get;
  const inner = one(HTMLElement, "innerText"), content = one(Node, "textContent");
  const cut = text => (text ?? "").trim().slice(0, longest).toWellFormed();
  const field = element => [HTMLInputElement, HTMLTextAreaElement, HTMLSelectElement].find(of => element instanceof of);
  const value = element => one(field(element), "value").call(element);
  const said = element => cut((element instanceof HTMLElement ? inner : content).call(element));
  const told = element => field(element) ? cut(value(element)) : said(element);
  const shown = element => Element.prototype.checkVisibility.call(element, { visibilityProperty: true });
  let found;
  try { found = [...Document.prototype.querySelectorAll.call(document, selector)].filter(shown) }
  catch { return { problem: "is no CSS selector" } }
  if (what === "read") return { texts: found.slice(0, most).map(told) };
  const element = found[0];
  if (!element) return { problem: "finds nothing that can be seen" };
  if (Element.prototype.matches.call(element, ":disabled")) return { problem: "finds something that is disabled" };
  Element.prototype.scrollIntoView.call(element, { block: "center", inline: "center", behavior: "instant" });
  if (what === "fill") {
    const kinds = ["text", "search", "url", "tel", "email", "password", "number"];
    const typed = element instanceof HTMLTextAreaElement ||
      (element instanceof HTMLInputElement && kinds.includes(one(HTMLInputElement, "type").call(element)));
    if (!typed) return { problem: "finds nothing that text can be written into" };
    HTMLElement.prototype.focus.call(element);
    field(element).prototype.select.call(element);
    return {};
  }
  if (what === "select") {
    if (!(element instanceof HTMLSelectElement)) return { problem: "finds no list to select from" };
    const options = [...one(HTMLSelectElement, "options").call(element)];
    const label = option => one(HTMLOptionElement, "label").call(option);
    const named = option => [one(HTMLOptionElement, "value").call(option), label(option)].includes(text);
    const wanted = options.find(option => named(option) && !one(HTMLOptionElement, "disabled").call(option));
    if (!wanted) return { problem: "finds a list without that option" };
    Object.getOwnPropertyDescriptor(HTMLOptionElement.prototype, "selected").set.call(wanted, true);
    return { texts: [told(element)] };
  }
  const box = Element.prototype.getClientRects.call(element)[0];
  if (!box) return { problem: "finds something without an area" };
  const x = box.x + box.width / 2, y = box.y + box.height / 2;
  const hit = Document.prototype.elementFromPoint.call(document, x, y);
  if (!hit || !Node.prototype.contains.call(element, hit)) return { problem: "finds something that is covered" };
  const closest = selector => Element.prototype.closest.call(hit, selector);
  const link = closest("a, area"), href = name => Element.prototype.getAttribute.call(link, name);
  const goal = link && (href("href") ?? href("xlink:href"));
  const base = one(Node, "baseURI").call(document);
  const leaves = goal => { try { return new URL(goal, base).href.split("#")[0] !== here } catch { return true } };
  if (goal !== null && leaves(goal)) return { problem: "finds a link that leaves the document" };
  if (closest("input[type=file]")) return { problem: "finds a field for files, of which there are none" };
  return { x, y };
})
"""
"""Runs in a world of its own beside the document, and takes nothing from the document's names for its own."""
STANDING = """
longest => ({
  title: Object.getOwnPropertyDescriptor(Document.prototype, "title").get.call(document)
    .slice(0, longest).toWellFormed(),
  scrolled: Math.round(scrollY),
})
"""


class Click(Struct, forbid_unknown_fields=True, tag="click", tag_field="do"):
    """Presses the mouse on an element. A link within the document is followed; nothing is sent, and no script runs."""

    selector: Selector


class Fill(Struct, forbid_unknown_fields=True, tag="fill", tag_field="do"):
    """Types a text into a field, in place of what it holds."""

    selector: Selector
    text: Annotated[str, Meta(max_length=MOST_TEXT)]


class Select(Struct, forbid_unknown_fields=True, tag="select", tag_field="do"):
    """Chooses an option of a list, by its value or its label."""

    selector: Selector
    option: Annotated[str, Meta(max_length=200)]


class Read(Struct, forbid_unknown_fields=True, tag="read", tag_field="do"):
    """Tells the text of every visible element, and of a field what it holds: 50 at most, 2,000 characters of each."""

    selector: Selector


class Screenshot(Struct, forbid_unknown_fields=True, tag="screenshot", tag_field="do"):
    """Takes a picture of the window, as far as it is scrolled."""


Step = Click | Fill | Select | Read | Screenshot
EACH = "Each `click`, `fill`, `select`, `read` or `screenshot`."
Name = Literal["click", "fill", "select", "read", "screenshot"]
_NAMES: dict[type[Step], Name] = {Click: "click", Fill: "fill", Select: "select", Read: "read"}


class Done(Struct):
    """A step, counted from 1. `texts` is what was read, or what a field holds now; `picture` is a PNG in base64.

    `problem` says why it could not be done, and is null where it was.
    """

    step: int
    do: Name
    texts: list[str]
    picture: bytes | None
    problem: str | None


class Opened(Struct):
    """What stands open: the pipe to it, and its own world of names for our script."""

    page: Pipe
    world: int
    pictures: int = 0


def check(steps: list[Step]) -> None:
    """Raises ValueError for too many pictures."""
    if sum(isinstance(one, Screenshot) for one in steps) > MOST_SHOTS:
        raise ValueError(f"screenshot: {MOST_SHOTS} pictures at most")


async def opened(page: Pipe) -> Opened:
    """Makes ready to act in a document that is shown."""
    frame = (await page.call("Page.getFrameTree"))["frameTree"]["frame"]["id"]
    await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
    return Opened(page, (await page.call("Page.createIsolatedWorld", frameId=frame))["executionContextId"])


async def perform(on: Opened, number: int, step: Step) -> Done:
    """Does one step. What cannot be done is told in the result; raises ServiceError for too many bytes of pictures."""
    if isinstance(step, Screenshot):
        return Done(number, "screenshot", [], await _picture(on, number), None)
    name = _NAMES[type(step)]
    text = step.option if isinstance(step, Select) else ""
    found = await _ask(on, FIND, [name, step.selector, text, MOST_TEXTS, MOST_TEXT, ORIGIN])
    if "problem" in found:
        return Done(number, name, [], None, f"{step.selector!r} {found['problem']}")
    texts = found.get("texts", [])
    if isinstance(step, Click):
        for kind in ("mousePressed", "mouseReleased"):
            at = {"x": found["x"], "y": found["y"], "button": "left", "clickCount": 1}
            await on.page.call("Input.dispatchMouseEvent", type=kind, **at)
    if isinstance(step, Fill):
        await on.page.call("Input.insertText", text=step.text)
        now = await _ask(on, FIND, ["read", step.selector, "", 1, MOST_TEXT, ORIGIN])
        texts = now["texts"]
    return Done(number, name, texts, None, None)


async def standing(on: Opened) -> tuple[str, int]:
    """The document's title, and how many CSS pixels down the window is scrolled."""
    found = await _ask(on, STANDING, MOST_TEXT)
    return found["title"], found["scrolled"]


async def _ask(on: Opened, function: str, given: object) -> dict[str, Any]:
    said = await on.page.call(
        "Runtime.evaluate",
        contextId=on.world,
        expression=f"({function.strip()})({json.dumps(given)})",
        returnByValue=True,
    )
    if "exceptionDetails" in said:
        raise BrowserFailed(f"the document could not be read: {said['exceptionDetails'].get('text')}")
    found: dict[str, Any] = said["result"]["value"]
    return found


async def _picture(on: Opened, number: int) -> bytes:
    shot = await on.page.call("Page.captureScreenshot", format="png")
    content = base64.b64decode(shot["data"])
    on.pictures += len(content)
    if on.pictures > MOST_BYTES:
        raise ServiceError(
            f"step {number}: the pictures have more than {MOST_BYTES:,} bytes in all; take fewer, or smaller ones"
        )
    return content
