"""Settings: each role is asked for its own secrets, and public defaults are refused off the devnet."""

import pytest

from server.application.paddock import Custody
from server.bootstrap import custody_of, signer
from server.domain.errors import ConfigurationError
from server.key_sources import FORMS
from server.setting_values import split
from server.settings import DEVNET_SECRETS, NEEDS, SIGNING_KEYS, Nodes, load

OWN_ADDRESS = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"
OWN = {
    "PADDOCK_QUOTE_KEYS": "1:" + "ab" * 32,
    "PADDOCK_SETTLEMENT_KEY": "0x" + "01" * 32,
    "PADDOCK_DELEGATE_KEY": "0x" + "02" * 32,
    "PADDOCK_RECEIPT_KEY": "0x" + "03" * 32,
    "PADDOCK_OPERATOR_TOKEN": "a-long-token",
    "PADDOCK_MERCHANT_KEY": "another-long-token",
    "PADDOCK_DELEGATE_ADDRESS": OWN_ADDRESS,
    "PADDOCK_WEBHOOK_KEYS": "1:" + "cd" * 32,
    "PADDOCK_MERCHANT_PAY_TO": "0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69",
    "PADDOCK_FACILITATOR_URL": "https://facilitator.example/facilitator",
    "PADDOCK_FACILITATOR_HOSTS": "facilitator.example",
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


LISTS = ("PADDOCK_QUOTE_KEYS", "PADDOCK_WEBHOOK_KEYS", "PADDOCK_OPERATOR_TOKEN", "PADDOCK_SETTLEMENT_KEY")


@pytest.mark.parametrize("role", NEEDS)
@pytest.mark.parametrize("name", DEVNET_SECRETS)
def test_every_role_refuses_a_public_devnet_secret_whether_it_uses_it_or_not(role, name):
    with pytest.raises(ConfigurationError, match=name):
        load(OWN | {name: DEVNET_SECRETS[name]}, role)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("form", ["{own},{default}", "{default},{own}", "{own}, {default}"])
def test_a_public_devnet_secret_is_refused_among_others_too(name, form):
    with pytest.raises(ConfigurationError, match=name):
        load(OWN | {name: form.format(own=OWN[name], default=DEVNET_SECRETS[name])})


@pytest.mark.parametrize("name", ["PADDOCK_QUOTE_KEYS", "PADDOCK_WEBHOOK_KEYS"])
def test_a_public_devnet_key_is_refused_under_another_id(name):
    with pytest.raises(ConfigurationError, match=name):
        load(OWN | {name: "9:" + DEVNET_SECRETS[name].partition(":")[2]})


@pytest.mark.parametrize("name", [name for name in SIGNING_KEYS if name != "PADDOCK_SETTLEMENT_KEY"])
async def test_the_devnets_signing_keys_are_known_by_their_address(name):
    """Also where one purpose's public key is given for another purpose, which no text shows."""
    settings = load(OWN | {name: DEVNET_SECRETS["PADDOCK_SETTLEMENT_KEY"]})
    with pytest.raises(ConfigurationError, match="public devnet key"):
        async with signer(settings, getattr(settings, name.removeprefix("PADDOCK_").lower())):
            pass


def test_several_tokens_count_while_one_is_rotated_and_their_parts_are_secret():
    settings = load(OWN | {"PADDOCK_OPERATOR_TOKEN": "new-token, old-token"})
    assert split(settings.operator_token) == ("new-token", "old-token")
    assert split(" , ") == ()


def test_former_receipt_signers_are_addresses():
    lower = OWN_ADDRESS.lower()
    assert load(OWN | {"PADDOCK_RECEIPT_SIGNERS": f"{lower}, {OWN_ADDRESS}"}).receipt_signers == (OWN_ADDRESS,) * 2
    with pytest.raises(ConfigurationError, match="PADDOCK_RECEIPT_SIGNERS"):
        load(OWN | {"PADDOCK_RECEIPT_SIGNERS": "0x12"})


def test_the_embedded_facilitator_is_refused_off_the_devnet():
    with pytest.raises(ConfigurationError, match="PADDOCK_FACILITATOR_URL"):
        load(OWN | {"PADDOCK_FACILITATOR_URL": "embedded"})


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://other.example/facilitator", "facilitator.example"),
        ("https://facilitator.example.evil.example", "facilitator.example"),
        ("https://evil.example/facilitator.example", "facilitator.example"),
        ("https://facilitator.example@evil.example/", "facilitator.example"),
        ("https://user:word@facilitator.example/", "facilitator.example"),
        ("https://facilitator.example?to=evil.example", "facilitator.example"),
        ("https://facilitator.example\\@evil.example", "facilitator.example"),
        ("http://facilitator.example/facilitator", "facilitator.example"),
        ("http://facilitator/facilitator", "facilitator"),
        ("ftp://facilitator.example/", "facilitator.example"),
        ("facilitator.example", "facilitator.example"),
        ("https://", "facilitator.example"),
    ],
)
def test_f22_off_the_devnet_payments_go_over_tls_to_a_host_that_was_named(url, hosts):
    with pytest.raises(ConfigurationError, match="PADDOCK_FACILITATOR_URL"):
        load(OWN | {"PADDOCK_FACILITATOR_URL": url, "PADDOCK_FACILITATOR_HOSTS": hosts})


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://Facilitator.Example:8443/x402", "other.example, FACILITATOR.example"),
        ("http://127.0.0.1:8403/facilitator", "127.0.0.1"),
        ("http://[::1]:8403/facilitator", "::1"),
    ],
)
def test_a_named_host_is_taken_in_any_spelling_and_loopback_without_tls(url, hosts):
    settings = load(OWN | {"PADDOCK_FACILITATOR_URL": url, "PADDOCK_FACILITATOR_HOSTS": hosts})
    assert settings.facilitator_url == url


