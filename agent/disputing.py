"""`paddock-agent dispute`: the payer's signed complaint about an order, without what is personal in its reason."""

from argparse import Namespace

from agent.clock import SystemClock
from agent.commands import Shell
from agent.privacy import replaced, scan
from agent.reviewing import answered, place_of, signed_header
from agent.store import purchase

ACTION = "dispute"


def dispute(shell: Shell, args: Namespace) -> int:
    """Open a case; the marketplace decides it."""
    account = shell.settings.payer()
    with shell.store().begin() as connection:
        place = place_of(purchase(connection, args.id))
    found = scan(args.reason)
    header = signed_header(ACTION, place, account, replaced(args.reason, found), SystemClock())
    with shell.client() as client:
        answered(client, "POST", f"{place.url}/{ACTION}", headers={"Authorization": header})
    taken = f"; taken out of the reason: {', '.join(one.label for one in found)}" if found else ""
    shell.out.print(f"disputed: {place.order_id}{taken}", soft_wrap=True)
    return 0
