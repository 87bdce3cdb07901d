"""Prompt routing: its answers on documents that are easy to tell apart, and its measured figures counted again."""

import json
from collections import Counter

import msgspec
import pytest

from server.domain.outages import Unavailable
from server.services import library, prompt_routing
from server.services.arguments import parse_arguments
from server.services.ngrams import Model
from server.services.prompt_routing import RoutingAnswer
from server.services.service import ServiceError
from tests.unit.services_oracle_context import context

TOPICS = {
    "README.md": "sheep graze {} on the meadow beside the shepherd",
    "docs/ships.md": "sailors steer {} vessels across the stormy ocean",
    "docs/bread.md": "bakers knead {} dough before the oven is hot",
}
COUNTS = {"README.md": 24, "docs/bread.md": 12, "docs/ships.md": 12}
NUMBERS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"]


@pytest.fixture(autouse=True)
def docs(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    for path, text in TOPICS.items():
        passages = [text.format(NUMBERS[number % 8]) for number in range(COUNTS[path])]
        (tmp_path / path).write_text("# Title\n\nToo few words.\n\n" + "\n\n".join(passages) + "\n")
    monkeypatch.setattr(library, "documentation_root", lambda: tmp_path)
    return tmp_path


async def ask(prompt):
    body = json.dumps({"prompt": prompt}).encode()
    arguments = parse_arguments(prompt_routing.SERVICE, b"", body, "application/json")
    return msgspec.json.decode((await prompt_routing.SERVICE.run(arguments, context())).body, type=RoutingAnswer)


@pytest.mark.parametrize(
    ("prompt", "path"),
    [
        ("Where do the sheep of that shepherd graze?", "README.md"),
        ("STEERING A VESSEL ON THE OCEAN", "docs/ships.md"),
        ("my dough and the oven", "docs/bread.md"),
    ],
)
async def test_a_prompt_is_routed_to_what_speaks_of_it(prompt, path):
    routes = (await ask(prompt)).routes
    assert routes[0].path == path
    assert {route.path for route in routes} == set(TOPICS)
    assert [route.probability for route in routes] == sorted((one.probability for one in routes), reverse=True)
    assert sum(route.probability for route in routes) == pytest.approx(1, abs=1e-3)


def dealt():
    """Every passage with words enough, in the order of the documents: learnt from, and each tenth from the fifth on."""
    every = [(path, TOPICS[path].format(NUMBERS[number % 8])) for path in COUNTS for number in range(COUNTS[path])]
    held = [one for place, one in enumerate(every) if place in range(4, len(every), 10)]
    return [one for place, one in enumerate(every) if place not in range(4, len(every), 10)], held


async def test_its_figures_are_those_of_passages_that_it_was_not_taught():
    learnt, held = dealt()
    method = (await ask("sheep")).method
    assert (method.documents, method.passages, method.held_out) == (3, len(learnt), len(held))
    most = Counter(path for path, _ in learnt).most_common(1)[0][0]
    assert method.by_commonest == round(sum(path == most for path, _ in held) / len(held), 3) == 0.4
    assert method.accuracy == method.among_three == 1


async def test_a_model_that_is_always_wrong_is_told_to_be(monkeypatch):
    class Wrong(Model):
        def judge(self, text):
            right = next(path for path, said in TOPICS.items() if said.split()[0] in text)
            return {"elsewhere": 0.4, right: 0.3, "nowhere": 0.2, "last": 0.1}

    monkeypatch.setattr(prompt_routing, "Model", Wrong)
    method = prompt_routing.taught.__wrapped__(library.documentation_root()).method
    assert (method.accuracy, method.among_three) == (0, 1)


async def test_what_measures_the_model_does_not_teach_it(monkeypatch):
    seen = []

    class Noting(Model):
        def __init__(self, taught):
            seen.extend((path, text) for path, texts in taught.items() for text in texts)
            super().__init__(taught)

    monkeypatch.setattr(prompt_routing, "Model", Noting)
    prompt_routing.taught.__wrapped__(library.documentation_root())
    learnt, _ = dealt()
    assert Counter(seen) == Counter(learnt)


async def test_too_little_documentation_is_not_learnt_from(docs):
    for path in TOPICS:
        (docs / path).write_text("# Title\n\nOnly one passage has words enough here.\n")
    with pytest.raises(Unavailable, match="too little documentation"):
        await ask("sheep")


@pytest.mark.parametrize(
    ("prompt", "says"), [("", "prompt"), ("ab", "prompt"), ("a" * 2_001, "prompt"), ("123 !", "there is no letter")]
)
async def test_bad_input_is_refused_with_the_field(prompt, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(prompt)
    assert refused.value.status == 422
