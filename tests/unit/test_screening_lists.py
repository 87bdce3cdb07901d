"""Screening by lists in a file: what is refused, that changes count at once, and that a bad file changes nothing."""

import logging

import pytest

from server.adapters.screening import ListScreening
from server.domain.errors import ConfigurationError
from server.ports import OpenScreening, Party, Purpose

A, B, C = ("0x" + digit * 40 for digit in "123")
MIXED = "0x52908400098527886E0F7030069857D2E4169EE7"
PURCHASE, REFUND, PAYER, PAYEE = Purpose.PURCHASE, Purpose.REFUND, Party.PAYER, Party.PAYEE


@pytest.fixture
def lists(tmp_path):
    """A screening on a file, and a function that writes the file."""
    path = tmp_path / "lists.toml"

    def write(text):
        path.write_text(text)
        return path

    return write


def toml(deny=(), allow=(), name="sanctions"):
    parts = {"deny": deny, "allow": allow}
    return "\n".join(f'[{table}]\n"{name}" = {list(found)!r}' for table, found in parts.items() if found)


async def allowed(screening, address, party=PAYER, purpose=PURCHASE):
    return (await screening.check(address, party, purpose)).allowed


@pytest.mark.parametrize(("party", "purpose"), [(PAYER, PURCHASE), (PAYEE, PURCHASE), (PAYER, REFUND)])
async def test_who_is_denied_neither_pays_nor_is_paid_nor_refunded(lists, party, purpose):
    screening = ListScreening(lists(toml(deny=[A])))
    verdict = await screening.check(A, party, purpose)
    assert (verdict.allowed, verdict.listed) == (False, "sanctions")
    assert await allowed(screening, B, party, purpose)


async def test_an_allow_list_says_who_may_buy_and_keeps_nobodys_refund(lists):
    screening = ListScreening(lists(toml(deny=[C], allow=[A, C])))
    assert await allowed(screening, A)
    assert not await allowed(screening, B)
    assert await allowed(screening, B, PAYEE)
    assert await allowed(screening, B, PAYER, REFUND)
    assert not await allowed(screening, C), "deny goes before allow"


async def test_addresses_are_the_same_in_any_letters(lists):
    screening = ListScreening(lists(toml(deny=[MIXED.lower()])))
    assert not await allowed(screening, MIXED)


async def test_a_change_counts_at_the_next_check(lists):
    screening = ListScreening(lists(toml(deny=[A])))
    lists(toml(deny=[B, C]))
    assert await allowed(screening, A)
    assert not await allowed(screening, B)


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "[other]\nx = []",
        "deny = 1",
        "[deny]\nx = 1",
        "[deny]\nx = ['0x12']",
        "[deny]\nx = ['secret']",
        "[deny]\nx = [7]",
    ],
)
async def test_a_file_that_turns_bad_leaves_the_lists_as_they_were_and_says_so_without_their_content(
    lists, text, caplog
):
    screening = ListScreening(lists(toml(deny=[A])))
    lists(text)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert not await allowed(screening, A)
            assert await allowed(screening, B)
    assert len(caplog.records) == 1, "said once, not at each purchase"
    assert "secret" not in caplog.text
    lists(toml(deny=[B]))
    assert await allowed(screening, A)
    assert not await allowed(screening, B)


async def test_a_file_that_is_gone_leaves_the_lists_as_they_were(lists):
    path = lists(toml(deny=[A]))
    screening = ListScreening(path)
    path.unlink()
    assert not await allowed(screening, A)


@pytest.mark.parametrize("text", [None, "not toml"])
def test_without_a_file_that_can_be_read_nothing_starts(lists, tmp_path, text):
    path = tmp_path / "missing.toml" if text is None else lists(text)
    with pytest.raises(ConfigurationError, match="PADDOCK_SCREENING_FILE"):
        ListScreening(path)


async def test_the_default_screens_nobody():
    assert await allowed(OpenScreening(), A, PAYEE, REFUND)
