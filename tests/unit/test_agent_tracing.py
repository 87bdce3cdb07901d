"""The trace that the agent's requests name: one from search to answer, and the program's own where it has one."""

from pathlib import Path

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent import tracing
from agent.auth import PaddockAuth
from agent.mcp.wire import payment_in
from agent.tracing import HEADER, Searches, during, mark
from tests.fakes.seller import ORIGIN, World

URL = f"{ORIGIN}/v1/echo"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def ids(world: World) -> list[str]:
    """Of the requests to the seller since the last call, in their order."""
    found = [request.headers[HEADER].split("-")[1] for request in world.seller.requests if HEADER in request.headers]
    world.seller.requests.clear()
    return found


def test_a_purchase_and_the_search_that_found_it_name_one_trace_and_the_next_one_another(world: World) -> None:
    world.buyer.market.discover(ORIGIN)
    assert world.buyer.buy(URL, params={"text": "a"}).status == "delivered"
    searched, asked, paid = ids(world)
    assert searched == asked == paid
    assert world.buyer.buy(URL, params={"text": "b"}).status == "delivered"
    again = ids(world)
    assert len(again) == 2
    assert len(set(again)) == 1
    assert searched not in again


def test_what_is_sent_again_after_a_lost_answer_names_the_same_trace(world: World) -> None:
    world.seller.paid.append("lost")
    assert world.buyer.buy(URL).status == "delivered"
    found = ids(world)
    assert len(found) == 3
    assert len(set(found)) == 1


def test_a_client_of_ones_own_names_a_trace_too_and_keeps_the_one_that_it_has(world: World) -> None:
    auth = world.buyer.auth()
    assert isinstance(auth, PaddockAuth)
    with httpx.Client(transport=world.seller.transport, auth=auth) as client:
        assert client.get(URL, params={"text": "a"}).status_code == 200
        assert len(set(ids(world))) == 1
        own = f"00-{'a' * 32}-{'b' * 16}-01"
        assert client.get(URL, params={"text": "b"}, headers={HEADER: own}).status_code == 200
    assert ids(world) == ["a" * 32] * 2


def test_the_chain_is_told_no_trace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, answer = list[httpx.Request](), world.seller.chain.handle

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(request)

    monkeypatch.setattr(world.seller.chain, "handle", handle)
    assert world.buyer.buy(URL).status == "delivered"
    assert seen
    assert [request for request in seen if HEADER in request.headers] == []


def test_a_tool_of_an_mcp_server_is_told_in_its_meta() -> None:
    request = httpx.Request("POST", "mcp://reports/tool")
    assert payment_in(request) == {}
    mark(request)
    assert payment_in(request) == {HEADER: request.headers[HEADER]}


def test_where_the_program_has_opentelemetry_these_are_its_spans(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(tracing.trace, "get_tracer", provider.get_tracer)
    with provider.get_tracer("program").start_as_current_span("errand") as errand:
        world.buyer.market.discover(ORIGIN)
        world.buyer.buy(URL)
    told = f"{errand.get_span_context().trace_id:032x}"
    assert set(ids(world)) == {told}
    spans = {span.name: span for span in kept.get_finished_spans()}
    assert set(spans) == {"search", "buy", "errand"}
    assert {f"{span.context.trace_id:032x}" for span in spans.values()} == {told}
    world.buyer.market.discover(ORIGIN)
    world.buyer.buy(URL, params={"text": "without a span of the program's"})
    assert len(set(ids(world))) == 1


def test_searches_are_forgotten_once_there_are_many() -> None:
    searches = Searches()
    searches.found([f"{ORIGIN}/{number}" for number in range(tracing.MOST_FOUND + 1)], "00-a")
    assert searches.taken(httpx.URL(f"{ORIGIN}/0")) is None
    assert searches.taken(httpx.URL(f"{ORIGIN}/1?query=1")) == "00-a"
    assert searches.taken(httpx.URL(f"{ORIGIN}/2")) is None, "a purchase has a trace of its own"


def test_ids_are_new_and_say_that_nothing_is_recorded() -> None:
    with during("one") as first, during("inside") as inside:
        assert inside == first
    with during("two") as second:
        assert second.split("-")[1] != first.split("-")[1]
    assert second.endswith("-00")
    assert trace.get_current_span().get_span_context().is_valid is False
