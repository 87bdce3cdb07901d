"""Bad input: a clear error that says what to do, and nothing lost."""

import msgspec
import pytest

from tests.simulation.world import open_world, service
from tests.stack.buyer import changed, read_header, write_header


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


def problem(answer):
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["action"]
    return body


def refusal(answer):
    """The reason in a 402 for a payment that was not taken."""
    settled = read_header(answer.headers["payment-response"])
    assert settled["success"] is False
    return settled["errorReason"]


async def test_an_unknown_service_is_404_and_points_to_the_catalogue(world):
    answer = await world.client.get(world.url("nothing"))
    assert answer.status_code == 404
    assert "/api/services" in problem(answer)["action"]


async def test_a_wrong_method_is_405_and_names_the_right_one(world):
    answer = await world.client.post(world.url("echo"))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    problem(answer)


async def test_bad_arguments_are_422_before_any_price_and_name_the_field(world):
    answer = await world.client.get(world.url("echo", "?wrong=1"))
    assert answer.status_code == 422
    assert "wrong" in problem(answer)["detail"]
    assert "payment-required" not in answer.headers


class Needy(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments that a bare request lacks."""

    text: str


async def test_a_bare_request_learns_the_price_and_paying_it_without_arguments_costs_nothing():
    async with open_world(service("needy", lambda *_: "never", arguments=Needy)) as world:
        quoted = await world.buyer.ask(world.url("needy"))
        answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
        assert answer.status_code == 422
        assert "text" in problem(answer)["detail"]
        assert await world.orders() == []


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("payload.authorization.value", "9999", "invalid_exact_evm_payload_authorization_value_mismatch"),
        ("payload.authorization.to", "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
         "invalid_exact_evm_payload_recipient_mismatch"),
        ("payload.authorization.validAfter", "99999999999", "invalid_exact_evm_payload_authorization_valid_after"),
        ("payload.authorization.validBefore", "5", "invalid_exact_evm_payload_authorization_valid_before"),
        ("payload.authorization.nonce", "0x" + "11" * 32, "invalid_exact_evm_payload_signature"),
        ("accepted.network", "eip155:1", "binding_mismatch"),
    ],
)  # fmt: skip
async def test_a_payment_that_does_not_fit_is_402_with_its_reason(world, path, value, reason):
    quoted = await world.buyer.ask(world.url("echo"))
    paid = changed(read_header(world.buyer.pay(quoted)), path, value)
    answer = await world.buyer.present(quoted, write_header(paid))
    assert (answer.status_code, refusal(answer)) == (402, reason)
    assert await world.orders() == []


@pytest.mark.parametrize(
    ("field", "value", "reason"), [("scheme", "upto", "invalid_scheme"), ("network", "eip155:1", "invalid_network")]
)
async def test_the_facilitator_takes_no_payment_for_other_terms_than_it_names(world, field, value, reason):
    quoted = await world.buyer.ask(world.url("echo"))
    paid = changed(read_header(world.buyer.pay(quoted)), f"accepted.{field}", value)
    asked = {"x402Version": 2, "paymentPayload": paid, "paymentRequirements": quoted.entry}
    verdict = (await world.client.post("/facilitator/verify", json=asked)).json()
    outcome = (await world.client.post("/facilitator/settle", json=asked)).json()
    assert (verdict["isValid"], verdict["invalidReason"]) == (False, reason)
    assert (outcome["success"], outcome["errorReason"]) == (False, reason)


@pytest.mark.parametrize("version", [0, 3, -1])
@pytest.mark.parametrize("outside", [True, False], ids=["request", "payment"])
async def test_the_facilitator_refuses_a_version_that_it_does_not_speak(world, version, outside):
    quoted = await world.buyer.ask(world.url("echo"))
    paid = read_header(world.buyer.pay(quoted)) | ({} if outside else {"x402Version": version})
    asked = {"x402Version": version if outside else 2, "paymentPayload": paid, "paymentRequirements": quoted.entry}
    verdict = (await world.client.post("/facilitator/verify", json=asked)).json()
    outcome = (await world.client.post("/facilitator/settle", json=asked)).json()
    assert (verdict["isValid"], verdict["invalidReason"]) == (False, "invalid_x402_version")
    assert (outcome["success"], outcome["errorReason"]) == (False, "invalid_x402_version")
    assert world.settlements() == 0


async def test_an_empty_wallet_is_402_with_insufficient_funds_and_nothing_is_claimed(world):
    world.chain.state.money[world.buyer.account.address] = 9_999
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    answer = await world.buyer.present(quoted, header)
    assert (answer.status_code, refusal(answer)) == (402, "insufficient_funds")
    world.chain.give(world.buyer.account.address, 10_000)
    assert (await world.buyer.present(quoted, header)).status_code == 200


async def test_a_spent_nonce_is_409_for_another_quote_and_402_when_spent_elsewhere(world):
    first = await world.buyer.ask(world.url("echo"))
    paid = world.buyer.pay(first)
    assert (await world.buyer.present(first, paid)).status_code == 200
    nonce = read_header(paid)["payload"]["authorization"]["nonce"]
    second = await world.buyer.ask(world.url("echo", "?text=other"))
    assert (await world.buyer.present(second, world.buyer.pay(second, nonce=nonce))).status_code == 409
    third = await world.buyer.ask(world.url("echo"))
    elsewhere = world.buyer.pay(third)
    await world.submit_as_stranger(elsewhere)
    answer = await world.buyer.present(third, elsewhere)
    assert (answer.status_code, refusal(answer)) == (402, "invalid_exact_evm_nonce_already_used")


async def test_an_unknown_order_and_a_foreign_path_are_404_problems(world):
    assert (await world.client.get("/api/orders/nonsense")).status_code == 404
    problem(await world.client.get("/no/such/path"))


async def test_readiness_names_what_is_down(world):
    assert (await world.client.get("/health/ready")).status_code == 200
    world.chain.unavailable = True
    answer = await world.client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["chain"]["action"] == "check PADDOCK_RPC_URL"
