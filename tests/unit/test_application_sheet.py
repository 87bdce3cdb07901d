"""Terms as bytes say what the quote says, whatever was kept of them; and offers are signed once a minute."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest

from protocol.headers import encode_json, to_json
from protocol.intent import Intent
from protocol.wire_v1 import required_v1
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application import offer
from server.application.offer import offers
from server.application.quote import accepts, quote
from server.application.sheet import sheet
from server.domain.outages import SignerUnavailable
from server.services.service import Meter
from server.services.tariffs import Tier, Tiers
from tests.fakes.paddocks import ACCESS_PASS, ECHO, bare_paddock
from tests.fakes.samples import NETWORK
from tests.stack.buyer import read_header
from tests.stack.choosing import mint_to

AUTHORITY = "127.0.0.1:8402"
ORIGIN, ALIAS = f"http://{AUTHORITY}", "http://alias.test"
SETTLER, OTHER = account("settler").address, account("stranger").address


class Counted(msgspec.Struct):
    """How much is asked for."""

    count: int = 1


BY_UNIT = Tiers("unit", lambda arguments: arguments.count, (Tier(10_000),))
METERED = replace(ECHO, slug="scan", meter=Meter("word", 10))
ATOMIC = replace(ACCESS_PASS, slug="at-once", atomic=True)
BY_COUNT = replace(ECHO, slug="count", arguments=Counted, tariff=BY_UNIT)


class Signer:
    """Signs receipts and offers; counts what it signs, and is away when a test says so."""

    def __init__(self):
        self.key, self.signed, self.off = LocalSigner(account("receipts").key.hex()), 0, False
        self.address = self.key.address

    async def sign_digest(self, digest):
        if self.off:
            raise SignerUnavailable("away")
        self.signed += 1
        return await self.key.sign_digest(digest)


@pytest.fixture
def seed(monkeypatch):
    """What is random is always the same until a test changes it."""
    made = SimpleNamespace(byte=b"\x07")
    monkeypatch.setattr("secrets.token_bytes", lambda size: made.byte * size)
    return made


@pytest.fixture
def paddock(clock):
    market = bare_paddock(clock).market
    facilitator = SimpleNamespace(settlers=lambda: {NETWORK: SETTLER}, executors=lambda: {NETWORK: market.executor})
    return bare_paddock(clock, None, METERED, ATOMIC, BY_COUNT, facilitator=facilitator, receipts=Signer())


def intent(service, query=b"", body=b""):
    kind = "application/json" if body else ""
    return Intent(service.method, AUTHORITY, b"/v1/" + service.slug.encode() + query, kind, body, service.merchant)


async def same(paddock, service, asked, origin=ORIGIN, error=None):
    """The sheet's terms, which are the quote's letter by letter."""
    found = await sheet(paddock, service, asked, origin, error)
    said = await quote(paddock, service, asked, origin, error)
    assert found.header == encode_json(to_json(said))
    assert found.body == to_json(required_v1(said))
    return read_header(found.header)


@pytest.mark.parametrize("service", [ECHO, METERED, ATOMIC, BY_COUNT, ACCESS_PASS], ids=lambda one: one.slug)
async def test_a_sheet_says_what_the_quote_says_to_each_request_and_at_each_moment(paddock, clock, seed, service):
    for place, (query, error) in enumerate(((b"", None), (b"?count=2", 'too "poor": 100 % \\ ü'), (b"?count=3", None))):
        seed.byte = bytes([place])
        clock.advance(1)
        for origin in (ORIGIN, ALIAS):
            await same(paddock, service, intent(service, query), origin, error)


async def test_a_price_that_follows_from_the_arguments_is_each_requests_own(paddock, seed):
    for count in (1, 3, 2):
        terms = await same(paddock, BY_COUNT, intent(BY_COUNT, b"?count=%d" % count))
        assert terms["accepts"][0]["amount"] == str(10_000 * count)


@pytest.mark.parametrize("service", [ACCESS_PASS, ATOMIC], ids=lambda one: one.slug)
async def test_c2_the_calldata_in_the_terms_is_what_this_request_chose(paddock, seed, service):
    for chosen in (None, mint_to(SETTLER), None, mint_to(OTHER)):
        body = json.dumps({"calldata": chosen} if chosen else {}).encode()
        terms = await same(paddock, service, intent(service, body=body))
        assert terms["accepts"][0]["extra"].get("calldata") == chosen


async def test_terms_go_with_who_settles_and_who_executes_now(paddock, seed):
    facilitator = paddock.facilitator
    for settler in (SETTLER, OTHER):
        facilitator.settlers = lambda settler=settler: {NETWORK: settler}
        terms = await same(paddock, METERED, intent(METERED))
        assert terms["accepts"][0]["extra"]["facilitatorAddress"] == settler
    schemes = []
    for executor in (paddock.market.executor, OTHER):
        facilitator.executors = lambda executor=executor: {NETWORK: executor}
        terms = await same(paddock, ATOMIC, intent(ATOMIC))
        schemes.append({entry["scheme"] for entry in terms["accepts"]})
    assert schemes == [{"exact", "delegate"}, {"exact"}]


async def test_a_service_that_no_facilitator_has_a_part_in_has_terms_without_one(clock):
    paddock = bare_paddock(clock)
    assert read_header((await sheet(paddock, ECHO, intent(ECHO), ORIGIN)).header)["accepts"]


async def test_what_is_the_same_for_all_is_made_once_and_what_is_a_requests_own_is_not_kept(paddock):
    made = []
    for query in (b"?count=1", b"?count=2"):
        for service in (ECHO, BY_COUNT):
            await sheet(paddock, service, intent(service, query), ORIGIN)
        made.append(dict(paddock.blanks.kept))
    assert set(made[0]) == set(made[1]) == {("echo", ORIGIN)}
    assert made[0]["echo", ORIGIN] is made[1]["echo", ORIGIN]


async def test_offers_come_back_with_their_signer(paddock):
    for off in (True, False, False):
        paddock.receipts.off = off
        terms = read_header((await sheet(paddock, ECHO, intent(ECHO), ORIGIN)).header)
        assert ("offer-receipt" in terms["extensions"]) is not off


# ------------------------------------------------------------------------------------------------------------- offers


async def offered(paddock, url="http://here.test/v1/echo"):
    """The offers of echo's terms, and how many signatures they took."""
    before = paddock.receipts.signed
    issued = paddock.quotes.issue(int(paddock.clock.now().timestamp()), ECHO.quote_seconds)
    found = await offers(paddock, ECHO, url, accepts(paddock, ECHO, issued, ORIGIN))
    return found["info"]["offers"], paddock.receipts.signed - before


async def test_offers_are_signed_once_a_minute_and_outlive_each_quote_of_it(paddock, clock):
    minute = int(clock.now().timestamp()) // 60 * 60
    for seconds, signed in ((0, 1), (59, 0), (60, 1), (61, 0)):
        clock.set(datetime.fromtimestamp(minute + seconds, UTC))
        [made], took = await offered(paddock)
        assert took == signed
        assert made["payload"]["validUntil"] == minute + seconds // 60 * 60 + 120 + ECHO.quote_seconds
        assert made["payload"]["resourceUrl"] == "http://here.test/v1/echo"


async def test_of_signed_offers_so_many_are_kept_and_the_oldest_go_first(paddock, monkeypatch):
    monkeypatch.setattr(offer, "KEPT", 2)
    took = [(await offered(paddock, f"http://here.test/{name}"))[1] for name in "abba"]
    assert took == [1, 1, 0, 0]
    took = [(await offered(paddock, f"http://here.test/{name}"))[1] for name in "cba"]
    assert took == [1, 0, 1]
