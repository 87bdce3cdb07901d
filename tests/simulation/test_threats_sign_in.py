"""S31, sign-in: the wallet that paid gets its stored answer again; nobody else does, and nothing twice."""

import asyncio

import pytest
from eth_account import Account

from protocol.sign_in import parse
from tests.simulation.world import ALIAS, open_world, service
from tests.stack import siwe
from tests.stack.buyer import read_header

STRANGER = Account.from_key("0x" + "62" * 32)


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


async def bought(world, query="?text=hi"):
    """An honest purchase, some time ago."""
    quoted = await world.buyer.ask(world.url("echo", query))
    answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
    assert answer.status_code == 200
    world.clock.advance(60)
    return answer


async def challenged(world, query="?text=hi"):
    """A fresh 402."""
    return (await world.buyer.ask(world.url("echo", query))).required


async def come_back(world, header, query="?text=hi"):
    return await world.client.get(world.url("echo", query), headers={"SIGN-IN-WITH-X": header})


def proof(world, required, account=None, **changes):
    return siwe.header(siwe.proof(account or world.buyer.account, required, **changes))


def assert_refused(answer, why):
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/sign-in-refused")
    assert why in answer.json()["detail"]
    assert "SIGN-IN-WITH-X" in answer.json()["action"]


async def test_the_wallet_that_paid_gets_the_stored_bytes_and_their_proof_without_paying(world):
    first = await bought(world)
    again = await come_back(world, proof(world, await challenged(world)))
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["cache-control"] == "private, no-store"
    assert read_header(again.headers["payment-response"]) == read_header(first.headers["payment-response"])
    assert world.settlements() == world.runs["echo"] == 1


async def test_s31_another_wallet_gets_the_terms_like_anybody(world):
    await bought(world)
    answer = await come_back(world, proof(world, await challenged(world), STRANGER))
    assert answer.status_code == 402
    assert "payment-required" in answer.headers
    assert "payment-response" not in answer.headers
    assert world.db.tables.nonces == {}


async def test_s31_a_signature_that_is_not_the_named_wallets_is_refused(world):
    await bought(world)
    content = siwe.proof(STRANGER, await challenged(world)) | {"address": world.buyer.account.address}
    assert_refused(await come_back(world, siwe.header(content)), "not by the address")


async def test_s31_a_challenge_is_answered_once(world):
    await bought(world)
    header = proof(world, await challenged(world))
    answers = await asyncio.gather(*(come_back(world, header) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
    assert_refused(await come_back(world, header), "used already")
    assert (await come_back(world, proof(world, await challenged(world)))).status_code == 200


async def test_s31_a_used_challenge_in_other_letters_is_still_used(world):
    await bought(world)
    required = await challenged(world)
    nonce = required["extensions"]["sign-in-with-x"]["info"]["nonce"]
    assert (await come_back(world, proof(world, required))).status_code == 200
    assert_refused(await come_back(world, proof(world, required, nonce=nonce.upper())), "nonce")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"domain": "evil.test"}, "another domain"),
        ({"uri": "http://evil.test/v1/echo"}, "another resource"),
        ({"uri": "http://paddock.test/v1/echo-dear"}, "another resource"),
        ({"chainId": "eip155:1"}, "must name one of"),
        ({"nonce": "00" * 32}, "nonce"),
        ({"nonce": "abcdefgh"}, "nonce"),
        ({"expirationTime": "2026-03-01T11:00:00Z"}, "expired"),
        ({"notBefore": "2026-03-02T12:00:00Z"}, "not valid yet"),
        ({"issuedAt": "2026-03-02T12:00:00Z"}, "future"),
    ],
)
async def test_s31_a_sign_in_for_another_site_chain_or_time_is_refused(world, changes, why):
    await bought(world)
    assert_refused(await come_back(world, proof(world, await challenged(world), **changes)), why)
    assert (await come_back(world, proof(world, await challenged(world)))).status_code == 200


async def test_s31_a_challenge_expires_by_its_nonce_whatever_the_wallet_signed(world):
    await bought(world)
    required = await challenged(world)
    world.clock.advance(299)
    assert (await come_back(world, proof(world, required))).status_code == 200
    required = await challenged(world)
    world.clock.advance(300)
    assert_refused(await come_back(world, proof(world, required)), "expired")
    longer = proof(world, required, expirationTime="2036-01-01T00:00:00Z")
    assert_refused(await come_back(world, longer), "expired")


async def test_s31_a_challenge_for_one_request_opens_no_other(world):
    await bought(world, "?text=hi")
    await bought(world, "?text=ho")
    header = proof(world, await challenged(world, "?text=hi"))
    assert_refused(await come_back(world, header, "?text=ho"), "nonce")
    foreign = await world.client.get(f"{ALIAS}/v1/echo?text=hi", headers={"SIGN-IN-WITH-X": header})
    assert_refused(foreign, "another domain")
    assert (await come_back(world, header, "?text=hi")).json()["text"] == "hi"


