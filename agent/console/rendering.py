"""How the console's pages are rendered: templates of the agent's own, every value in them escaped."""

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from litestar.enums import MediaType

from agent.printing import money, printable, spent
from agent.privacy import redact

LONGEST = 1_000_000
TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "agent"


def shown(value: object) -> str:
    """A stranger's text in one line: nothing that is not printable, nothing that turns the direction of writing."""
    return printable(value, 600)


def whole(value: object) -> str:
    """The same, however long: for what a person signs."""
    return printable(value, LONGEST)


def told(value: object) -> str:
    """The same without what is personal in it."""
    return shown(redact(str(value)))


def short(value: str) -> str:
    """A hash, address or id: its beginning and its end."""
    return f"{value[:8]}…{value[-4:]}" if len(value) > 14 else value


def clock(moment: datetime) -> str:
    """A time of day, in UTC."""
    return f"{moment:%H:%M:%S}"


def day(moment: datetime) -> str:
    """A day and time, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def left(until: datetime, now: datetime) -> str:
    """How long it is until then; scripts count it down."""
    seconds = max(0, int((until - now).total_seconds()))
    return f"{seconds // 3600:d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}" if seconds else "over"


ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {
    "shown": shown,
    "whole": whole,
    "told": told,
    "short": short,
    "clock": clock,
    "day": day,
    "left": left,
}
ENVIRONMENT.globals |= {"money": money, "spent": spent}


def render(name: str, status: int = 200, **context: Any) -> Response[str]:
    """A page from its template, which knows its `status`."""
    text = ENVIRONMENT.get_template(name).render(context, status=status)
    return Response(text, media_type=MediaType.HTML, status_code=status)
