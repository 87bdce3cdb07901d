"""Whom the agent connects to: by exact origin, at public addresses, and where nobody can change terms on the way."""

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from agent import Buyer, Settings, connecting
from agent.auth import PaymentHeaders
from agent.connecting import AddressRefused, GuardedTransport
from agent.errors import Refused, SellerUnavailable
from protocol.headers import PAYMENT_SIGNATURE
from tests.fakes.buyer_chain import RPC
from tests.fakes.seller import ORIGIN, World, account, policy
from tests.unit.test_domain_addresses import INSIDE

URL = f"{ORIGIN}/v1/echo"
PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "url",
    [
        "http://seller.test.evil.test/v1/echo",
        "http://seller.test@evil.test/v1/echo",
        "http://seller.test%40evil.test/v1/echo",
        "http://sel1er.test/v1/echo",
        "http://s\u0435ller.test/v1/echo",
        "http://xn--sller-5of.test/v1/echo",
        "http://seller.test./v1/echo",
        "http://seller.test:8080/v1/echo",
        "https://seller.test/v1/echo",
        "http://www.seller.test/v1/echo",
    ],
)
def test_a16_nothing_is_sent_to_an_origin_that_is_not_exactly_a_merchants(tmp_path: Path, url: str) -> None:
    world = World(tmp_path)
    outcome = world.buyer.buy(url)
    assert (outcome.status, outcome.rule) == ("refused", "merchant.unknown")
    with pytest.raises(Refused, match="not among"):
        world.buyer.explain(url)
    assert world.seller.requests == []
    assert world.seller.leaks == []
    assert world.signer.signed == []


