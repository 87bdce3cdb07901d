"""Conditions that indexes have, and queries too; literal, so that both databases see that they fit."""

from sqlalchemy import text

_NOT_ENDED = "fulfilment IN ('none', 'running', 'ready', 'executing')"
IN_FLIGHT = text(f"payment IN ('created', 'authorized', 'settling', 'in_doubt', 'settled') AND {_NOT_ENDED}")
"""Orders that somebody works on, or that money is waited for or on its way for: few, whatever the table holds."""
TO_COME = text(
    f"(payment IN ('settling', 'in_doubt') OR (payment = 'settled' AND {_NOT_ENDED}) OR status = 'refunding')"
)
"""Orders whose payment is undecided, that are paid and not ended, or whose money goes back."""
OPEN = text(
    "(payment IN ('created', 'authorized', 'settling', 'in_doubt') OR status IN ('refunding', 'blocked')"
    f" OR (payment = 'settled' AND {_NOT_ENDED}))"
)
"""Those, what waits for a payment, and what is owed and blocked. Who looks for some of them says this too: a planner
that knows no more than how many values a column has reads the whole table for a rare one."""
DENIED = text("payment = 'settled' AND fulfilment = 'failed' AND money_back IN ('none', 'blocked')")
"""Orders that were paid and not delivered, and whose money does not go back by itself."""
WAITING = text("payment = 'created'")
"""Orders that wait for a plain transfer."""
BY_TRANSFER = text("scheme = 'transfer'")
"""Orders that plain transfers pay, whatever became of them."""
SIGNED = text("state = 'signed'")
"""Chain transactions that are in no block yet."""
