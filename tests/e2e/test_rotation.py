"""Rotation over real processes: nothing that was signed or given out before is lost by it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest

from scripts.accounts import account
from tests.stack.buyer import Buyer
from tests.stack.commands import paddock
from tests.stack.funds import fund
from tests.stack.marketplace import TOKEN, Marketplace
from tests.stack.processes import free_port
from tests.stack.waiting import eventually

OLD, NEW = "1:" + "a1" * 32, "2:" + "b2" * 32
FORMER_KEY, NEXT_KEY = account("receipts").key.hex(), account("approver").key.hex()
FORMER, NEXT = account("receipts").address, account("approver").address


@pytest.fixture
def place(own_anvil, sqlite_url, deployments, tmp_path):
    marketplace = Marketplace(tmp_path, own_anvil.url, sqlite_url, deployments)
    yield marketplace
    marketplace.stop()


@pytest.fixture
async def buyer(own_anvil, market):
    async with httpx.AsyncClient(timeout=60) as client:
        one = Buyer(client)
        fund(own_anvil, market, one.account.address, 100_000_000)
        yield one


def route(place):
    return f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=20"


def start(place, port=None, **settings):
    """A server with these settings beside the usual ones; the URL of its own port."""
    place.more = {"PADDOCK_ANCHOR_SECONDS": "3600"} | settings
    port = port or free_port()
    child = place.start_server(port=port)
    return SimpleNamespace(child=child, url=f"http://127.0.0.1:{port}")


async def quoted_by(buyer, place, server):
    """Terms for the route that one server gave."""
    elsewhere = route(place).replace(place.url, server.url)
    return await buyer.ask(elsewhere, Host=place.url.removeprefix("http://"))


async def paid_at(buyer, place, server, quoted, header=None):
    """The status by which one server answers the payment of those terms."""
    there = replace(quoted, url=route(place).replace(place.url, server.url))
    answer = await buyer.present(there, header or buyer.pay(quoted), Host=place.url.removeprefix("http://"))
    return answer.status_code


async def test_quote_keys_rotate_over_two_servers_and_every_quote_is_good_at_both_until_its_key_is_gone(place, buyer):
    first = start(place, place.port, PADDOCK_QUOTE_KEYS=f"{OLD},{NEW}")
    second = start(place, PADDOCK_QUOTE_KEYS=f"{NEW},{OLD}")
    for here, there in [(first, second), (second, first)]:
        assert await paid_at(buyer, place, there, await quoted_by(buyer, place, here)) == 200
    sold = await quoted_by(buyer, place, first)
    header = buyer.pay(sold)
    assert await paid_at(buyer, place, first, sold, header) == 200
    assert await paid_at(buyer, place, second, sold, header) == 200, "the stored answer"
    by_old, by_new = await quoted_by(buyer, place, first), await quoted_by(buyer, place, second)
    over = start(place, PADDOCK_QUOTE_KEYS=NEW)
    assert await paid_at(buyer, place, over, by_old) == 402
    assert await paid_at(buyer, place, over, sold, header) == 402, "so the old key stays while answers are kept"
    assert await paid_at(buyer, place, over, by_new) == 200


async def receipt(buyer, place, folder, name):
    """What the marketplace publishes of a new purchase's receipt once it is chained: a file."""
    quoted = await buyer.ask(route(place))
    assert (await buyer.present(quoted, buyer.pay(quoted))).status_code == 200
    operator = {"Authorization": f"Bearer {TOKEN}"}

    async def chained():
        found = (await buyer.client.get(f"{place.url}/api/orders/{quoted.id}/receipt", headers=operator)).json()
        return found if found.get("chain") else None

    path = folder / name
    path.write_text(json.dumps(await eventually(chained, 60, "the receipt is chained", 0.2)))
    return str(path)


