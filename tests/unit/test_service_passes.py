"""The answers of both passes against events written down by hand."""

import msgspec
import pytest

from server.domain.errors import InternalError
from server.services import access_pass, launch_pass
from server.services.passes import PassArguments
from server.services.service import Execution, Fulfilment
from tests.unit.services_oracle_context import PAYER, context

FRIEND = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
CONTRACT = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
TRANSACTION = "0x" + "cd" * 32


def execution(expires=1_775_001_600, pass_id=7, order="0x" + "0a" * 32, payer=PAYER, **others):
    minted = {"orderId": order, "payer": payer, "passId": pass_id, "expiresAt": expires}
    return Execution(TRANSACTION, CONTRACT.lower(), {"PassMinted": minted, **others})


async def answer(service, ran, payer=PAYER):
    return msgspec.json.decode((await service.run(PassArguments(), context(execution=ran, payer=payer))).body)


async def test_an_access_pass_is_answered_as_its_event_says():
    assert await answer(access_pass.SERVICE, execution()) == {
        "pass_id": "7",
        "contract": CONTRACT,
        "holder": PAYER,
        "payer": PAYER,
        "order_id": "0x" + "0a" * 32,
        "expires_at": "2026-04-01T00:00:00Z",
        "transaction": TRANSACTION,
    }


async def test_a_launch_pass_is_answered_as_its_event_says():
    ran = execution(expires=4_102_444_800, pass_id=1, order=b"\xff" * 32, payer=FRIEND.lower())
    assert await answer(launch_pass.SERVICE, ran, FRIEND) == {
        "pass_id": "1",
        "contract": CONTRACT,
        "holder": FRIEND,
        "payer": FRIEND,
        "order_id": "0x" + "ff" * 32,
        "expires_at": "2100-01-01T00:00:00Z",
        "transaction": TRANSACTION,
    }


async def test_the_holder_is_whom_the_tokens_transfer_names():
    ran = execution(Transfer={"from": "0x" + "00" * 20, "to": FRIEND.lower(), "tokenId": 7})
    told = await answer(access_pass.SERVICE, ran)
    assert (told["holder"], told["payer"]) == (FRIEND, PAYER)


@pytest.mark.parametrize(
    "transfer", [{"from": PAYER, "to": FRIEND, "value": 7}, {"from": PAYER, "to": FRIEND, "tokenId": 8}]
)
async def test_a_transfer_of_something_else_names_no_holder(transfer):
    assert (await answer(access_pass.SERVICE, execution(Transfer=transfer)))["holder"] == PAYER


@pytest.mark.parametrize("never", [0, 2**64 - 1])
async def test_a_pass_that_does_not_expire_has_no_expiry(never):
    assert (await answer(launch_pass.SERVICE, execution(expires=never)))["expires_at"] is None


async def test_a_pass_id_beyond_json_numbers_is_kept_whole():
    assert (await answer(access_pass.SERVICE, execution(pass_id=2**256 - 1)))["pass_id"] == str(2**256 - 1)


@pytest.mark.parametrize("ran", [None, Execution(TRANSACTION, CONTRACT, {}), execution(payer=FRIEND)])
async def test_without_a_pass_for_this_payer_there_is_no_answer(ran):
    with pytest.raises(InternalError):
        await answer(access_pass.SERVICE, ran)


@pytest.mark.parametrize(
    ("service", "contract", "amount"),
    [(access_pass.SERVICE, "AccessPass", 1_000_000), (launch_pass.SERVICE, "LaunchPass", 2_500_000)],
)
def test_passes_are_minted_by_their_contract_after_settlement(service, contract, amount):
    assert (service.mode, service.callback, service.amount) == ("DELEGATE", contract, amount)
    assert service.fulfilment is Fulfilment.AFTER_SETTLEMENT
