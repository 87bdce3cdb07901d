"""The pages that are read: overview, inbox, decisions, one purchase, receipts."""

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath
from sqlalchemy import Connection

from agent import switch
from agent.console import bars, history, inbox
from agent.console.desk import Desk
from agent.console.entering import desk_of, session_of
from agent.console.rendering import render
from agent.exporting import exported
from agent.policy import Policy
from agent.policy_file import PolicyFile
from agent.sheets import receipts_sheet

LAST = 8


@get("/", sync_to_thread=True)
def overview(request: Request[Any, Any, Any]) -> Response[str]:
    """The wallet, the budgets, the switch, what waits, and the last decisions."""
    desk = desk_of(request)
    policy, now = desk.policy(), desk.clock.now()
    with desk.store.begin() as connection:
        return _page(
            request,
            connection,
            "overview.html",
            policy,
            assets=bars.asset_bars(connection, Policy(policy), now),
            waiting=[one for one in inbox.questions(connection, policy, now) if not one.lapsed],
            bought=history.decisions(connection, {})[:LAST],
            verdict=history.verdict,
        )


@get("/approvals", sync_to_thread=True)
def approvals_page(request: Request[Any, Any, Any]) -> Response[str]:
    """The inbox, and how its questions can be answered here."""
    desk = desk_of(request)
    policy = desk.policy()
    with desk.store.begin() as connection:
        return _page(
            request,
            connection,
            "approvals.html",
            policy,
            questions=inbox.questions(connection, policy, desk.clock.now()),
            standing=inbox.standing(connection, policy, desk.clock.now()),
            holds_key=desk.approver is not None,
        )


@get("/decisions", sync_to_thread=True)
def decisions_page(request: Request[Any, Any, Any]) -> Response[str]:
    """All purchases with what was decided and by which rule; `state`, `rule` and `merchant` leave those that fit."""
    desk = desk_of(request)
    chosen = {name: request.query_params[name] for name in history.FILTERS if request.query_params.get(name)}
    with desk.store.begin() as connection:
        return _page(
            request,
            connection,
            "decisions.html",
            desk.policy(),
            bought=history.decisions(connection, chosen),
            verdict=history.verdict,
            chosen=chosen,
            choices=history.choices(connection),
            most=history.MOST,
        )


@get("/purchases/{purchase_id:str}", sync_to_thread=True)
def purchase_page(request: Request[Any, Any, Any], purchase_id: FromPath[str]) -> Response[str]:
    """One purchase: what happened, its terms, its receipt and what was found about it."""
    desk = desk_of(request)
    with desk.store.begin() as connection:
        story = history.story(connection, purchase_id)
        return _page(request, connection, "purchase.html", desk.policy(), story=story, verdict=history.verdict)


@get("/receipts", sync_to_thread=True)
def receipts_page(request: Request[Any, Any, Any]) -> Response[str]:
    """What was delivered, and how well it is proven."""
    desk = desk_of(request)
    with desk.store.begin() as connection:
        kept = history.kept_receipts(connection)
        return _page(request, connection, "receipts.html", desk.policy(), kept=kept, most=history.MOST)


@get("/receipts.json", sync_to_thread=True)
def receipts_json(request: Request[Any, Any, Any]) -> Response[bytes]:
    """All receipts, as `paddock-agent receipts export` gives them."""
    with desk_of(request).store.begin() as connection:
        found = exported(connection)
    return _download("receipts.json", "application/json", msgspec.json.format(msgspec.json.encode(found), indent=2))


@get("/receipts.csv", sync_to_thread=True)
def receipts_csv(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The same as a table."""
    with desk_of(request).store.begin() as connection:
        found = exported(connection)
    return _download(
        "receipts.csv", "text/csv; charset=utf-8", receipts_sheet(found, desk_of(request).policy()).encode()
    )


def _page(
    request: Request[Any, Any, Any], connection: Connection, name: str, policy: PolicyFile, **context: Any
) -> Response[str]:
    """A page with what every page shows."""
    desk: Desk = desk_of(request)
    return render(
        name,
        csrf=session_of(request).csrf,
        path=request.url.path,
        policy=policy,
        stopped=switch.stopped(connection),
        wallet=desk.wallet,
        now=desk.clock.now(),
        **context,
    )


def _download(name: str, kind: str, content: bytes) -> Response[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)


PAGES = (overview, approvals_page, decisions_page, purchase_page, receipts_page, receipts_json, receipts_csv)
