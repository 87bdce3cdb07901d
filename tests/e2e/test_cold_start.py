"""Starting while things are missing, or under load: nothing is sold until everything is there (S30)."""

import asyncio
from contextlib import suppress

import httpx
import pytest

from server.adapters.models import orders
from tests.stack.buyer import Buyer
from tests.stack.funds import fund
from tests.stack.marketplace import Marketplace
from tests.stack.processes import free_port, start_python
from tests.stack.waiting import eventually, until

SIGNAL = "/v1/market-signal?symbol=DEMO-TREND&window=20"


@pytest.fixture
def place(own_anvil, sqlite_url, deployments, tmp_path):
    marketplace = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments)
    yield marketplace
    marketplace.stop()


@pytest.fixture
async def buyer(own_anvil, market):
    async with httpx.AsyncClient(timeout=60) as client:
        one = Buyer(client)
        fund(own_anvil, market, one.account.address, 1_000_000_000)
        yield one


async def claimed(place):
    """How many orders there are."""
    async with place.parts() as parts, parts.db.view() as connection:
        return len((await connection.execute(orders.select())).all())


def ended(place, name, *command, **environment):
    """Start a process that ends by itself; its exit status and what it said."""
    child = start_python(name, ["-m", "server.cli", *command], place.folder, place.environment | environment)
    place.children.append(child)
    until(lambda: not child.running, 40, f"{name} ends by itself")
    assert not child.holds(place.port)
    return child.process.returncode, child.log()


@pytest.mark.parametrize(
    ("variable", "value", "names"),
    [
        ("PADDOCK_RPC_URL", "http://127.0.0.1:{}", "eth_chainId did not get through"),
        (
            "PADDOCK_DATABASE_URL",
            "postgresql://paddock:canary-word@127.0.0.1:{}/paddock",
            "the database did not answer",
        ),
    ],
)
def test_s30_without_its_chain_or_its_database_a_process_ends_in_a_sentence(place, variable, value, names):
    for role in (["serve"], ["serve", "facilitator"]):
        status, said = ended(place, "-".join(role), *role, **{variable: value.format(free_port())})
        assert status == 2
        assert names in said
        assert "Traceback" not in said
        assert "canary-word" not in said


def test_s30_without_a_migration_a_process_ends_in_a_sentence(place, tmp_path):
    status, said = ended(place, "serve", "serve", PADDOCK_DATABASE_URL=f"sqlite:///{tmp_path}/empty.db")
    assert status == 2
    assert "paddock migrate" in said
    assert "Traceback" not in said


async def test_s30_with_its_facilitator_down_a_server_gives_terms_sells_nothing_and_sells_when_it_is_there(
    place, buyer
):
    port = free_port()
    place.more = {"PADDOCK_FACILITATOR_URL": f"http://127.0.0.1:{port}/facilitator"}
    place.start_server(answers="/health/live")
    quoted = await buyer.ask(place.url + SIGNAL)
    header = buyer.pay(quoted)
    answers = [await buyer.present(quoted, header) for _ in range(7)]
    assert {answer.status_code for answer in answers} == {503}
    assert all(answer.headers["retry-after"] for answer in answers)
    assert answers[-1].json()["type"] == "/problems/circuit-open"
    assert await claimed(place) == 0
    child = start_python(
        "facilitator", ["-m", "server.cli", "serve", "facilitator"], place.folder,
        place.environment | {"PADDOCK_PORT": str(port)},
    )  # fmt: skip
    place.children.append(child)
    child.wait_to_listen(port)

    async def bought():
        return (await buyer.present(quoted, header)).status_code == 200

    assert await eventually(bought, 20, "the same payment buys when the facilitator is there", every=0.5)
    assert await claimed(place) == 1


async def test_s30_under_load_from_the_first_moment_every_request_is_served_whole_or_not_at_all(
    place, buyer, own_anvil
):
    first = place.start_server()
    quotes = [await buyer.ask(place.url + SIGNAL) for _ in range(5)]
    paid = [(quoted, buyer.pay(quoted)) for quoted in quotes]
    first.stop()
    seen, up = [], asyncio.Event()

    async def hammer(quoted, header):
        while not up.is_set():
            with suppress(httpx.TransportError):  # nobody listens yet
                seen.append(await buyer.present(quoted, header))
                seen.append(await buyer.client.get(quoted.url))

    load = [asyncio.create_task(hammer(*one)) for one in paid for _ in range(4)]
    await asyncio.to_thread(place.start_server)
    for quoted, header in paid:
        answer = await eventually(lambda q=quoted, h=header: bought(buyer, q, h), 20, "each is bought at last")
        assert answer.status_code == 200
    up.set()
    await asyncio.gather(*load)
    assert {answer.status_code for answer in seen} <= {200, 402, 409, 503}
    sold = [one for one in seen if one.status_code == 200]
    assert all("payment-response" in one.headers for one in sold)
    async with place.parts() as parts:
        spent = await parts.home.chain.transfers(parts.home.market.asset.address, buyer.account.address)
    assert len([log for log in spent if log.sender == buyer.account.address]) == len(paid) == await claimed(place)


async def bought(buyer, quoted, header):
    answer = await buyer.present(quoted, header)
    return answer if answer.status_code == 200 else None
