"""What is hidden on its way to a log or an answer, and what stays readable."""

import logging

import pytest

from server.domain.outages import ChainUnavailable
from server.domain.redaction import HIDDEN, scrub
from server.logs import SILENT, DiscreetFormatter, configure
from server.settings import DEVNET_SECRETS, load

SIGNATURE = "0x" + "ab" * 65
HEADER = "eyJ4NDAy" + "Vm" * 120 + "=="


@pytest.mark.parametrize(
    "secret", [SIGNATURE, SIGNATURE[2:], SIGNATURE.upper()[2:], HEADER, HEADER.replace("V", "-"), "02" + "f8" * 200]
)
def test_g8_signed_payments_are_hidden_wherever_they_stand(secret):
    for text in (f"bad payload {secret}", f"{secret}: refused", f'{{"signature":"{secret}"}}'):
        hidden = scrub(text)
        assert secret not in hidden
        assert HIDDEN in hidden


def test_g8_passwords_and_tokens_are_hidden():
    hidden = scrub("postgresql://paddock:hunter2@db:5432/paddock, Authorization: Bearer s3cret-token")
    assert "hunter2" not in hidden
    assert "s3cret" not in hidden
    assert "db:5432/paddock" in hidden


def test_g8_what_operators_need_stays_readable():
    text = (
        "order aaefcabcde7 of 0x976EA74026E726554dB657fA54763abd0C3a0aa9 in 0x" + "cd" * 32 + " failed: "
        "GET http://127.0.0.1:8402/v1/market-signal?symbol=DEMO-TREND&window=20 answered 503"
    )
    assert scrub(text) == text


def test_g8_given_secrets_are_hidden_and_words_are_not_taken_for_them():
    assert scrub("the token is devnet-operator", ["devnet-operator"]) == f"the token is {HIDDEN}"
    assert scrub("a b c", ["", "a", "b c"]) == "a b c"


def test_g8_every_secret_of_the_settings_is_known_in_each_of_its_spellings():
    secrets = load({"PADDOCK_DEVNET": "1", "PADDOCK_QUOTE_KEYS": "1:" + "a1" * 32 + ",2:" + "b2" * 32}).secrets
    for name, value in DEVNET_SECRETS.items():
        if name != "PADDOCK_QUOTE_KEYS":
            assert value in secrets
            assert value.removeprefix("0x") in secrets
    assert {"a1" * 32, "b2" * 32} <= set(secrets)


def written(error, text="it failed"):
    try:
        raise error
    except type(error) as raised:
        record = logging.LogRecord(
            "x", logging.ERROR, "x.py", 1, text, (), (type(raised), raised, raised.__traceback__)
        )
    return DiscreetFormatter(["topsecret"]).format(record)


def test_s29_a_librarys_words_are_not_written_and_its_place_is():
    cause = KeyError("the buyer's diary")
    error = ValueError("INSERT … parameters: the buyer's address")
    error.__cause__ = cause
    line = written(error)
    assert "buyer" not in line
    assert "ValueError" in line
    assert "KeyError" in line
    assert "test_domain_redaction.py" in line


def test_s29_our_own_words_are_written_without_what_is_secret():
    line = written(ChainUnavailable(f"eth_call was refused by the node: topsecret {SIGNATURE}"), "topsecret happened")
    assert "eth_call was refused" in line
    assert "topsecret" not in line
    assert SIGNATURE not in line


def test_s29_libraries_that_write_what_they_are_given_stay_silent_at_every_level(capsys):
    root, before = logging.getLogger(), (logging.getLogger().level, list(logging.getLogger().handlers))
    try:
        configure(["topsecret"])
        root.setLevel(logging.DEBUG)
        for name in SILENT:
            logging.getLogger(f"{name}.inner").debug("parameters: everything")
        logging.getLogger("server.x").debug("a word, and topsecret")
        out = capsys.readouterr().out
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
    assert "parameters" not in out
    assert f"a word, and {HIDDEN}" in out
