"""S23, W10: amounts have one spelling, and no price is lost between people and the wire."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.amounts import UINT256_MAX, atomic, display, parse_amount, parse_uint
from protocol.errors import ProtocolError

uint256 = st.integers(0, UINT256_MAX)

NOT_AMOUNTS = [
    "", " ", "1e6", "1E6", "01", "00", "+1", "-1", "-0", "0x1", "0X1", "0b1", "0o7", "1.0", "1.", ".5", "1,000",
    "1_000", " 1", "1 ", "1\n", "\n1", "1\x00", "\t1", "\u00a01", "1\u2003", "\ufeff1", "\u0661\u0662", "\uff11",
    "\u0967", "\u00b2", "\u2460", "\U0001d7cf", "\u4e00", "NaN", "Infinity", "inf", "null", "true", "1n", "1L",
    "0" * 78, "1" * 79, "9" * 78, str(2**256), str(2**256 + 1), str(10**78), "1" + "0" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_AMOUNTS, ids=lambda text: ascii(text)[:24])
def test_s23_a_second_spelling_of_a_number_is_refused(text):
    for parse in (parse_uint, parse_amount):
        with pytest.raises(ProtocolError) as raised:
            parse(text, "amount")
        assert raised.value.reason == "invalid_payload"


@pytest.mark.parametrize("value", [1, 0, 1.0, True, None, b"1", ["1"], {"1": 1}, Decimal(1)], ids=repr)
def test_s23_a_number_that_is_no_string_is_refused(value):
    with pytest.raises(ProtocolError):
        parse_uint(value, "amount")


def test_s23_zero_is_a_number_and_not_a_price():
    assert parse_uint("0", "validAfter") == 0
    with pytest.raises(ProtocolError, match="above zero"):
        parse_amount("0")


def test_s23_256_bits_fit_and_one_more_does_not():
    assert parse_amount(str(UINT256_MAX)) == UINT256_MAX
    with pytest.raises(ProtocolError, match="256 bits"):
        parse_amount(str(UINT256_MAX + 1))


@given(uint256)
def test_every_number_is_read_from_its_decimal_string(number):
    assert parse_uint(str(number), "amount") == number


@given(st.text(max_size=90))
@example("1\n")
@example("\u0661")
def test_s23_what_is_read_is_spelt_that_way_and_no_other(text):
    try:
        number = parse_uint(text, "amount")
    except ProtocolError:
        return
    assert str(number) == text


@pytest.mark.parametrize(
    ("number", "decimals", "shown"),
    [
        (1_250_000, 6, "1.25"),
        (1, 6, "0.000001"),
        (0, 6, "0"),
        (1_000_000, 6, "1"),
        (10, 6, "0.00001"),
        (5, 0, "5"),
        (1, 18, "0.000000000000000001"),
        (-50_000, 6, "-0.05"),
        (UINT256_MAX, 0, str(UINT256_MAX)),
    ],
)
def test_an_amount_is_shown_without_exponent_and_without_idle_zeros(number, decimals, shown):
    assert display(number, decimals) == shown


@given(uint256, st.integers(0, 30))
def test_w10_what_is_shown_reads_back_to_the_atomic_unit(number, decimals):
    assert atomic(display(number, decimals), decimals) == number


@given(uint256, st.integers(0, 30))
def test_w10_what_is_shown_is_the_exact_quotient(number, decimals):
    shown = display(number, decimals)
    whole, _, fraction = shown.partition(".")
    assert int(whole) * 10**decimals + int((fraction or "0").ljust(decimals, "0") or "0") == number
    assert not fraction.endswith("0")
    assert "." not in shown or fraction


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "1 ", "1.0000001", "\u0661", "0x1", "1.5\n", "NaN"]
)
def test_w10_people_are_refused_what_cannot_be_exact(text):
    with pytest.raises(ProtocolError) as raised:
        atomic(text, 6)
    assert raised.value.reason == "invalid_amount"


@pytest.mark.parametrize(
    ("text", "number"), [("2.50", 2_500_000), ("007", 7_000_000), ("0.000001", 1), ("1000000", 10**12)]
)
def test_people_may_write_idle_zeros(text, number):
    assert atomic(text, 6) == number