@pytest.mark.parametrize("url", ["https://facilitator.example/", "http://10.1.2.3:8403", "http://134744072/"])
def test_f22_a_devnets_facilitator_is_near_unless_its_host_is_named(url):
    devnet = {"PADDOCK_DEVNET": "1", "PADDOCK_FACILITATOR_URL": url}
    with pytest.raises(ConfigurationError, match="PADDOCK_FACILITATOR_HOSTS"):
        load(devnet)
    host = url.split("/")[2].split(":")[0]
    assert load(devnet | {"PADDOCK_FACILITATOR_HOSTS": host}).facilitator_hosts == (host,)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8403/facilitator", "http://facilitator:8402/facilitator"])
def test_a_devnets_facilitator_on_this_machine_or_in_compose_needs_no_naming(url):
    assert load({"PADDOCK_DEVNET": "1", "PADDOCK_FACILITATOR_URL": url}).facilitator_url == url


def test_only_the_server_is_asked_where_payments_may_go():
    for role in ("worker", "facilitator", "migrate", "reconcile"):
        assert load(OWN | {"PADDOCK_FACILITATOR_HOSTS": ""}, role).facilitator_hosts == ()


def test_webhooks_into_the_inside_are_refused_off_the_devnet():
    assert load({"PADDOCK_DEVNET": "1", "PADDOCK_WEBHOOK_ALLOW_PRIVATE": "1"}).webhook_allow_private
    with pytest.raises(ConfigurationError, match="PADDOCK_WEBHOOK_ALLOW_PRIVATE"):
        load(OWN | {"PADDOCK_WEBHOOK_ALLOW_PRIVATE": "1"})


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
        ("PADDOCK_FACILITATOR_HOSTS", "https://facilitator.example"),
        ("PADDOCK_FACILITATOR_HOSTS", "facilitator.example:8443"),
        ("PADDOCK_FACILITATOR_HOSTS", "*.example"),
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


def test_g8_the_facilitators_token_shows_in_no_repr():
    settings = load({"PADDOCK_DEVNET": "1", "PADDOCK_FACILITATOR_TOKEN": "canary-token"})
    assert settings.facilitator_token == "canary-token"
    assert "canary-token" not in repr(settings)


def test_g8_each_part_of_a_rotated_secret_is_kept_out_of_logs():
    settings = load(OWN | {"PADDOCK_OPERATOR_TOKEN": "new-token, old-token", "PADDOCK_FACILITATOR_TOKEN": "one, two"})
    assert {"new-token", "old-token", "one", "two"} <= set(settings.secrets)


def test_no_secret_shows_in_a_repr():
    assert not [secret for secret in DEVNET_SECRETS.values() if secret in repr(load({"PADDOCK_DEVNET": "1"}))]


# ------------------------------------------------------------------------------------------------------------- nodes


