"""Access by contract: a live pass opens its service by sign-in, and nothing else does. S31 in its other form."""

import asyncio

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import to_checksum_address

from tests.fakes.evm import Contract
from tests.fakes.passes import LAUNCH, PASS
from tests.fakes.wallets import wallet, yes
from tests.simulation.world import open_world, service
from tests.stack import siwe
from tests.stack.buyer import read_header, write_header
from tests.stack.choosing import mint_to, signed_choice, with_choice

FRIEND = Account.create()
WALLET = to_checksum_address("0x" + "1b" * 20)


@pytest.fixture
async def world():
    def run(arguments, context):
        opened.runs["club"] += 1
        return {"for": context.payer, "text": arguments.text}

    async with open_world(service("club", run, opened_by=("AccessPass", "Club"))) as opened:
        yield opened


async def buy_pass(world, body=None):
    async with world.workers():
        quoted = await world.buyer.ask(world.url("access-pass"), "POST", body or {})
        paid = read_header(world.buyer.pay(quoted))
        if body:
            paid = with_choice(paid, quoted.required, signed_choice(world.buyer.account, quoted.entry))
        answer = await world.buyer.present(quoted, write_header(paid))
    assert answer.status_code == 200
    return answer.json()["pass_id"]


def named(number, contract=PASS, network="eip155:31337"):
    return f"{network}/erc721:{contract}/{number}"


async def visit(world, who, *passes, **changes):
    """Ask, answer the challenge with these passes named in the signed text, and come back with it."""
    required = (await world.buyer.ask(world.url("club", "?text=hi"))).required
    resources = [*required["extensions"]["sign-in-with-x"]["info"]["resources"], *passes]
    header = siwe.header(siwe.proof(who, required, resources=resources, **changes))
    return header, await come_back(world, header)


async def come_back(world, header):
    return await world.client.get(world.url("club", "?text=hi"), headers={"SIGN-IN-WITH-X": header})


async def test_a_402_says_which_contracts_open_the_service(world):
    required = (await world.buyer.ask(world.url("club"))).required
    (door,) = required["extensions"]["contract-access"]["info"]["contracts"]
    assert door == {"network": "eip155:31337", "address": PASS, "kind": "pass"}
    assert "contract-access" not in (await world.buyer.ask(world.url("echo"))).required["extensions"]


async def test_a_live_pass_opens_its_service_without_a_payment(world):
    number = await buy_pass(world)
    before = world.settlements()
    _, answer = await visit(world, world.buyer.account, named(number))
    assert (answer.status_code, answer.json()) == (200, {"for": world.buyer.account.address, "text": "hi"})
    assert (answer.headers["cache-control"], "payment-response" in answer.headers) == ("private, no-store", False)
    assert (world.settlements(), world.runs["club"], len(await world.orders())) == (before, 1, 1)


async def test_s31_a_challenge_opens_once_however_often_it_is_answered_at_once(world):
    number = await buy_pass(world)
    required = (await world.buyer.ask(world.url("club", "?text=hi"))).required
    header = siwe.header(siwe.proof(world.buyer.account, required, resources=[named(number)]))
    answers = await asyncio.gather(*(come_back(world, header) for _ in range(20)))
    assert sorted(one.status_code for one in answers) == [200] + [400] * 19
    assert world.runs["club"] == 1


async def assert_no_entry(world, who, *passes):
    """The terms, like anybody; nothing ran and nothing was written."""
    _, answer = await visit(world, who, *passes)
    assert (answer.status_code, "payment-required" in answer.headers) == (402, True)
    assert (world.runs["club"], world.db.tables.nonces) == (0, {})


async def test_s31_an_expired_pass_opens_nothing(world):
    number = await buy_pass(world)
    world.clock.advance(30 * 86_400 + 1)
    await assert_no_entry(world, world.buyer.account, named(number))


async def test_s31_a_pass_that_was_passed_on_opens_for_who_has_it_and_no_longer_for_who_had_it(world):
    number = await buy_pass(world)
    world.chain.state.passes[PASS, int(number)] = (FRIEND.address, 2**40)
    await assert_no_entry(world, world.buyer.account, named(number))
    _, answer = await visit(world, FRIEND, named(number))
    assert (answer.status_code, answer.json()["for"]) == (200, FRIEND.address)


async def test_a_pass_that_was_minted_to_somebody_else_is_theirs(world):
    number = await buy_pass(world, {"calldata": mint_to(FRIEND.address)})
    await assert_no_entry(world, world.buyer.account, named(number))
    _, answer = await visit(world, FRIEND, named(number))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        named(2),
        named(1, LAUNCH),
        named(1, network="eip155:1"),
        named("01"),
        named(-1),
        named(2**256 + 1),
        named(1) + "/x",
        f"eip155:31337/erc20:{PASS}/1",
        "http://paddock.test/v1/club",
    ],
)
async def test_s31_what_names_no_pass_of_the_wallets_opens_nothing(world, name):
    await buy_pass(world)
    await assert_no_entry(world, world.buyer.account, name)


async def test_s31_a_pass_opens_no_service_that_does_not_name_its_contract(world):
    number = await buy_pass(world)
    required = (await world.buyer.ask(world.url("echo"))).required
    header = siwe.header(siwe.proof(world.buyer.account, required, resources=[named(number)]))
    answer = await world.client.get(world.url("echo"), headers={"SIGN-IN-WITH-X": header})
    assert (answer.status_code, world.runs["echo"]) == (402, 0)


async def test_s26_only_so_many_passes_of_one_sign_in_are_looked_at(world):
    number = await buy_pass(world)
    await assert_no_entry(world, world.buyer.account, *(named(n) for n in range(10, 14)), named(number))


async def test_f18_while_the_chain_is_away_nobody_enters_by_a_pass(world):
    number = await buy_pass(world)
    required = (await world.buyer.ask(world.url("club", "?text=hi"))).required
    header = siwe.header(siwe.proof(world.buyer.account, required, resources=[named(number)]))
    world.chain.unavailable = True
    assert (await come_back(world, header)).status_code == 503
    world.chain.unavailable = False
    assert (await come_back(world, header)).status_code == 200


async def test_a_smart_wallet_enters_by_its_own_code(world):
    world.chain.deploy(wallet(WALLET, yes))
    await buy_pass(world, {"calldata": mint_to(WALLET)})
    required = (await world.buyer.ask(world.url("club", "?text=hi"))).required
    content = siwe.proof(FRIEND, required, resources=[named(1)], address=WALLET)
    assert (await come_back(world, siwe.header(content))).status_code == 200


async def test_a_subscription_is_the_wallets_own_and_ends(world):
    until = {world.buyer.account.address: world.chain.blocks[-1].timestamp + 100}
    club = to_checksum_address("0x" + "c1" * 20)

    def is_active(_contract, frame, _sender, arguments):
        who = to_checksum_address(arguments[-20:])
        return encode(["bool"], [frame.timestamp < until.get(who, 0)])

    world.chain.deploy(Contract(club, {"isActive(address)": is_active}))
    market = world.paddock.market
    market.contracts["Club"] = type(market.contracts["AccessPass"])(club, ({"type": "function", "name": "isActive"},))
    _, answer = await visit(world, world.buyer.account)
    assert answer.status_code == 200
    world.clock.advance(101)
    _, answer = await visit(world, world.buyer.account)
    assert answer.status_code == 402
    _, answer = await visit(world, FRIEND)
    assert (answer.status_code, world.runs["club"]) == (402, 1)
    del market.contracts["Club"]
