"""Merchants by what they can do, by their own standing, and by the agent of ERC-8004 that they are."""

from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest
from eth_utils.crypto import keccak

from agent.capabilities import LONGEST, MOST, read_tags
from agent.errors import PolicyError
from agent.policy_file import parse
from tests.fakes.buyer_chain import RefusedCall
from tests.fakes.seller import ORIGIN, World, account, policy

URL = f"{ORIGIN}/v1/echo"
REGISTRY = "0x" + "80" * 20
AGENT = f"eip155:31337:{REGISTRY}/7"
MERCHANT, OTHER = account("merchant").address, account("stranger").address


def by_capability(*wanted: str) -> str:
    """A policy that names no route of the seller, only what it may be bought for."""
    tags = ", ".join(f'"{one}"' for one in wanted)
    return policy(more=f"capabilities = [{tags}]").replace('routes = ["/v1/*"]', "routes = []")


def listing(world: World, *, tags: object = ("text", "echo"), standing: dict[str, object] | None = None) -> None:
    """What the seller's discovery says of its one service."""
    given = world.seller._listing

    def told(path: str) -> httpx.Response:
        content = msgspec.json.decode(given(path).content)
        for item in content.get("items", content.get("resources")):
            item["tags"] = tags
            item["extensions"]["paddock-reputation"] = standing or {}
        return httpx.Response(200, json=content)

    world.seller._listing = told  # type: ignore[method-assign]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def with_policy(world: World, text: str) -> None:
    """The world's buyer by another policy."""
    world.buyer.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.fakes.seller.policy", lambda **_: text)
        world.buyer = world.restarted()


def test_a_route_is_allowed_by_what_discovery_lists_it_as(world: World) -> None:
    with_policy(world, by_capability("signal", "echo"))
    listing(world)
    assert (world.buyer.buy(URL).rule, world.signer.signed) == ("route.unknown", [])
    world.buyer.market.discover(ORIGIN)
    bought = world.buyer.buy(URL)
    assert (bought.status, bought.rule) == ("delivered", "merchants[0].capabilities[1]")
    assert world.buyer.buy(f"{ORIGIN}/v1/other").rule == "route.unknown"


@pytest.mark.parametrize("tags", [["text"], [], "echo", None, [["echo"]], [1], {"echo": 1}, ["ech"], ["echo "]])
def test_another_capability_or_none_that_can_be_read_allows_nothing(world: World, tags: object) -> None:
    with_policy(world, by_capability("echo"))
    listing(world, tags=tags)
    world.buyer.market.discover(ORIGIN)
    assert (world.buyer.buy(URL).rule, world.signer.signed) == ("route.unknown", [])


def test_what_was_listed_long_ago_or_is_listed_no_more_allows_nothing(world: World) -> None:
    with_policy(world, by_capability("echo"))
    listing(world)
    world.buyer.market.discover(ORIGIN)
    world.seller.clock.sleep(timedelta(hours=24).total_seconds())
    assert world.buyer.buy(URL).rule == "route.unknown"
    world.buyer.market.discover(ORIGIN)
    listing(world, tags=["text"])
    world.buyer.market.discover(ORIGIN)
    assert (world.buyer.buy(f"{URL}?n=2").rule, world.signer.signed) == ("route.unknown", [])


def test_a_stranger_says_nothing_of_the_sellers_capabilities(world: World) -> None:
    """Discovery at one origin speaks of that origin's services alone."""
    with_policy(world, by_capability("echo"))
    listing(world)
    world.buyer.market.discover("http://seller.test:81")
    assert (world.buyer.buy(URL).rule, world.signer.signed) == ("route.unknown", [])


def test_no_capability_allows_a_path_in_disguise(world: World) -> None:
    with_policy(world, by_capability("echo"))
    listing(world)
    world.buyer.market.discover(ORIGIN)
    assert world.buyer.buy(f"{ORIGIN}/v1//echo").rule == "route.disguised"


def test_few_and_short_tags_are_read() -> None:
    assert read_tags(["a" * LONGEST, "a" * (LONGEST + 1), "", "b"]) == ("a" * LONGEST, "b")
    assert len(read_tags([str(number) for number in range(100)])) == MOST