@pytest.mark.parametrize(
    ("text", "quorum", "majority"),
    [
        ("https://a.example", None, 1),
        ("https://a.example,https://b.example", None, 2),
        (" https://a.example,https://b.example,https://c.example ", None, 2),
        ("https://a.example,https://b.example,https://c.example", "3", 3),
        (",".join(f"https://{n}.example" for n in range(5)), None, 3),
    ],
)
def test_f19_a_quorum_is_a_majority_of_the_nodes_or_more(text, quorum, majority):
    given = OWN | {"PADDOCK_RPC_URL": text} | ({"PADDOCK_RPC_QUORUM": quorum} if quorum else {})
    settings = load(given)
    (nodes,) = settings.nodes
    assert nodes.quorum(settings.rpc_quorum) == majority
    assert nodes.urls == tuple(text.strip().split(","))


def test_several_networks_have_their_nodes_each():
    text = "eip155:84532=https://a.example,https://b.example,https://c.example\n eip155:2345=https://d.example"
    first, second = load(OWN | {"PADDOCK_RPC_URL": text}).nodes
    assert (first.network, len(first.urls)) == ("eip155:84532", 3)
    assert second == Nodes("eip155:2345", ("https://d.example",))


@pytest.mark.parametrize(("text", "quorum"), [("https://a.example,https://b.example", "1"), ("https://a.example", "2")])
def test_f19_a_quorum_that_two_answers_could_have_is_refused(text, quorum):
    with pytest.raises(ConfigurationError, match="PADDOCK_RPC_QUORUM"):
        load(OWN | {"PADDOCK_RPC_URL": text, "PADDOCK_RPC_QUORUM": quorum})


KEY_IN_URL = "s3cret-key-of-the-node"


@pytest.mark.parametrize(
    "text", ["", " , ", "https://a.example,https://a.example", f"wss://a.example/{KEY_IN_URL}", f"//{KEY_IN_URL}"]
)
def test_s29_nodes_that_cannot_be_used_are_refused_and_not_quoted(text):
    with pytest.raises(ConfigurationError, match="PADDOCK_RPC_URL") as raised:
        load(OWN | {"PADDOCK_RPC_URL": text})
    assert KEY_IN_URL not in str(raised.value)
    assert KEY_IN_URL not in repr(load(OWN | {"PADDOCK_RPC_URL": f"https://a.example/{KEY_IN_URL}"}))


def test_a_devnet_has_no_node_far_away_among_near_ones():
    with pytest.raises(ConfigurationError, match="PADDOCK_DEVNET"):
        load({"PADDOCK_DEVNET": "1", "PADDOCK_RPC_URL": "http://127.0.0.1:8545,https://rpc.example.com"})


# --------------------------------------------------------------------------------------------------- forms of a key


def in_form(name, form):
    """The variables of a key in one of its forms."""
    return {
        "KEY": {f"{name}_KEY": "0x" + "07" * 32},
        "KEYSTORE": {f"{name}_KEYSTORE": "/run/key.json", f"{name}_PASSWORD_FILE": "/run/password"},
        "SIGNER": {
            f"{name}_SIGNER": "https://signer.example/vault#0x2b5ad5c4795c026514f8317c7a215e218dccd6cf",
            f"{name}_SIGNER_TOKEN_FILE": "/run/token",
        },
    }[form]


ROLES_OF_KEYS = [(role, name) for role, names in NEEDS.items() for name in names if name in SIGNING_KEYS]


@pytest.mark.parametrize(("role", "variable"), ROLES_OF_KEYS)
@pytest.mark.parametrize("form", FORMS)
def test_a_role_takes_a_key_in_any_of_its_forms(role, variable, form):
    given = {name: value for name, value in OWN.items() if name != variable}
    settings = load(given | in_form(SIGNING_KEYS[variable], form), role)
    field = variable.removeprefix("PADDOCK_").lower()
    source = getattr(settings, field, None) or getattr(settings, field + "s")[0]
    found = {"KEY": source.key, "KEYSTORE": source.keystore, "SIGNER": source.signer_url}
    assert [name for name, value in found.items() if value] == [form]
    if form == "SIGNER":
        assert (source.signer_url, source.signer_address) == ("https://signer.example/vault", OWN_ADDRESS)


@pytest.mark.parametrize("devnet", ["0", "1"])
@pytest.mark.parametrize("forms", [("KEY", "KEYSTORE"), ("KEY", "SIGNER"), ("KEYSTORE", "SIGNER")])
def test_two_forms_of_one_key_at_once_are_refused(devnet, forms):
    given = OWN | {"PADDOCK_DEVNET": devnet}
    for form in forms:
        given |= in_form("PADDOCK_DELEGATE", form)
    with pytest.raises(ConfigurationError, match=f"PADDOCK_DELEGATE_{forms[0]} and PADDOCK_DELEGATE_{forms[1]}"):
        load(given)


