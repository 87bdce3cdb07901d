"""Conditions that indexes have, and queries too; literal, so that both databases see that they fit."""

from sqlalchemy import text

IN_FLIGHT = text(
    "payment IN ('created', 'authorized', 'settling', 'in_doubt', 'settled')"
    " AND fulfilment IN ('none', 'running', 'ready', 'executing')"
)
"""Orders that somebody works on, or that money is waited for or on its way for: few, whatever the table holds."""
OPEN = text(
    "(payment IN ('created', 'authorized', 'settling', 'in_doubt') OR status IN ('refunding', 'blocked')"
    " OR (payment = 'settled' AND fulfilment IN ('none', 'running', 'ready', 'executing')))"
)
"""Orders in flight, and those whose money is owed or in doubt, whatever was delivered. What looks for some of them says
this too: a planner that knows no more than how many values a column has reads the whole table for a rare one."""
DENIED = text("payment = 'settled' AND fulfilment = 'failed' AND money_back IN ('none', 'blocked')")
"""Orders that were paid and not delivered, and whose money does not go back by itself."""
WAITING = text("payment = 'created'")
"""Orders that wait for a plain transfer."""
BY_TRANSFER = text("scheme = 'transfer'")
"""Orders that plain transfers pay, whatever became of them."""
SIGNED = text("state = 'signed'")
"""Chain transactions that are in no block yet."""
