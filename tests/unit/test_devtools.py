"""The pipe to a browser: which page has loaded, by what the browser tells, in whatever order it tells it."""

import asyncio
import json

import pytest

from server.services.devtools import ORIGIN, Pipe


class Kept:
    """The writing end: what was sent."""

    def __init__(self):
        self.sent = []

    def write(self, data):
        self.sent.append(json.loads(data[:-1]))


def loaded(loader, name="load"):
    return {"method": "Page.lifecycleEvent", "params": {"name": name, "loaderId": loader}}


@pytest.mark.parametrize(
    "before",
    [[loaded("empty")], [loaded("document", "DOMContentLoaded")], [{"method": "Page.loadEventFired", "params": {}}]],
    ids=["the empty tab's", "an earlier step", "nobody's"],
)
async def test_a_document_has_loaded_when_its_own_event_came(before):
    reader, writer = asyncio.StreamReader(), Kept()
    pipe = Pipe(reader, writer)
    going = asyncio.ensure_future(pipe.open(ORIGIN))

    def tell(*messages):
        for message in messages:
            reader.feed_data(json.dumps(message).encode() + b"\0")

    tell(*before, {"id": 1, "result": {"loaderId": "document"}}, *before)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not going.done()
    tell(loaded("document"))
    await asyncio.wait_for(going, 5)
    assert [message["method"] for message in writer.sent] == ["Page.navigate"]


async def test_a_document_that_has_loaded_before_the_answer_to_its_navigation_is_not_waited_for():
    reader, writer = asyncio.StreamReader(), Kept()
    for message in (loaded("document"), {"id": 1, "result": {"loaderId": "document"}}):
        reader.feed_data(json.dumps(message).encode() + b"\0")
    pipe = Pipe(reader, writer)
    await asyncio.wait_for(pipe.open(ORIGIN), 5)
    assert pipe.loaded == {"document"}
    assert [message["method"] for message in writer.sent] == ["Page.navigate"]
