"""P8 counts only authorizations that are each one's own, for exactly what is asked."""

import pytest

from scripts.bench import authorise
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Market, Side
from scripts.bench.peers import SDK
from scripts.bench.results import PADDOCK

MARKET = Market("", "eip155:31337", "0x" + "a0" * 20, "USDC", "2", 5_000, "0x" + "B1" * 20, "")
SIDE = Side(PADDOCK, "Paddock", 0, (), MARKET, quotes=True, receipts=True)
WANTED = {"value": "5000", "to": MARKET.pay_to.lower(), "from": authorise.PAYER.address}


def payloads(count=authorise.WARM + authorise.COUNT, **changes):
    return [{"authorization": {**WANTED, "nonce": hex(number)} | changes} for number in range(count)]


def test_right_ones_are_taken_in_whatever_case_addresses_are():
    authorise.check(SIDE, payloads())


@pytest.mark.parametrize(
    "changes",
    [{"value": "4999"}, {"to": "0x" + "c2" * 20}, {"from": "0x" + "c2" * 20}, {"nonce": "0x1"}],
    ids=lambda changes: next(iter(changes)),
)
def test_others_are_no_figure(changes):
    with pytest.raises(BenchFailed):
        authorise.check(SIDE, payloads(**changes))


def test_too_few_are_no_figure():
    with pytest.raises(BenchFailed, match="nonces"):
        authorise.check(SIDE, payloads(authorise.COUNT))


def test_each_side_has_a_client_in_its_own_environment():
    assert set(authorise.CLIENTS) == {PADDOCK, SDK} == set(authorise.ON_DISK.does)
