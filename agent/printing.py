"""How the command line shows things: amounts in units, tables, and sellers' texts made harmless."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.approvals import ZERO_ADDRESS, Approval
from agent.errors import AgentError
from agent.grants import GrantTerms
from agent.market import Offer
from agent.models import Proof
from agent.outcome import Outcome
from agent.policy_file import PolicyFile
from agent.privacy import redact
from agent.report import Line
from agent.transfers import Transfer
from protocol.amounts import display

_COLOURS = {"delivered": "green", "refunded": "yellow", "waiting": "yellow", "in_doubt": "yellow"}

_NEXT = {
    "waiting": "a person decides: paddock-agent approvals approve {} --key-file FILE",
    "in_doubt": "nothing is signed again for it; ask once more with: paddock-agent resume {}",
}


def printable(text: object, longest: int = 300) -> str:
    """A stranger's text in one line: no control characters, not too long."""
    return "".join(character if character.isprintable() else " " for character in str(text))[:longest]


def plain(text: object, longest: int = 300) -> str:
    """The same for a terminal: no markup either."""
    return escape(printable(text, longest))


def money(amount: int, network: str | None, asset: str | None, policy: PolicyFile | None) -> str:
    """An amount in units of an asset that the policy knows, else in atomic units."""
    for known in policy.assets if policy else ():
        if (known.network, known.address) == (network, asset):
            return f"{display(amount, known.decimals)} {known.symbol}".strip()
    return f"{amount} atomic units"


def spent(outcome: Outcome, policy: PolicyFile | None) -> str:
    """What a purchase cost; of a metered one, beside its ceiling."""
    most = money(outcome.amount, outcome.network, outcome.asset, policy)
    if outcome.charged is None:
        return most
    return f"{money(outcome.charged, outcome.network, outcome.asset, policy)} of at most {most}"


def show_outcome(console: Console, outcome: Outcome, policy: PolicyFile | None) -> None:
    """One line about a purchase, and what to do where something is to be done."""
    colour = _COLOURS.get(outcome.status, "red")
    price = spent(outcome, policy) if outcome.asset else ""
    facts = [price, outcome.mode, None if outcome.proof == Proof.NONE else f"proof {outcome.proof}"]
    facts += [f"refund {outcome.refund}" if outcome.refund else outcome.settlement, outcome.purchase_id]
    line = " · ".join(str(fact) for fact in facts if fact)
    console.print(f"[{colour}]{outcome.status}[/] {plain(line)}", soft_wrap=True)
    if outcome.action:
        console.print(f"  {plain(outcome.contract)}: {plain(outcome.action, 600)}", soft_wrap=True)
    if outcome.detail and (outcome.rule != "free" or outcome.status == "failed"):
        console.print(f"  {plain(outcome.rule)}: {plain(redact(outcome.detail), 600)}", soft_wrap=True)
    if outcome.removed:
        console.print(f"  taken out: {plain(outcome.removed)}", soft_wrap=True)
    if outcome.status in _NEXT:
        console.print(f"  {_NEXT[outcome.status].format(outcome.purchase_id)}", soft_wrap=True)


def show_transfer(console: Console, moved: Transfer, policy: PolicyFile | None) -> None:
    """One line about a transfer."""
    price = money(moved.amount, moved.network, moved.asset, policy)
    console.print(f"{moved.state} {plain(f'{price} to {moved.recipient} · {moved.transaction}')}", soft_wrap=True)


def show_error(console: Console, error: AgentError) -> None:
    """What was wrong, and what to do."""
    console.print(f"[red]{plain(redact(str(error)), 600)}[/]", soft_wrap=True)
    if error.mend:
        console.print(f"  {plain(error.mend)}", soft_wrap=True)


def offers_table(offers: Iterable[Offer], seller: str, policy: PolicyFile | None) -> Table:
    """Offers, cheapest first; of a URL at the seller's origin only what follows that, so that it fits into a line."""
    rows = table("price", "per", "mode", "request", "title")
    base = seller.rstrip("/")
    rows.title, rows.title_justify, rows.title_style = f"on sale at {plain(base)}", "left", ""
    for offer in offers:
        terms = offer.terms
        price = ("up to " if terms.metered else "") + money(terms.amount, terms.network, terms.asset, policy)
        at = offer.url[len(base) :] if offer.url.startswith(f"{base}/") else offer.url
        row = (price, offer.unit, terms.mode, f"{offer.method} {at}", offer.title or offer.description)
        rows.add_row(*(plain(cell, 90) for cell in row))
    return rows


def approval_lines(asked: Approval, policy: PolicyFile | None) -> dict[str, str]:
    """A question to the person, with everything that the signature will cover, and no word of the seller's."""
    terms = asked.terms
    called = f"{terms.callback}: {terms.action}" if terms.action else terms.callback
    return {
        "price": f"{money(int(terms.amount), terms.network, terms.asset, policy)} ({terms.asset} on {terms.network})",
        "request": f"{terms.method} {terms.url}",
        "body": terms.body_hash,
        "paid to": f"{terms.pay_to}, {terms.mode}",
        "calls": "no contract" if terms.callback == ZERO_ADDRESS else called,
        "until": f"{asked.expires_at:%Y-%m-%d %H:%M:%S} UTC",
        "why": asked.reason,
    }


def standing_words(terms: GrantTerms, policy: PolicyFile | None) -> str:
    """What a standing approval lets pass, in one sentence."""
    price = money(int(terms.most), terms.network, terms.asset, policy)
    place = f"{terms.method} {terms.origin}{terms.path} with any query and body"
    until = datetime.fromtimestamp(terms.until, UTC)
    to = f"{terms.pay_to} in {terms.asset} on {terms.network} ({terms.mode}, {terms.scheme})"
    said = f"{place}, for up to {price} each to {to}, until {until:%Y-%m-%d %H:%M:%S} UTC, where {terms.rule} would ask"
    return said if terms.callback == ZERO_ADDRESS else f"{said}; calling {terms.callback} with {terms.calldata}"


def show_approval(console: Console, asked: Approval, policy: PolicyFile | None) -> None:
    """A question to the person on a terminal."""
    console.print(f"[bold]{plain(asked.id)}[/]")
    for name, value in approval_lines(asked, policy).items():
        console.print(f"  {name:<8} {plain(value)}", soft_wrap=True, highlight=False)


def outcomes_table(outcomes: Iterable[Outcome], policy: PolicyFile | None) -> Table:
    """Purchases with what proves them."""
    rows = table("receipt", "proof", "price", "mode", "order")
    for outcome in outcomes:
        price = spent(outcome, policy)
        row = (outcome.receipt_id, outcome.proof, price, outcome.mode, outcome.order_id)
        rows.add_row(*(plain(cell or "–") for cell in row))
    return rows


def spending_table(by: str, lines: Iterable[Line], policy: PolicyFile | None) -> Table:
    """Spending by task, merchant or day."""
    rows = table(by, "purchases", "paid", "still open")
    for line in lines:
        paid, still_open = (money(amount, line.network, line.asset, policy) for amount in (line.settled, line.open))
        rows.add_row(plain(line.key), str(line.purchases), paid, still_open)
    return rows


def table(first: str, *others: str) -> Table:
    """Without lines, so that a narrow terminal shows more; what does not fit is folded, never cut."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    rows.add_column(first, no_wrap=True)
    for name in others:
        rows.add_column(name, overflow="fold")
    return rows
