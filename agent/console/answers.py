"""The person's answers: approve, deny, stop, start. Each is a form of the console's own, and takes effect at once."""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath
from litestar.response import Redirect
from sqlalchemy import Connection

from agent import approvals, grants, switch
from agent.console.entering import desk_of, session_of
from agent.console.forms import Given, require_csrf
from agent.errors import ApprovalError

INBOX = "/approvals"
MOST_REASON = 300


@post("/approvals/{question:str}/approve", sync_to_thread=True)
def approve(request: Request[Any, Any, Any], question: FromPath[str], data: Given) -> Response[Any]:
    """Once: signed by the key that this process was given, else by the person's wallet in the browser."""
    with _answering(request, data) as (connection, now):
        _require_seen(connection, question, data)
        desk = desk_of(request)
        if desk.approver is not None:
            approvals.approve(connection, question, desk.approver, now)
        else:
            approvals.approve_signed(connection, question, data.get("signature", ""), now)
    return _back(INBOX)


@post("/approvals/{question:str}/always", sync_to_thread=True)
def always(request: Request[Any, Any, Any], question: FromPath[str], data: Given) -> Response[Any]:
    """This purchase, and those like it from now on; a wallet in the browser signs for both."""
    with _answering(request, data) as (connection, now):
        _require_seen(connection, question, data)
        desk = desk_of(request)
        if desk.approver is not None:
            grants.approve_always(connection, question, desk.policy(), desk.approver, now)
        else:
            terms = grants.proposed(connection, question, desk.policy(), now)
            asked = approvals.approve_signed(connection, question, data.get("signature", ""), now)
            grants.give(connection, asked, terms, data.get("standing", ""), now)
    return _back(INBOX)


@post("/standing/{grant:str}/revoke", sync_to_thread=True)
def revoke(request: Request[Any, Any, Any], grant: FromPath[str], data: Given) -> Response[Any]:
    """Take a standing approval back; it takes no key."""
    with _answering(request, data) as (connection, now):
        grants.revoke(connection, grant, now)
    return _back(INBOX)


@post("/approvals/{question:str}/deny", sync_to_thread=True)
def deny(request: Request[Any, Any, Any], question: FromPath[str], data: Given) -> Response[Any]:
    """Say no; it takes no key."""
    with _answering(request, data) as (connection, now):
        _require_seen(connection, question, data)
        approvals.refuse(connection, question, now)
    return _back(INBOX)


@post("/stop", sync_to_thread=True)
def stop(request: Request[Any, Any, Any], data: Given) -> Response[Any]:
    """The kill switch: nothing more is signed."""
    with _answering(request, data) as (connection, now):
        switch.stop(connection, data.get("reason", "").strip()[:MOST_REASON], now)
    return _back("/")


@post("/start", sync_to_thread=True)
def start(request: Request[Any, Any, Any], data: Given) -> Response[Any]:
    """Sign again."""
    with _answering(request, data) as (connection, now):
        switch.start(connection, now)
    return _back("/")


@contextmanager
def _answering(request: Request[Any, Any, Any], given: dict[str, str]) -> Iterator[tuple[Connection, datetime]]:
    """One answer, by a form of this session: all of it is stored at the end of the block, or nothing."""
    require_csrf(session_of(request), given)
    desk = desk_of(request)
    with desk.store.begin() as connection:
        yield connection, desk.clock.now()


def _require_seen(connection: Connection, question: str, given: dict[str, str]) -> None:
    """The answer is to the very terms that were on the page. Raises ApprovalError."""
    seen = approvals.approval(connection, question).terms.digest().hex()
    if not hmac.compare_digest(given.get("digest", "").encode(), f"0x{seen}".encode()):
        raise ApprovalError(f"{question} asks for other terms now", "read it again, then answer")


def _back(path: str) -> Response[Any]:
    return Redirect(path, status_code=303)


ANSWERS = (approve, always, revoke, deny, stop, start)
