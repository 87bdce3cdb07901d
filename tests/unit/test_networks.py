"""What `networks.toml` says: assets, depths, and the registries that others deployed."""

from pathlib import Path

import pytest

from server.adapters.networks import Known, market_of, read_deployments, read_networks, require_apart
from server.domain.errors import ConfigurationError
from server.domain.market import Contract, Market
from server.domain.reputation import IDENTITY_REGISTRY, REPUTATION_REGISTRY
from tests.fakes.chain import DOLLAR

FILE = Path(__file__).resolve().parents[2] / "networks.toml"
GOAT = "eip155:2345"
DELEGATE = "0x" + "de" * 20


def test_goat_mainnet_has_the_public_registries_and_no_other_network_has_any() -> None:
    known = read_networks(FILE)
    found = {name: contract.address for name, contract in known[GOAT].contracts.items()}
    assert found == {
        IDENTITY_REGISTRY: "0x8004A169FB4a3325136EB29fA0ceB6D2e539a432",
        REPUTATION_REGISTRY: "0x8004BAa17C55a88189AE136b182e5fdA19dE9b63",
    }
    assert [name for name, one in known.items() if one.contracts] == [GOAT]
    assert set(market_of(GOAT, 2345, {}, known[GOAT], DELEGATE).contracts) == set(found)


def test_what_we_deployed_ourselves_comes_before_what_is_known() -> None:
    ours, theirs = Contract("0x" + "01" * 20, ()), Contract("0x" + "02" * 20, ())
    known = Known((DOLLAR,), contracts={IDENTITY_REGISTRY: theirs, REPUTATION_REGISTRY: theirs})
    own = Market(1, (DOLLAR,), DELEGATE, {IDENTITY_REGISTRY: ours})
    assert market_of("eip155:1", 1, {"eip155:1": own}, known, DELEGATE).contracts == {
        IDENTITY_REGISTRY: ours,
        REPUTATION_REGISTRY: theirs,
    }


def test_which_networks_are_tests_is_told_and_their_markets_know_it() -> None:
    known = read_networks(FILE)
    markets = {name: market_of(name, int(name.partition(":")[2]), {}, one, DELEGATE) for name, one in known.items()}
    assert {name for name, market in markets.items() if market.test} == {"eip155:84532", "eip155:48816"}
    own = Market(1, (DOLLAR,), DELEGATE, {})
    assert not market_of("eip155:1", 1, {"eip155:1": own}, Known(), DELEGATE).test, "what is not known is live"


def test_a_marketplace_is_on_test_networks_or_on_others_and_never_on_both() -> None:
    live, test = (Market(1, (DOLLAR,), DELEGATE, {}, test=one) for one in (False, True))
    for apart in ([], [live], [test], [live, live], [test, test]):
        require_apart(apart)
    for together in ([live, test], [test, live, live]):
        with pytest.raises(ConfigurationError, match=r"test networks \(eip155:1\) beside others"):
            require_apart(together)


def test_a_registry_that_is_no_address_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "networks.toml"
    path.write_text(FILE.read_text().replace("0x8004A169FB4a3325136EB29fA0ceB6D2e539a432", "0x8004"))
    with pytest.raises(ConfigurationError, match="identity"):
        read_networks(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"chain_id": 1, "contracts": {}, "assets": [{}]}'])
def test_a_file_that_is_no_deployments_file_is_named_with_what_to_do(tmp_path: Path, content: str) -> None:
    path = tmp_path / "31337.json"
    with pytest.raises(ConfigurationError, match=r"31337\.json does not exist; run `make up`"):
        read_deployments([path], DOLLAR)
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"31337\.json is not a deployments file .* write it again"):
        read_deployments([path], DOLLAR)
