"""`paddock new service name`: a service that can be bought, its test, and its lines in the catalogue."""

import keyword
import re
from pathlib import Path

from scripts.new.writing import NewError, untaken, with_entry
from scripts.solc import ROOT

CATALOGUE = "server/services/__init__.py"
LONGEST = 40
"""Characters of a slug."""
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_IMPORTS = re.compile(r"^from server\.services import \(\n(?P<names>(?:    \w+,\n)+)\)$", re.MULTILINE)

SERVICE = '''\
"""On sale: for now, how many words and different words a text has."""

from typing import Annotated

from msgspec import Meta, Struct

from server.services.service import Answer, Context, Service, json_answer


class CLASSArguments(Struct, forbid_unknown_fields=True):
    """What the buyer sends; what does not fit is refused before it costs anything."""

    text: Annotated[str, Meta(min_length=1, max_length=1_000, description="Up to 1,000 characters.")]


class CLASSAnswer(Struct):
    """What the buyer gets."""

    words: int
    different: int


async def run(arguments: CLASSArguments, _context: Context) -> Answer:
    """Pure, since it may run again for the same order: `context` has the chain for reads, the clock and the payer."""
    words = arguments.text.lower().split()
    return json_answer(CLASSAnswer(len(words), len(set(words))))


SERVICE = Service(
    slug="SLUG",
    title="TITLE",
    summary="How many words and different words a text has.",
    kind="data API",
    unit="text",
    amount=1_000,
    arguments=CLASSArguments,
    answers=CLASSAnswer,
    example={"text": "the quick brown fox jumps over the lazy dog"},
    run=run,
    tags=("text",),
)
'''
TEST = '''\
"""TITLE, against answers that were found by hand."""

import msgspec
import pytest

from server.services import MODULE as sold
from tests.fakes.chain_reader import FakeChainReader
from tests.unit.services_oracle_context import context


@pytest.mark.parametrize(
    ("text", "words", "different"), [("one", 1, 1), ("the fox and the dog", 5, 4), ("  The\\tthe  ", 2, 1)]
)
async def test_the_answer_is_what_counting_by_hand_gives(text, words, different):
    arguments = sold.CLASSArguments(text)
    answer = await sold.run(arguments, context(FakeChainReader()))
    assert msgspec.json.decode(answer.body) == {"words": words, "different": different}
'''


def new_service(slug: str, root: Path = ROOT) -> list[Path]:
    """Writes the service and its test and lists it; returns what was written. Raises NewError before writing."""
    module = slug.replace("-", "_")
    if not _SLUG.fullmatch(slug) or len(slug) > LONGEST or keyword.iskeyword(module):
        raise NewError(
            f"{slug!r} is no service's name: up to {LONGEST} lower-case letters, digits and hyphens, as word-count"
        )
    service = root / "server" / "services" / f"{module}.py"
    test = root / "tests" / "unit" / f"test_service_{module}.py"
    named = [path for path in sorted(service.parent.glob("*.py")) if f'slug="{slug}"' in path.read_text()]
    untaken([*(path for path in (service, test) if path.exists()), *named], slug, root)
    catalogue = _imported((root / CATALOGUE).read_text(), module)
    listed = with_entry(catalogue, CATALOGUE, "CATALOGUE", f"    {module}.SERVICE,\n")
    service.write_text(_filled(SERVICE, slug, module))
    test.write_text(_filled(TEST, slug, module))
    (root / CATALOGUE).write_text(listed)
    return [service, test, root / CATALOGUE]


def _filled(template: str, slug: str, module: str) -> str:
    words = slug.split("-")
    title, name = " ".join(words).capitalize(), "".join(word.capitalize() for word in words)
    return template.replace("SLUG", slug).replace("TITLE", title).replace("CLASS", name).replace("MODULE", module)


def _imported(source: str, module: str) -> str:
    """The catalogue with an import more, in the order that the linter keeps."""
    found = _IMPORTS.search(source)
    if found is None:
        raise NewError(f"{CATALOGUE} has no list of imports that a line could be added to; nothing was written")
    names = sorted([*found["names"].split(), f"{module},"])
    return source[: found.start("names")] + "".join(f"    {name}\n" for name in names) + source[found.end("names") :]