class Network:
    """Says where names lead, and remembers who asked and what was sent where."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked, self.made = list(answers), 0, 0
        self.sent: list[httpx.Request] = []

    def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        if not self.answers:
            raise OSError("no such name")
        return self.answers.pop(0)

    def make(self) -> httpx.BaseTransport:
        self.made += 1
        return httpx.MockTransport(self._handle)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return httpx.Response(200)

    def transport(self, *inside: str) -> GuardedTransport:
        return GuardedTransport(inside, self.make, self.resolve)


@pytest.mark.parametrize("address", INSIDE)
@pytest.mark.parametrize("others", [(), (PUBLIC,)], ids=["alone", "beside a public one"])
def test_a17_a_name_that_leads_inside_is_not_connected_to(address: str, others: tuple[str, ...]) -> None:
    network = Network((*others, address))
    with pytest.raises(AddressRefused, match="public addresses alone"):
        network.transport().handle_request(httpx.Request("GET", "https://api.example.com/v1"))
    assert network.sent == []


def test_a17_a_name_is_resolved_once_and_the_checked_address_is_connected_to() -> None:
    network = Network((PUBLIC,), ("127.0.0.1",))
    transport = network.transport()
    request = httpx.Request("GET", "https://api.example.com:8443/v1?n=1")
    transport.handle_request(request)
    (sent,) = network.sent
    assert str(sent.url) == f"https://{PUBLIC}:8443/v1?n=1"
    assert sent.headers["host"] == "api.example.com:8443"
    assert sent.extensions["sni_hostname"] == "api.example.com"
    assert network.asked == 1
    with pytest.raises(AddressRefused):
        transport.handle_request(request)
    assert len(network.sent) == 1


def test_a17_a_name_that_has_no_address_is_not_connected_to() -> None:
    network = Network()
    with pytest.raises(AddressRefused):
        network.transport().handle_request(httpx.Request("GET", "https://api.example.com/v1"))
    assert network.sent == []


def test_a_payment_arrives_at_the_checked_address_with_its_signature_and_body() -> None:
    network = Network((PUBLIC,))
    request = httpx.Request("POST", "https://api.example.com/v1", content=b"hello")
    request.headers = PaymentHeaders(request.headers, "signed")
    network.transport().handle_request(request)
    (sent,) = network.sent
    assert dict(sent.headers.raw)[PAYMENT_SIGNATURE.encode()] == b"signed"
    assert sent.read() == b"hello"


def test_hosts_at_one_address_share_no_connection() -> None:
    network = Network(*[(PUBLIC,)] * 3)
    transport = network.transport()
    for host in ("one.example.com", "two.example.com", "one.example.com"):
        transport.handle_request(httpx.Request("GET", f"https://{host}/"))
    assert network.made == 2


def test_an_origin_inside_is_connected_to_by_its_name_and_no_other_port_of_it() -> None:
    network = Network(("10.0.0.7",))
    transport = network.transport("http://server:8402")
    transport.handle_request(httpx.Request("GET", "http://server:8402/v1"))
    assert str(network.sent[0].url) == "http://server:8402/v1"
    assert network.asked == 0
    with pytest.raises(AddressRefused):
        transport.handle_request(httpx.Request("GET", "http://server:9000/v1"))


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, and every name leads inside."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(connecting, "resolve", lambda host, port: ["10.0.0.7"])


@pytest.mark.usefixtures("direct")
def test_a17_the_agents_own_client_is_guarded_and_says_what_to_do(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, rpc=RPC, policy_text=policy(inside="false"), key=account("buyer").key.hex())
    with pytest.raises(SellerUnavailable, match="public addresses alone") as refusal:
        Buyer(settings).buy(URL)
    assert "inside = true" in refusal.value.mend


@pytest.mark.usefixtures("direct")
def test_what_the_policy_calls_inside_and_the_users_own_node_may_be_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    monkeypatch.setattr(httpx, "HTTPTransport", lambda verify: world.seller.transport)
    settings = Settings(home=tmp_path, rpc=RPC, policy_text=policy(), key=account("buyer").key.hex(), finality="latest")
    outcome = Buyer(settings, clock=world.seller.clock).buy(URL)
    assert (outcome.status, outcome.proof) == ("delivered", "proven")


@pytest.mark.parametrize(
    ("origin", "inside", "rule"),
    [
        (ORIGIN, "false", "transport.plain"),
        (ORIGIN, "true", "merchants[0].routes[0]"),
        ("https://seller.test", "false", "merchants[0].routes[0]"),
        ("http://127.0.0.1:8402", "false", "merchants[0].routes[0]"),
        ("http://[::1]:8402", "false", "merchants[0].routes[0]"),
        ("http://localhost:8402", "false", "merchants[0].routes[0]"),
        ("http://localhost.example.com", "false", "transport.plain"),
        ("http://10.0.0.7:8402", "false", "transport.plain"),
    ],
)
def test_a22_terms_that_could_be_changed_on_the_way_are_not_paid(
    tmp_path: Path, origin: str, inside: str, rule: str
) -> None:
    world = World(tmp_path, origin=origin, inside=inside)
    assert world.buyer.buy(f"{origin}/v1/echo").rule == rule
    assert len(world.signer.signed) == (rule != "transport.plain")


def test_a_buyer_key_goes_with_what_is_asked_of_the_seller_and_to_nobody_else(tmp_path: Path) -> None:
    world = World(tmp_path)
    settings = Settings(
        home=tmp_path, rpc=RPC, seller=ORIGIN, policy_text=policy(), finality="latest", buyer_key="k" * 43
    )
    buyer = Buyer(settings, signer=world.signer, clock=world.seller.clock, transport=world.seller.transport)
    others: list[httpx.Request] = []
    handle_rpc = world.seller.chain.handle
    world.seller.chain.handle = lambda request: (others.append(request), handle_rpc(request))[1]  # type: ignore[method-assign]
    assert buyer.buy(URL).status == "delivered"
    assert {request.headers.get("x-buyer-key") for request in world.seller.requests} == {"k" * 43}
    assert {request.headers.get("x-buyer-key") for request in others} == {None}
    assert "k" * 43 not in repr(settings)
