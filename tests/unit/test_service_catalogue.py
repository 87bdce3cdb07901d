"""What every service in the catalogue must keep, so that a new one is tested by being listed."""

import re
from dataclasses import replace

import msgspec
import pytest

from protocol.payment import PERMIT2
from server.domain.evidence import Mined, TransferLog
from server.payments import mode_named
from server.services import on_sale
from server.services.arguments import parse_arguments, published, shown_example
from server.services.service import Execution, Fulfilment, Service, ServiceError
from tests.fakes.chain_reader import FakeChainReader
from tests.stack import chromium
from tests.unit.services_oracle_context import ASSET, PAYER, context

SOLD = on_sale(samples=True)
every_service = pytest.mark.parametrize("service", SOLD, ids=lambda service: service.slug)
MINTED = Execution(
    "0x" + "cd" * 32,
    "0x" + "ab" * 20,
    {"PassMinted": {"orderId": "0x" + "01" * 32, "payer": PAYER, "passId": 1, "expiresAt": 1_800_000_000}},
)


def call(service: Service, example: dict | None = None):
    """The parsed arguments of the service's example, sent as a client would."""
    text = shown_example(service if example is None else replace(service, example=example))
    if service.method == "GET":
        return parse_arguments(service, text.removeprefix("?").encode(), b"", "")
    return parse_arguments(service, b"", text.encode(), "application/json")


async def answer(service):
    """The example's, on a chain that has code wherever it looks, and a transfer to whoever it names."""
    codes = {PAYER: b"\x00", PERMIT2: b"\x00"} | {str(value): b"\x00" for value in service.example.values()}
    party = next((service.example[name] for name in ("party", "address") if name in service.example), PAYER)
    moved = TransferLog("0x" + "ef" * 32, 0, 7, "0x" + "01" * 32, ASSET, PAYER, party, 5)
    mined = {
        one: Mined(one, True, moved.block, moved.block_hash, 21_000, ())
        for one in (moved.transaction, MINTED.transaction)
    }
    chain = FakeChainReader(codes=codes, logs=[moved], outcomes=mined)
    execution = MINTED if service.callback else None
    browser = chromium.for_services() if service.needs_browser else None
    return await service.run(call(service), context(chain, execution, browser=browser))


def test_slugs_are_unique():
    assert len({service.slug for service in SOLD}) == len(SOLD)


@every_service
def test_a_slug_is_url_safe(service):
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", service.slug)
    assert len(service.slug) <= 40


@every_service
def test_a_price_and_its_terms_are_positive(service):
    assert isinstance(service.amount, int)
    assert service.amount > 0
    assert service.timeout > 0
    assert 0 < service.quote_seconds <= 600


@every_service
def test_a_service_says_what_it_is(service):
    for text in (service.title, service.summary, service.kind, service.unit):
        assert text.strip() == text != ""
    assert len(service.title) <= 60
    assert len(service.summary) <= 140
    assert service.tags == tuple(dict.fromkeys(service.tags)) != ()


@every_service
def test_a_callback_goes_with_a_mode_that_calls_one_and_with_nothing_else(service):
    assert mode_named(service.mode).facts.calls_contract == (service.callback is not None)
    if service.callback:
        assert service.fulfilment is Fulfilment.AFTER_SETTLEMENT
    assert service.held_seconds == 0 or service.callback == "EscrowRelease"


@every_service
def test_the_example_satisfies_the_arguments(service):
    assert isinstance(call(service), service.arguments)


@every_service
def test_the_schemas_can_be_published(service):
    form = msgspec.json.decode(msgspec.json.encode(published(service)))
    for schema in filter(None, (form["arguments"], form["answer"])):
        assert schema["type"] == "object"
        assert set(schema.get("required", ())) <= set(schema["properties"])
        for name in re.findall(r'"#/\$defs/(\w+)"', msgspec.json.encode(schema).decode()):
            assert name in schema["$defs"]
    assert form["arguments"]["additionalProperties"] is False
    assert set(form["example"]) <= set(form["arguments"]["properties"])
    assert (form["answer"] is None) == isinstance(service.answers, str)


@every_service
async def test_the_examples_answer_is_of_the_published_kind(service):
    given = await answer(service)
    assert given.body
    assert given.content_type == service.media_type
    if not isinstance(service.answers, str):
        read = msgspec.json.decode(given.body, type=service.answers)
        assert msgspec.json.encode(read, order="deterministic") == given.body


@every_service
async def test_a_metered_answer_says_what_it_costs_within_the_ceiling_and_no_other_says_so(service):
    charge = (await answer(service)).charge
    if service.meter is None:
        assert charge is None
    else:
        assert 0 <= charge <= service.amount
        assert service.meter.charge(0) == 0
        assert service.meter.price > 0
        assert service.meter.per > 0


@every_service
async def test_the_same_call_is_answered_the_same(service):
    assert await answer(service) == await answer(service)


@every_service
async def test_arguments_survive_being_stored_as_json(service):
    arguments = call(service)
    assert msgspec.json.decode(msgspec.json.encode(arguments), type=service.arguments) == arguments


@every_service
def test_an_unknown_argument_is_refused_by_name(service):
    with pytest.raises(ServiceError, match="colour"):
        call(service, {**service.example, "colour": "red"})


@every_service
def test_every_argument_of_the_example_is_refused_when_it_is_of_another_type(service):
    for name in service.example:
        with pytest.raises(ServiceError) as refused:
            parse_bad(service, name)
        assert refused.value.status == 422
        assert name in refused.value.detail
        assert "Example: " in refused.value.detail


def parse_bad(service, name):
    if service.method == "GET":
        return call(service, {**service.example, name: ""})
    return call(service, {**service.example, name: [1]})


@every_service
def test_arguments_in_the_wrong_place_are_refused(service):
    query, body = (b"", b"{}") if service.method == "GET" else (b"a=1", b"")
    with pytest.raises(ServiceError) as refused:
        parse_arguments(service, query, body, "application/json")
    assert refused.value.status == 400
