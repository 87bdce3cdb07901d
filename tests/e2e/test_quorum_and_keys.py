"""Server and worker as processes on three nodes, one of them a liar, with no key in their environment."""

import json

import httpx
import pytest
from eth_account import Account

from scripts.accounts import account
from server.domain.errors import ConfigurationError
from tests.stack.buyer import Buyer
from tests.stack.funds import fund
from tests.stack.lying_node import run_lying_node
from tests.stack.marketplace import Marketplace
from tests.stack.processes import free_port
from tests.stack.signing_machine import TOKEN, Machine, run_machine

USED = "0xe94a0102"
"""The selector of `authorizationState`."""


def keystore(folder, role):
    """The settings of a devnet account's key in a keystore file."""
    path, password = folder / f"{role}.json", folder / "password"
    path.write_text(json.dumps(Account.encrypt(account(role).key, "pass", "pbkdf2", 10)))
    password.write_text("pass\n")
    name = {"settler": "PADDOCK_SETTLEMENT", "receipts": "PADDOCK_RECEIPT"}[role]
    return {f"{name}_KEYSTORE": str(path), f"{name}_PASSWORD_FILE": str(password)}


@pytest.fixture
def machine():
    with run_machine(Machine(account("delegate"))) as found:
        yield found


@pytest.fixture
def liar(own_anvil):
    lies = {
        "eth_getTransactionReceipt": lambda _parameters, _truth: None,
        "eth_call": lambda parameters, truth: "0x" + "00" * 31 + "01" if parameters[0]["data"][:10] == USED else truth,
        "eth_sendRawTransaction": lambda _parameters, _truth: "0x" + "ab" * 32,
    }
    with run_lying_node(own_anvil.url, lies) as found:
        yield found


@pytest.fixture
def place(own_anvil, liar, machine, sqlite_url, deployments, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    more = {
        **keystore(tmp_path, "settler"),
        **keystore(tmp_path, "receipts"),
        "PADDOCK_DELEGATE_SIGNER": machine.source,
        "PADDOCK_DELEGATE_SIGNER_TOKEN_FILE": str(tmp_path / "token"),
        "PADDOCK_DELEGATE_CAP": "1000000000000",
        "PADDOCK_METRICS_PORT": str(free_port()),
    }
    nodes = f"{liar.url},{own_anvil.url},http://localhost:{own_anvil.port}"
    marketplace = Marketplace(tmp_path, nodes, sqlite_url, deployments, more=more)
    yield marketplace
    marketplace.stop()


async def test_f19_purchases_by_three_nodes_one_of_which_lies_with_keys_from_file_and_signer(
    place, own_anvil, market, liar, machine
):
    place.start_server()
    place.start_worker()
    async with httpx.AsyncClient(timeout=60) as client:
        buyer = Buyer(client)
        fund(own_anvil, market, buyer.account.address, 1_000_000_000)
        direct = await buyer.ask(f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=20")
        assert (await buyer.present(direct, buyer.pay(direct))).status_code == 200
        passed = await buyer.ask(f"{place.url}/v1/access-pass", "POST", {})
        assert (await buyer.present(passed, buyer.pay(passed))).status_code == 200
        assert {path for path, _ in machine.asked} == {"/vault/sign/digest", "/vault/sign/transaction"}
        served = (await client.get(f"{place.url}/metrics")).text
        watched = (await client.get(f"http://127.0.0.1:{place.more['PADDOCK_METRICS_PORT']}/metrics")).text
    assert liar.asked["eth_call"] > 0
    assert 'paddock_rpc_faults_total{kind="outvoted",node="1"}' in served
    assert 'paddock_wallet_over_cap{network="eip155:31337",wallet="delegate"} 0.0' in watched
    async with place.parts() as parts:
        spent = await parts.home.chain.transfers(parts.home.market.asset.address, buyer.account.address)
        assert len([log for log in spent if log.sender == buyer.account.address]) == 2
    for secret in (TOKEN, account("delegate").key.hex(), account("settler").key.hex()):
        assert secret not in place.logs()


async def test_f19_nodes_that_read_like_two_networks_start_nothing_instead_of_being_believed_alone(
    anvil, sqlite_url, deployments, tmp_path
):
    place = Marketplace(tmp_path, f"{anvil.url}, http://localhost:{anvil.port}", sqlite_url, deployments)
    with pytest.raises(ConfigurationError, match="by commas, without spaces"):
        async with place.parts():
            raise AssertionError("it started")
