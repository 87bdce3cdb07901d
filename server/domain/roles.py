"""Who may do what: the one table of roles and actions that the console and merchants' interface are guarded by."""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What somebody is to a merchant. `MARKETPLACE` is the operator of all of it, `KEY` the merchant's API key."""

    MARKETPLACE = "the marketplace's operator"
    KEY = "the merchant's key"
    OWNER = "owner"
    OPERATOR = "operator"
    READER = "read-only"
    STRANGER = "stranger"


GIVEN = (Role.OWNER, Role.OPERATOR, Role.READER)
"""What a merchant's members are; the wallet that is paid is an owner as long as it is paid."""


class Action(StrEnum):
    """What can be done, each in the words that refuse it."""

    ENTER = "come in, and what everybody may ask"
    SEE = "see orders, cases, services, endpoints, members and statements"
    DECIDE = "decide cases: refund, deliver again, reject"
    RESEND = "send messages again, try endpoints, switch them on and off"
    TEND = "probe services, put them on sale, pause and delist them"
    DESCRIBE = "say what is sold, where it is answered and at which price"
    SECRETS = "add, move or remove endpoints, or change secrets"
    MOVE = "change where the merchant is paid"
    MEMBERS = "add and remove members"
    OVERSEE = "see what belongs to the whole marketplace"
    RUN = "run the whole marketplace"


_READER = frozenset({Action.ENTER, Action.SEE})
_OPERATOR = _READER | {Action.DECIDE, Action.RESEND, Action.TEND}
_KEY = _OPERATOR | {Action.DESCRIBE, Action.SECRETS, Action.MOVE}
MAY: Mapping[Role, frozenset[Action]] = {
    Role.STRANGER: frozenset({Action.ENTER}),
    Role.READER: _READER,
    Role.OPERATOR: _OPERATOR,
    Role.KEY: _KEY,
    Role.OWNER: _KEY | {Action.MEMBERS},
    Role.MARKETPLACE: frozenset(Action),
}
"""A stolen API key makes no members, so that changing it ends what its thief can do."""


def may(role: Role, action: Action) -> bool:
    """Whether the table says so."""
    return action in MAY[role]
