"""On sale: full-text search over the project's own documentation, section by section."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from server.services import library
from server.services.library import Hit, Library, term, words
from server.services.service import Answer, Context, Service, ServiceError, json_answer

Matching = Literal["all", "any"]


class SearchArguments(Struct, forbid_unknown_fields=True):
    """`q` is a few words; case, accents and punctuation do not matter, and a word of
    three letters or more finds those that begin with it."""

    q: Annotated[str, Meta(min_length=1, max_length=200, description="Words to look for.")]
    limit: Annotated[int, Meta(ge=1, le=20, description="At most this many sections.")] = 5

    def __post_init__(self) -> None:
        if not words(self.q):
            raise ValueError("q: there is no word in it; give letters or digits")


class SearchReport(Struct):
    """The best sections, best first. `matching` is "all" when they hold every word of `words`, "any" when no section
    does and those with some are given instead. `found` counts the matching sections, `searched` all there are."""

    words: list[str]
    matching: Matching
    found: int
    searched: int
    results: list[Hit]


async def run(arguments: SearchArguments, context: Context) -> Answer:
    """Raises ServiceError (404) when nothing matches, Unavailable without documentation."""
    shelf = library.opened(library.documentation_root())
    return json_answer(search(shelf, arguments.q, arguments.limit))


def search(shelf: Library, query: str, limit: int) -> SearchReport:
    """The best sections for a query of at least one word. Raises ServiceError when nothing matches."""
    asked = words(query)
    terms = [term(word) for word in asked]
    matching: Matching
    for matching, expression in (("all", " AND ".join(terms)), ("any", " OR ".join(terms))):
        found = shelf.count(expression)
        if found:
            return SearchReport(asked, matching, found, len(shelf.sections), shelf.best(expression, limit))
    raise ServiceError(f"q: none of {len(shelf.sections)} sections has any of these words", 404)


SERVICE = Service(
    slug="doc-search",
    title="Documentation search",
    summary="Finds the sections of Paddock's own documentation that answer a few words, with snippets.",
    kind="research database",
    unit="search",
    amount=2_000,
    arguments=SearchArguments,
    answers=SearchReport,
    example={"q": "payment", "limit": 3},
    run=run,
    tags=("documentation", "search"),
    free_calls=5,
)
