"""A model's proposals: what it is told, what it may say, and that saying is all it can do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from agent import Settings, shopping
from agent.errors import SettingsError
from agent.planner import Planner
from agent.proposing import ModelError, Proposer
from tests.fakes.seller import ORIGIN, World

KEY = "sk-of-this-test-only"
STEPS = {"steps": [{"id": "one", "want": "echo", "input": {"text": "hi"}}]}


class Model:
    """Answers what it is told to, one text after the other, by one kind of API."""

    def __init__(self, *texts: str, api: str = "openai", status: int = 200) -> None:
        self.texts, self.api, self.status = list(texts), api, status
        self.asked: list[httpx.Request] = []
        transport = httpx.MockTransport(self._answer)
        settings = Settings(model_url="https://model.test/api", model="m-1", model_key=KEY, model_api=api)
        self.proposer = Proposer(settings, transport)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        text = self.texts.pop(0)
        openai = {"choices": [{"message": {"role": "assistant", "content": text}}]}
        said = openai if self.api == "openai" else {"content": [{"type": "text", "text": text}]}
        return httpx.Response(self.status, json=said)

    def told(self) -> str:
        """All that it was ever sent."""
        return "".join(request.content.decode() for request in self.asked)


def offers(world: World) -> list[Any]:
    return shopping.discovered(world.buyer, [ORIGIN], "")


@pytest.mark.parametrize(
    ("api", "path", "header"),
    [
        ("openai", "/api/chat/completions", ("authorization", f"Bearer {KEY}")),
        ("anthropic", "/api/v1/messages", ("x-api-key", KEY)),
    ],
)
def test_a_model_is_asked_by_either_api_and_its_job_can_be_done(
    tmp_path: Path, api: str, path: str, header: tuple[str, str]
) -> None:
    world, model = World(tmp_path), Model(msgspec.json.encode(STEPS).decode(), api=api)
    job = model.proposer.propose("say hi", offers(world), "task", "0.10")
    (asked,) = model.asked
    assert (asked.url.path, asked.headers[header[0]]) == (path, header[1])
    assert (job.task, job.budget) == ("task", "0.10")
    assert [done.status for done in Planner(world.buyer).run(msgspec.structs.replace(job, sellers=(ORIGIN,)))] == [
        "delivered"
    ]


def test_p1_the_model_is_told_no_personal_data_and_nothing_of_policy_or_wallet(tmp_path: Path) -> None:
    world, model = World(tmp_path, per_task="4.321"), Model(msgspec.json.encode(STEPS).decode())
    model.proposer.propose("look up jane.doe@example.com for me", offers(world), "task", "0.10")
    told = model.told()
    assert "echo" in told
    for secret in ("jane.doe", world.signer.address, "4.321", KEY):
        assert secret not in told


@pytest.mark.parametrize(
    "said",
    [
        "I cannot do that.",
        '{"steps": []}',
        '{"steps": [{"id": "one"}]}',
        '{"steps": [{"id": "one", "want": "echo", "budget": "1000"}]}',
        '{"steps": [{"id": "one", "want": "echo"}], "budget": "1000"}',
        '{"steps": [{"id": "one", "want": "echo"}], "policy": {"limits": {"per_call": "1000"}}}',
        '{"steps": [{"id": "one", "want": "echo", "input": {"x": "{two.y}"}}]}',
        "[]",
    ],
)
def test_a_model_that_proposes_something_else_is_asked_once_more_and_then_refused(tmp_path: Path, said: str) -> None:
    world = World(tmp_path)
    mended = Model(said, f"Here it is:\n```json\n{msgspec.json.encode(STEPS).decode()}\n```")
    assert mended.proposer.propose("say hi", offers(world), "task", "0.10").steps[0].want == "echo"
    assert "cannot be used" in mended.told()
    stubborn = Model(said, said, said)
    with pytest.raises(ModelError, match="no job"):
        stubborn.proposer.propose("say hi", offers(world), "task", "0.10")
    assert len(stubborn.asked) == 2


def _broken(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no", request=request)


@pytest.mark.parametrize(
    "answer",
    [
        _broken,
        lambda _: httpx.Response(401, json={}),
        lambda _: httpx.Response(200, json={"choices": []}),
        lambda _: httpx.Response(200, json={"choices": [{"message": {"content": None}}]}),
        lambda _: httpx.Response(200, content=b"<html>"),
    ],
)
def test_a_model_that_cannot_be_asked_is_named_without_its_key(
    answer: Callable[[httpx.Request], httpx.Response],
) -> None:
    settings = Settings(model_url="https://model.test/api", model="m-1", model_key=KEY)
    with pytest.raises(ModelError) as error:
        Proposer(settings, httpx.MockTransport(answer)).propose("say hi", [], "task", "0.10")
    assert KEY not in f"{error.value} {error.value.mend} {settings!r}"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "no model"),
        ({"model_url": "https://model.test", "model": ""}, "no model"),
        ({"model_url": "http://model.test", "model": "m"}, "without TLS"),
        ({"model_url": "https://model.test", "model": "m", "model_api": "other"}, "openai, anthropic"),
    ],
)
def test_bad_settings_of_a_model_are_named(values: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Proposer(Settings(**values))  # type: ignore[arg-type]
