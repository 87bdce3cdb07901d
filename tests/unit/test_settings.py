"""Settings: each role is asked for its own secrets, and public defaults are refused off the devnet."""

import pytest

from server.domain.errors import ConfigurationError
from server.settings import DEVNET_SECRETS, NEEDS, load

OWN = {
    "PADDOCK_QUOTE_KEYS": "1:" + "ab" * 32,
    "PADDOCK_SETTLEMENT_KEY": "0x" + "01" * 32,
    "PADDOCK_DELEGATE_KEY": "0x" + "02" * 32,
    "PADDOCK_RECEIPT_KEY": "0x" + "03" * 32,
    "PADDOCK_OPERATOR_TOKEN": "a-long-token",
    "PADDOCK_MERCHANT_KEY": "another-long-token",
    "PADDOCK_DELEGATE_ADDRESS": "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF",
    "PADDOCK_MERCHANT_PAY_TO": "0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69",
    "PADDOCK_FACILITATOR_URL": "https://facilitator.example/facilitator",
}


@pytest.mark.parametrize("role", NEEDS)
def test_a_role_starts_with_its_own_secrets_alone(role):
    given = {name: OWN[name] for name in NEEDS[role]} | {"PADDOCK_FACILITATOR_URL": OWN["PADDOCK_FACILITATOR_URL"]}
    assert load(given, role).devnet is False


@pytest.mark.parametrize(("role", "name"), [(role, name) for role, names in NEEDS.items() for name in names])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_or_empty_secret_is_named_before_anything_starts(role, name, value):
    given = dict(OWN)
    del given[name]
    if value is not None:
        given[name] = value
    with pytest.raises(ConfigurationError, match=name):
        load(given, role)


@pytest.mark.parametrize("name", DEVNET_SECRETS)
def test_a_public_devnet_secret_is_refused_on_any_other_network(name):
    with pytest.raises(ConfigurationError, match=name):
        load(OWN | {name: DEVNET_SECRETS[name]})


def test_the_embedded_facilitator_is_refused_off_the_devnet():
    with pytest.raises(ConfigurationError, match="PADDOCK_FACILITATOR_URL"):
        load(OWN | {"PADDOCK_FACILITATOR_URL": "embedded"})


@pytest.mark.parametrize("rpc", ["https://rpc.example.com", "http://10.1.2.3:8545"])
def test_a_devnet_is_never_far_away(rpc):
    with pytest.raises(ConfigurationError, match="PADDOCK_DEVNET"):
        load({"PADDOCK_DEVNET": "1", "PADDOCK_RPC_URL": rpc})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PADDOCK_PORT", "eighty"),
        ("PADDOCK_DEVNET", "yes"),
        ("PADDOCK_FINALITY", "-1"),
        ("PADDOCK_ORIGINS", "localhost:8402"),
        ("PADDOCK_ORIGINS", " , "),
        ("PADDOCK_ORIGINS", "https://paddock.example/market?x=1"),
        ("PADDOCK_ORIGINS", "https://paddock.example/market#x"),
        ("PADDOCK_ORIGINS", "https://user@paddock.example"),
        ("PADDOCK_ORIGINS", "https://paddock.example/../market"),
        ("PADDOCK_ORIGINS", "https://paddock.example//market"),
        ("PADDOCK_ORIGINS", "https://paddock.example/m%61rket"),
        ("PADDOCK_ORIGINS", "https://paddock.example/market,https://other.example"),
        ("PADDOCK_PAYER_ORDERS", "0"),
        ("PADDOCK_ROUTE_RUNS", "0"),
        ("PADDOCK_COOL_OFF_FAILURES", "0"),
        ("PADDOCK_COOL_OFF_SECONDS", "soon"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_with_what_to_set(name, value):
    with pytest.raises(ConfigurationError, match=name):
        load({"PADDOCK_DEVNET": "1"} | {name: value})


def test_no_secret_shows_in_a_repr():
    assert not [secret for secret in DEVNET_SECRETS.values() if secret in repr(load({"PADDOCK_DEVNET": "1"}))]


def test_s17_origins_may_be_mounted_under_one_path_prefix():
    given = {"PADDOCK_DEVNET": "1", "PADDOCK_ORIGINS": "https://a.example/market/, http://127.0.0.1:8402/market"}
    assert load(given).origins == ("https://a.example/market", "http://127.0.0.1:8402/market")
