"""The commands about standing approvals: give one, list those in force, take one back."""

from argparse import Namespace

import msgspec

from agent import grants
from agent.clock import SystemClock
from agent.commands import Shell, approver_account
from agent.printing import plain, standing_words


def always(shell: Shell, args: Namespace) -> int:
    """Sign for one purchase, and for those like it, as the person."""
    account, policy, now = approver_account(args.key_file), shell.settings.load_policy(), SystemClock().now()
    with shell.store().begin() as connection:
        terms = grants.approve_always(connection, args.id, policy, account, now, args.days)
    shell.out.print(
        f"approved, and from now on without asking: {plain(standing_words(terms, policy), 900)}", soft_wrap=True
    )
    shell.out.print(f"take it back with: paddock-agent approvals revoke {terms.id}", soft_wrap=True)
    shell.out.print(f"go on with: paddock-agent resume {args.id}", soft_wrap=True)
    return 0


def list_standing(shell: Shell, args: Namespace) -> int:
    """Standing approvals that are in force."""
    policy = shell.settings.load_policy()
    with shell.store().begin() as connection:
        found = list(grants.in_force(connection, policy, SystemClock().now()))
    if args.json:
        rows = [msgspec.to_builtins(one.terms) for one in found]
        shell.out.out(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode(), highlight=False)
        return 0
    for one in found:
        shell.out.print(f"[bold]{plain(one.id)}[/] {plain(standing_words(one.terms, policy), 900)}", soft_wrap=True)
    shell.out.print(f"{len(found)} in force")
    return 0


def revoke(shell: Shell, args: Namespace) -> int:
    """Take one back; it takes no key."""
    with shell.store().begin() as connection:
        terms = grants.revoke(connection, args.id, SystemClock().now())
    shell.out.print(f"revoked: {plain(terms.method)} {plain(terms.origin + terms.path)} asks again", soft_wrap=True)
    return 0
