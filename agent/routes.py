"""Routes: which paths of a merchant a policy allows, by their pattern, or by what its discovery lists them as."""

import re
from functools import lru_cache

from agent.decisions import Decision, deny
from agent.merchant_rules import MerchantRules

_DISGUISED = re.compile(r"%(?:2e|2f|5c)|\\|//|/\.\.?(?:/|$)|[^\x21-\x7e]", re.IGNORECASE)
Tags = tuple[str, ...] | None
"""What a path was lately listed with; None where nobody has kept that, and no rule speaks of it."""


def objection(rules: MerchantRules, path: str, tags: Tags) -> Decision | None:
    """What forbids a path of the merchant; None where nothing does."""
    if _DISGUISED.search(path):
        return deny("route.disguised", "the path holds dots, slashes or escapes that could mean another path")
    if permission(rules, path, tags) is not None:
        return None
    listed = ", nor is it listed lately with a capability that is" if rules.capabilities else ""
    return deny("route.unknown", f"{path} matches none of the routes allowed at {rules.origin}{listed}")


def permission(rules: MerchantRules, path: str, tags: Tags) -> str | None:
    """The merchant's key that allows a path, such as `routes[1]` or `capabilities[0]`; None where none does."""
    for index, route in enumerate(rules.routes):
        if _pattern(route).fullmatch(path):
            return f"routes[{index}]"
    for index, capability in enumerate(rules.capabilities):
        if tags is None or capability in tags:
            return f"capabilities[{index}]"
    return None


@lru_cache(maxsize=256)
def _pattern(route: str) -> re.Pattern[str]:
    """A route as a regular expression: `*` one segment, `**` any rest."""
    parts = re.split(r"(\*\*|\*)", route)
    kinds = {"**": ".*", "*": "[^/]+"}
    return re.compile("".join(kinds.get(part, re.escape(part)) for part in parts))