async def test_s31_a_payer_of_one_request_gets_the_terms_of_another(world):
    await bought(world, "?text=hi")
    answer = await come_back(world, proof(world, await challenged(world, "?text=ho")), "?text=ho")
    assert answer.status_code == 402


async def test_s31_a_challenge_opens_nothing_that_was_bought_after_it_was_given(world):
    """An official client signs in before it pays: whoever saw that header must not come back with it."""
    required = await challenged(world)
    header = proof(world, required)
    assert (await come_back(world, header)).status_code == 402
    await bought(world)
    assert (await come_back(world, header)).status_code == 402


async def test_s31_an_answer_that_is_no_longer_kept_is_sold_again(world):
    await bought(world)
    world.clock.advance(hours=24)
    assert (await come_back(world, proof(world, await challenged(world)))).status_code == 402


async def test_s31_an_order_without_a_released_answer_opens_nothing(world):
    quoted = await world.buyer.ask(world.url("echo", "?text=hi"))
    world.chain.automine, world.chain.block_seconds = False, 10_000
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 503
    world.clock.advance(60)
    assert (await come_back(world, proof(world, await challenged(world)))).status_code == 402
    world.chain.mine()
    await world.work(60)
    assert (await come_back(world, proof(world, await challenged(world)))).status_code == 200


async def test_strangers_who_sign_in_write_nothing(world):
    for _ in range(20):
        await come_back(world, proof(world, await challenged(world), Account.create()))
    assert not any(getattr(world.db.tables, name) for name in world.db.tables.__dataclass_fields__)


@pytest.mark.parametrize("header", ["", "%%%", "bm90IGpzb24=", siwe.header({"domain": "paddock.test"}), "A" * 20_000])
async def test_a_header_that_cannot_be_read_is_a_clear_error(world, header):
    assert_refused(await come_back(world, header), "SIGN-IN-WITH-X")


async def test_two_sign_ins_are_refused_and_beside_a_payment_the_payment_counts(world):
    await bought(world)
    header = proof(world, await challenged(world))
    both = [("SIGN-IN-WITH-X", header), ("SIGN-IN-WITH-X", header)]
    assert_refused(await world.client.get(world.url("echo", "?text=hi"), headers=both), "more than one")
    quoted = await world.buyer.ask(world.url("echo", "?text=hi"))
    answer = await world.buyer.present(quoted, world.buyer.pay(quoted), **{"SIGN-IN-WITH-X": header})
    assert (answer.status_code, answer.json()["run"]) == (200, 2)


async def test_the_signed_text_is_eip_4361_and_names_the_route_and_not_the_query(world):
    required = await challenged(world, "?text=a-private-thing")
    content = siwe.proof(world.buyer.account, required)
    text = siwe.text(**siwe.members(content))
    assert parse(text).text() == text
    assert "private" not in text
    assert (content["domain"], content["uri"]) == ("paddock.test", "http://paddock.test/v1/echo")


async def test_a_delegate_purchase_comes_back_too(world):
    url = world.url("access-pass")
    async with world.workers():
        first = await world.buyer.buy(url, "POST", {})
    assert first.status_code == 200
    world.clock.advance(60)
    required = (await world.buyer.ask(url, "POST", {})).required
    sent = {"SIGN-IN-WITH-X": proof(world, required), "Content-Type": "application/json"}
    again = await world.client.post(url, content=b"{}", headers=sent)
    assert (again.status_code, again.content) == (200, first.content)


async def test_what_was_unlocked_for_ever_is_given_to_its_buyer_after_years_and_to_nobody_else():
    kept = service("kept", lambda arguments, _context: {"text": arguments.text}, for_ever=True)
    async with open_world(kept) as world:
        quoted = await world.buyer.ask(world.url("kept", "?text=hi"))
        header = world.buyer.pay(quoted)
        first = await world.buyer.present(quoted, header)
        await world.work(30)
        world.clock.advance(days=3 * 365)
        required = (await world.buyer.ask(world.url("kept", "?text=hi"))).required
        for answer in (
            await world.client.get(world.url("kept", "?text=hi"), headers={"SIGN-IN-WITH-X": proof(world, required)}),
            await world.buyer.present(quoted, header),
        ):
            assert (answer.status_code, answer.content) == (200, first.content)
        strange = proof(world, (await world.buyer.ask(world.url("kept", "?text=hi"))).required, STRANGER)
        refused = await world.client.get(world.url("kept", "?text=hi"), headers={"SIGN-IN-WITH-X": strange})
        assert refused.status_code == 402
        other = await world.client.get(
            world.url("kept", "?text=ho"), headers={"SIGN-IN-WITH-X": proof(world, required)}
        )
        assert other.status_code == 400
        assert world.settlements() == 1