@pytest.mark.parametrize("form", FORMS)
def test_a_server_knows_which_of_its_keys_stand_in_variables(form):
    given = {name: value for name, value in OWN.items() if name != "PADDOCK_RECEIPT_KEY"}
    shown = custody_of(load(given | in_form("PADDOCK_RECEIPT", form)))
    assert shown == Custody(False, ("PADDOCK_RECEIPT_KEY",) if form == "KEY" else ())
    both = custody_of(load({"PADDOCK_DEVNET": "1"}))
    assert both == Custody(True, ("PADDOCK_RECEIPT_KEY", "PADDOCK_SETTLEMENT_KEY"))


def test_another_form_stands_in_for_the_devnets_key():
    settings = load({"PADDOCK_DEVNET": "1"} | in_form("PADDOCK_RECEIPT", "KEYSTORE"))
    assert settings.receipt_key.key == ""
    assert settings.delegate_key.key == DEVNET_SECRETS["PADDOCK_DELEGATE_KEY"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PADDOCK_DELEGATE_KEYSTORE": "/run/key.json"}, "PADDOCK_DELEGATE_PASSWORD_FILE"),
        ({"PADDOCK_DELEGATE_PASSWORD_FILE": "/run/password"}, "PADDOCK_DELEGATE_KEYSTORE"),
        ({"PADDOCK_DELEGATE_SIGNER": f"https://signer.example#0x{'11' * 20}"}, "PADDOCK_DELEGATE_SIGNER_TOKEN_FILE"),
        ({"PADDOCK_DELEGATE_SIGNER_TOKEN_FILE": "/run/token"}, "PADDOCK_DELEGATE_SIGNER"),
    ],
)
def test_half_a_form_is_refused_with_the_missing_half(change, named):
    given = {name: value for name, value in OWN.items() if name != "PADDOCK_DELEGATE_KEY"}
    with pytest.raises(ConfigurationError, match=named):
        load(given | change)


@pytest.mark.parametrize(
    "text",
    [
        "https://signer.example",
        "https://signer.example#0x1234",
        "#0x" + "11" * 20,
        "ftp://signer.example#0x" + "11" * 20,
        "http://signer.example#0x" + "11" * 20,
        "https://user:pass@signer.example#0x" + "11" * 20,
        "https://signer.example?key=1#0x" + "11" * 20,
    ],
)
def test_a_remote_signer_is_named_by_https_url_and_address(text):
    given = {name: value for name, value in OWN.items() if name != "PADDOCK_DELEGATE_KEY"}
    with pytest.raises(ConfigurationError, match="PADDOCK_DELEGATE_SIGNER"):
        load(given | {"PADDOCK_DELEGATE_SIGNER": text, "PADDOCK_DELEGATE_SIGNER_TOKEN_FILE": "/run/token"})


async def test_a_public_devnet_key_is_refused_however_it_is_spelt():
    spelt = DEVNET_SECRETS["PADDOCK_DELEGATE_KEY"].removeprefix("0x").upper()
    settings = load(OWN | {"PADDOCK_DELEGATE_KEY": spelt})
    with pytest.raises(ConfigurationError, match="public devnet key"):
        async with signer(settings, settings.delegate_key):
            pass


def test_s17_origins_may_be_mounted_under_one_path_prefix():
    given = {"PADDOCK_DEVNET": "1", "PADDOCK_ORIGINS": "https://a.example/market/, http://127.0.0.1:8402/market"}
    assert load(given).origins == ("https://a.example/market", "http://127.0.0.1:8402/market")


def test_wallet_factories_are_addresses_in_any_letter_case():
    assert load(OWN).wallet_factories == ()
    given = f" {OWN_ADDRESS.lower()} , 0x{'fa' * 20},"
    assert OWN_ADDRESS in load(OWN | {"PADDOCK_WALLET_FACTORIES": given}).wallet_factories
    assert len(load(OWN | {"PADDOCK_WALLET_FACTORIES": given}).wallet_factories) == 2


@pytest.mark.parametrize("bad", ["0x12", "factory", OWN_ADDRESS + " " + OWN_ADDRESS])
def test_a_wallet_factory_that_is_no_address_is_named_before_anything_starts(bad):
    with pytest.raises(ConfigurationError, match="PADDOCK_WALLET_FACTORIES"):
        load(OWN | {"PADDOCK_WALLET_FACTORIES": bad})
