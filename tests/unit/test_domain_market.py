"""What an asset makes of a price, and which of a merchant's keys and secrets are good at a moment."""

from datetime import timedelta

import pytest

from protocol.payment import Method
from server.domain.hours import HOUR, cut, hour_of, is_over, start_of
from server.domain.market import Asset, Merchant
from server.domain.statements import Period
from tests.fakes.samples import NOW, TOKEN

MOMENT = timedelta(microseconds=1)


def asset(decimals):
    return Asset(TOKEN, "Name", "1", decimals, "SYM")


@pytest.mark.parametrize(
    ("decimals", "price", "amount"),
    [(6, 1, 1), (6, 1_250_000, 1_250_000), (18, 1, 10**12), (7, 3, 30), (5, 10, 1), (5, 11, 2), (5, 1, 1), (0, 1, 1)],
)
def test_a_price_is_rounded_up_where_an_asset_is_coarser_than_a_millionth(decimals, price, amount):
    assert asset(decimals).amount(price) == amount


@pytest.mark.parametrize(("decimals", "price", "amount"), [(6, 7, 7), (18, 1, 10**12), (5, 19, 1), (5, 9, 0)])
def test_what_a_metered_call_cost_is_rounded_down(decimals, price, amount):
    assert asset(decimals).charge(price) == amount


@pytest.mark.parametrize(("decimals", "amount", "price"), [(6, 7, 7), (18, 10**12 - 1, 0), (18, 10**12, 1), (5, 1, 10)])
def test_an_amount_is_told_in_millionths_of_a_dollar_rounded_down(decimals, amount, price):
    assert asset(decimals).price(amount) == price


def test_an_asset_is_not_paid_by_plain_transfers_alone():
    with pytest.raises(ValueError, match="eip3009 or permit2"):
        Asset(TOKEN, "Name", "1", 6, "SYM", Method.TRANSFER)


def test_a_former_key_is_good_until_exactly_its_end():
    one = Merchant("id", "Name", TOKEN, b"new", b"old", NOW, api_secret="2", former_secret="1", former_secret_until=NOW)
    assert (one.digests(NOW - MOMENT), one.secret_names(NOW - MOMENT)) == ((b"new", b"old"), ("2", "1"))
    assert (one.digests(NOW), one.secret_names(NOW)) == ((b"new",), ("2",))


def test_without_a_former_key_there_is_one_and_without_a_secret_none():
    one = Merchant("id", "Name", TOKEN, b"new", b"old", None, former_secret="1")
    assert (one.digests(NOW), one.secret_names(NOW)) == ((b"new",), ())
    assert Merchant("id", "Name", TOKEN, b"new", None, NOW + HOUR).digests(NOW) == (b"new",)


def test_an_hour_is_over_with_the_first_moment_of_the_next():
    hour = hour_of(NOW)
    assert start_of(hour) == NOW
    assert hour_of(NOW - MOMENT) == hour - 1
    assert not is_over(hour, NOW + HOUR - MOMENT)
    assert is_over(hour, NOW + HOUR)


@pytest.mark.parametrize(
    ("start", "end", "hours", "pieces"),
    [
        (NOW, NOW + HOUR, 1, []),
        (NOW + MOMENT, NOW + HOUR, 0, [(NOW + MOMENT, NOW + HOUR)]),
        (NOW, NOW + HOUR - MOMENT, 0, [(NOW, NOW + HOUR - MOMENT)]),
        (NOW - MOMENT, NOW + HOUR + MOMENT, 1, [(NOW - MOMENT, NOW), (NOW + HOUR, NOW + HOUR + MOMENT)]),
    ],
)
def test_a_period_is_its_whole_hours_and_the_pieces_beside_them(start, end, hours, pieces):
    found = cut(Period(start, end), {hour_of(NOW)})
    assert (len(found.hours), [(piece.start, piece.end) for piece in found.pieces]) == (hours, pieces)


def test_a_period_has_no_hour_that_is_not_closed():
    found = cut(Period(NOW, NOW + 3 * HOUR), {hour_of(NOW) + 1})
    assert found.hours == [hour_of(NOW) + 1]
    assert [(piece.start, piece.end) for piece in found.pieces] == [
        (NOW, NOW + HOUR),
        (NOW + 2 * HOUR, NOW + 3 * HOUR),
    ]
