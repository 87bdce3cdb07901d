"""Exact sums of 256-bit amounts in SQL: SQLite's numbers have 64 bits, so digits are added in groups of thirteen."""

from collections.abc import Sequence

GROUPS, DIGITS = 6, 13
"""An amount has 78 digits at most; a group's sum stays exact up to 900,000 rows, and beyond that SQLite raises."""
BASE = 10**DIGITS
_ZEROS = "0" * GROUPS * DIGITS


def group(column: str, index: int) -> str:
    """SQL for one group of a column's digits as an integer, the lowest first; the same on SQLite and PostgreSQL."""
    text = f"CAST({column} AS TEXT)"
    start = DIGITS * (GROUPS - 1 - index) + 1
    return f"CAST(SUBSTR('{_ZEROS}' || {text}, LENGTH({text}) + {start}, {DIGITS}) AS BIGINT)"


def together(sums: Sequence[int]) -> int:
    """The sum of all amounts, from the sums of their groups."""
    return sum(int(part) * BASE**index for index, part in enumerate(sums))


def below_zero(signed_rows: str) -> str:
    """SQLite's query for one row, and for none unless the amounts of `signed_rows` (sign, amount) sum up below zero.

    Groups carry upwards with the floor, so what reaches the top has the sign of the whole.
    """
    sums = ", ".join(f"COALESCE(SUM(sign * {group('amount', index)}), 0) AS g{index}" for index in range(GROUPS))
    query = f"SELECT {sums} FROM ({signed_rows})"
    for index in range(GROUPS - 1):
        here, above = f"g{index}", f"g{index + 1}"
        floor = f"({here} - (({here} % {BASE}) + {BASE}) % {BASE}) / {BASE}"
        rest = "".join(f", g{other}" for other in range(index + 2, GROUPS))
        query = f"SELECT {above} + {floor} AS {above}{rest} FROM ({query})"
    return f"SELECT 1 FROM ({query}) WHERE g{GROUPS - 1} < 0"
