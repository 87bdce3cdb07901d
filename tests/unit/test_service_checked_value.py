"""A checked value is found by its steps and passes its check, or nothing is sold; both looked at by other means."""

import re
from urllib.parse import urlencode

import msgspec
import pytest

from server.domain.outages import Unavailable
from server.services import library
from server.services.arguments import parse_arguments
from server.services.checked_value import SERVICE, CheckedValue, values
from server.services.service import ServiceError
from tests.unit.services_oracle_context import context

FERRY = """# Harbour

The boat leaves at 7 from pier 3.

Ferries may carry 1,250 people; their engine is in `engine/room.md`, and `engine/gone.md` is no file. Call `sail --now`.

Small ferries carry 90.5 tons, or 1,250 people, by version 2.1.4 of the rules of 2024-05-06,
with `12` ropes of hemp, none of them old.

Trains are late.
"""


@pytest.fixture(autouse=True)
def docs(tmp_path, monkeypatch):
    (tmp_path / "README.md").write_text(FERRY)
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "room.md").write_text("hot")
    monkeypatch.setattr(library, "documentation_root", lambda: tmp_path)
    return tmp_path


async def ask(question="What may ferries carry?", **given):
    query = urlencode({"question": question, **given}).encode()
    answer = await SERVICE.run(parse_arguments(SERVICE, query, b"", ""), context())
    return msgspec.json.decode(answer.body, type=CheckedValue)


@pytest.mark.parametrize(
    ("given", "value", "refused"),
    [
        ({"at_least": "100"}, "1,250", 0),
        ({"at_most": "100"}, "90.5", 1),
        ({"at_least": "90.5", "at_most": "90.5"}, "90.5", 1),
        ({"at_least": "1250", "agree": 2}, "1,250", 0),
        ({"kind": "code", "begins": "sail"}, "sail --now", 2),
        ({"kind": "path"}, "engine/room.md", 0),
    ],
)
async def test_the_first_value_that_passes_is_sold_with_what_it_stands_in(docs, given, value, refused):
    found = await ask(**given)
    assert (found.value, found.refused) == (value, refused)
    lines = (docs / "README.md").read_text().splitlines()
    for source in found.sources:
        assert source.text.splitlines()[0] == lines[source.line - 1]
        assert value in source.text
    assert len(found.sources) == sum(value in line and "carry" in line for line in lines)
    assert found.figure == (value.replace(",", "") if found.figure else None)
    assert (found.figure is None) == ("kind" in given)


async def test_each_step_says_what_it_worked_on():
    found = await ask(at_least="100")
    assert (found.searched, found.extracted) == (2, 2), "two passages speak of ferries, and have 1,250 and 90.5"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"at_least": "2000"}, "none of the 2 values that were found passes the check; nothing is charged"),
        ({"at_most": "100", "agree": 2}, "none of the 2 values"),
        ({"kind": "path", "begins": "boiler/"}, "none of the 2 values"),
        ({"kind": "path", "begins": "engine/gone"}, "none of the 2 values"),
        ({"question": "Which trains are late?"}, "none of the 1 passages that speak of this has a number"),
        ({"question": "submarines"}, "no passage of 1 sections speaks of half of it"),
    ],
    ids=["bounds", "agreement", "begins", "no file", "nothing to extract", "nothing found"],
)
async def test_a_step_without_a_result_sells_nothing_and_says_which(given, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(**given)
    assert refused.value.status == 404


def test_a_number_is_one_by_itself_and_in_prose():
    text = "It is 7 of 1,250 or 90.5. Not v2.1.4, 2024-05-06, a7, 7b, 1/2, `12` nor 1,25."
    alone = [
        one.rstrip(".,")
        for one in re.sub(r"`.*?`", "", text).split()
        if re.fullmatch(r"(\d+|\d{1,3}(,\d{3})+)(\.\d+)?", one.rstrip(".,"))
    ]
    assert list(values(text, "number")) == alone == ["7", "1,250", "90.5"]


def test_code_in_a_fence_is_no_value():
    assert list(values("```sh\nmake up\n```", "code")) == []
    assert list(values("`a/b` and `c d`", "path")) == ["a/b"]


async def test_the_projects_own_documents_say_for_how_long_an_answer_is_kept(request, monkeypatch):
    root = request.config.rootpath
    monkeypatch.setattr(library, "documentation_root", lambda: root)
    found = await ask(**SERVICE.example)
    assert 1 <= int(found.value) <= 48
    for source in found.sources:
        assert source.text.splitlines()[0] == (root / source.path).read_text().splitlines()[source.line - 1]


async def test_without_documentation_it_is_unavailable(monkeypatch):
    def gone():
        raise Unavailable("This installation carries no documentation to search.")

    monkeypatch.setattr(library, "documentation_root", gone)
    with pytest.raises(Unavailable):
        await ask()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"question": "is it the"}, "every word of it is a function word"),
        ({"question": "ab"}, "question"),
        ({"kind": "date"}, "kind"),
        ({"at_least": "1e9"}, "at_least"),
        ({"at_least": "NaN"}, "at_least"),
        ({"at_least": "5", "at_most": "4"}, "no number can pass"),
        ({"begins": "x"}, "begins is for code and path"),
        ({"kind": "code", "at_most": "4"}, "are for a number"),
        ({"agree": "6"}, "agree"),
        ({"agree": "0"}, "agree"),
    ],
)
async def test_a_check_that_cannot_be_made_is_refused_before_it_is_quoted(given, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(**given)
    assert refused.value.status == 422