async def test_w11_receipts_and_chain_are_good_over_a_change_of_the_receipt_key(place, buyer, own_anvil, tmp_path):
    server, worker = start(place, place.port, PADDOCK_RECEIPT_SIGNERS=NEXT), place.start_worker()
    own_anvil.rpc("evm_setIntervalMining", 1)
    before = await receipt(buyer, place, tmp_path, "before.json")
    server.child.stop()
    worker.stop()
    start(place, place.port, PADDOCK_RECEIPT_KEY=NEXT_KEY, PADDOCK_RECEIPT_SIGNERS=FORMER)
    place.start_worker()
    after = await receipt(buyer, place, tmp_path, "after.json")
    published = (await buyer.client.get(f"{place.url}/.well-known/x402")).json()
    assert (published["receiptSigner"], published["receiptSigners"]) == (NEXT, [NEXT, FORMER])
    page = tmp_path / "chain.json"
    operator = {"Authorization": f"Bearer {TOKEN}"}
    page.write_text((await buyer.client.get(f"{place.url}/api/merchants/paddock/receipts", headers=operator)).text)
    everybody = [part for signer in published["receiptSigners"] for part in ("--signer", signer)]
    for what in ((before,), (after,), ("--chain", str(page))):
        status, said = paddock(place, "verify", *what, *everybody)
        assert (status, "good: " in said) == (0, True), said
    assert paddock(place, "verify", before, "--signer", NEXT)[0] == 1
    assert paddock(place, "verify", after, "--signer", FORMER)[0] == 1
    status, said = paddock(place, "verify", "--chain", str(page), "--signer", NEXT)
    assert (status, "entry 0 is bad" in said) == (1, True)


async def test_a_merchants_key_rotates_by_command_while_the_server_runs(place, buyer):
    start(place, place.port)

    async def opens(key):
        headers = {"Authorization": f"Bearer {key}"}
        return (
            await buyer.client.get(f"{place.url}/api/merchants/paddock/webhooks", headers=headers)
        ).status_code == 200

    async def rotated(*options):
        status, said = paddock(place, "merchant", "rotate-key", "paddock", *options)
        assert status == 0, said
        key = said.splitlines()[0]
        await eventually(lambda: opens(key), 10, "the new key counts")
        return key

    first = "devnet-merchant"
    assert await opens(first)
    second = await rotated("--overlap-hours", "1")
    assert await opens(first)
    status, said = paddock(place, "merchant", "rotate-key", "paddock")
    assert (status, "still counts" in said) == (2, True)
    third = await rotated("--overlap-hours", "0")
    assert [await opens(key) for key in (first, second, third)] == [False, False, True]
    assert third not in place.logs()
    assert paddock(place, "merchant", "rotate-key", "nobody")[0] == 2


async def test_the_facilitators_token_rotates_between_server_and_facilitator(place, buyer):
    def facilitator(tokens):
        place.more = {"PADDOCK_FACILITATOR_TOKEN": tokens}
        return place.start_facilitator()

    async def sells(url, token):
        server = start(place, PADDOCK_FACILITATOR_URL=url, PADDOCK_FACILITATOR_TOKEN=token)
        quoted = await quoted_by(buyer, place, server)
        return await paid_at(buyer, place, server, quoted)

    both, new = facilitator("new-token,old-token"), facilitator("new-token")
    assert await sells(both, "old-token") == 200
    assert await sells(both, "new-token,old-token") == 200
    assert await sells(new, "new-token") == 200
    place.more = {"PADDOCK_FACILITATOR_URL": new, "PADDOCK_FACILITATOR_TOKEN": "old-token"}
    port = free_port()
    place.start_server(port=port, answers="/health/live")
    refused = SimpleNamespace(url=f"http://127.0.0.1:{port}")
    assert await paid_at(buyer, place, refused, await quoted_by(buyer, place, refused)) == 503
    assert (await buyer.client.get(f"{refused.url}/health/ready")).status_code == 503
    assert "old-token" not in place.logs()