STANDING = {
    "enough": ({"reviews": 3, "rating": 60}, None),
    "too few reviews": ({"reviews": 2, "rating": 99}, "standing.reviews"),
    "too low a rating": ({"reviews": 9, "rating": 59}, "standing.rating"),
    "none at all": ({}, "standing.reviews"),
}


@pytest.mark.parametrize("everywhere", ["", "[standing]\nleast_rating = 10\nleast_reviews = 1\n"])
@pytest.mark.parametrize("name", STANDING)
def test_a_merchants_own_standing_is_wanted_beside_everybodys(world: World, name: str, everywhere: str) -> None:
    with_policy(world, policy(more=f"least_rating = 60\nleast_reviews = 3\n{everywhere}"))
    standing, rule = STANDING[name]
    listing(world, standing=dict(standing))
    world.buyer.market.discover(ORIGIN)
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.rule) == (
        ("delivered", "merchants[0].routes[0]") if rule is None else ("waiting", rule)
    )


def test_everybodys_standing_holds_where_the_merchants_own_is_lower(world: World) -> None:
    with_policy(world, policy(more="least_reviews = 1\n[standing]\nleast_reviews = 5\n"))
    listing(world, standing={"reviews": 4, "rating": 90})
    world.buyer.market.discover(ORIGIN)
    assert world.buyer.buy(URL).rule == "standing.reviews"


def registry(world: World, says: str | None) -> None:
    """A registry whose agent 7 is paid at an address; one that knows no agent refuses."""
    answer = world.seller.chain._result
    asked = "0x" + keccak(b"getAgentWallet(uint256)")[:4].hex() + f"{7:064x}"

    def result(call: dict[str, object]) -> object:
        if call["method"] == "eth_call" and call["params"][0] == {"to": REGISTRY, "data": asked}:  # type: ignore[index]
            if says is None:
                raise RefusedCall("0x7e273289")
            return says
        return answer(call)

    world.seller.chain._result = result  # type: ignore[method-assign,assignment]


def word(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")


def test_a_merchant_that_is_the_pinned_agent_is_paid(world: World) -> None:
    with_policy(world, policy(more=f'agent_id = "{AGENT}"'))
    registry(world, word(MERCHANT))
    assert world.buyer.buy(URL).status == "delivered"


FALSE = {
    "another wallet": (word(OTHER), "identity.wallet"),
    "no wallet": (word("0x" + "00" * 20), "identity.wallet"),
    "no such agent": (None, "identity.unknown"),
    "no registry": ("0x", "identity.unknown"),
    "more than an address": ("0x" + "ff" * 12 + MERCHANT[2:], "identity.unknown"),
}


@pytest.mark.parametrize("name", FALSE)
def test_a3_money_for_a_pinned_agent_goes_to_its_wallet_alone(world: World, name: str) -> None:
    with_policy(world, policy(more=f'agent_id = "{AGENT}"'))
    says, rule = FALSE[name]
    registry(world, says)
    assert (world.buyer.buy(URL).rule, world.signer.signed) == (rule, [])


def test_a_client_that_asks_no_chain_pays_no_pinned_agent(world: World) -> None:
    with_policy(world, policy(more=f'agent_id = "{AGENT}"'))
    registry(world, word(MERCHANT))
    with httpx.Client(transport=world.seller.transport, auth=world.buyer.auth()) as client:
        assert client.get(URL).status_code == 402
    assert world.signer.signed == []


def test_an_agent_on_another_chain_than_the_one_that_is_asked_is_not_believed(world: World) -> None:
    with_policy(world, policy(more=f'agent_id = "eip155:1:{REGISTRY}/7"'))
    registry(world, word(MERCHANT))
    assert (world.buyer.buy(URL).rule, world.signer.signed) == ("identity.unknown", [])


@pytest.mark.parametrize(
    "entry",
    [
        'agent_id = "7"',
        'agent_id = "eip155:31337:0x12/7"',
        f'agent_id = "{AGENT}x"',
        "least_rating = 101",
        "least_reviews = -1",
        'capabilities = "echo"',
    ],
)
def test_rules_of_a_merchant_that_cannot_be_read_are_errors_of_the_policy(entry: str) -> None:
    with pytest.raises(PolicyError):
        parse(policy(more=entry))
