"""A corpus of attacks, and one of honest ways to sell: each prepares a seller, and says what is asked of it."""

from agent.testing.corpus import deeds, honesty, terms
from agent.testing.corpus.cases import Case


def hostile() -> list[Case]:
    """Every attack that a seller can make by its answers."""
    return [*terms.cases(), *deeds.cases()]


def honest() -> list[Case]:
    """Sellers that differ as sellers do, and should all be paid."""
    return [case._replace(signs=True) for case in honesty.cases()]
