"""The pages that the `type` of a problem leads to, made from the error classes themselves."""

import http
from collections.abc import Iterator
from dataclasses import dataclass

from litestar import get
from litestar.params import FromPath
from litestar.response import Template

from server.domain.errors import PaddockError, UnknownProblem
from server.domain.outages import TooBusy, Unavailable
from server.web import problems
from server.web.given import GivenPaddock
from server.web.pages import page


@dataclass(frozen=True, slots=True)
class Kind:
    """One `type`: what it is called, and every action that answers of it name."""

    slug: str
    title: str
    status: int
    actions: tuple[str, ...]
    again: bool
    """Whether the same request with the same payment is worth another try after Retry-After seconds."""


def classes(of: type[PaddockError] = PaddockError) -> Iterator[type[PaddockError]]:
    """The error tree, parents first."""
    yield of
    for child in of.__subclasses__():
        yield from classes(child)


def _of_classes() -> Iterator[Kind]:
    families: dict[str, list[type[PaddockError]]] = {}
    for one in classes():
        families.setdefault(one.slug, []).append(one)
    for slug, family in families.items():
        actions = tuple(dict.fromkeys(one.action for one in family))
        again = issubclass(family[0], TooBusy | Unavailable) or any(one.retry_after for one in family)
        yield Kind(slug, family[0].title, family[0].status, actions, again)


def _of_http() -> Iterator[Kind]:
    """What the framework refuses, by status."""
    for status in http.HTTPStatus:
        if status >= 400:
            title = problems.HTTP_TITLES.get(status, problems.HTTP_REFUSED)
            yield Kind(f"{problems.HTTP}{status}", title, status, (problems.SEE_ALSO,), again=False)


UNREADABLE = Kind(problems.UNREADABLE, problems.UNREADABLE_TITLE, 400, (problems.COMPARE,), again=False)
OWN = {kind.slug: kind for kind in sorted((*_of_classes(), UNREADABLE), key=lambda one: one.slug)}
KINDS = OWN | {kind.slug: kind for kind in _of_http()}


@get("/problems", include_in_schema=False)
async def index(paddock: GivenPaddock) -> Template:
    """All kinds of problems; those of HTTP itself are not listed."""
    return page("problems.html", paddock, kinds=OWN.values(), one=False)


@get("/problems/{slug:str}", include_in_schema=False)
async def kind(slug: FromPath[str], paddock: GivenPaddock) -> Template:
    """One kind: what it means, its status, and what to do."""
    found = KINDS.get(slug)
    if found is None:
        raise UnknownProblem(f"no problem is called {slug[:80]!r}")
    return page("problems.html", paddock, kinds=[found], one=True)


PROBLEM_PAGES = (index, kind)
