"""The agent as an MCP server: the desk's abilities as tools, by which an assistant searches, buys and reads receipts.

No tool approves, changes a limit, names a budget or touches the wallet. Where a person is asked, the question goes to
that person through the client (elicitation), holds no word of the model's or a seller's but the URL, and a yes signs
for exactly these terms, once.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult, MCPServer, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import BaseModel, Field

from agent import approvals, grants
from agent.errors import AgentError
from agent.frameworks import shapes
from agent.frameworks.desk import INSTRUCTIONS, Body, Desk, Limit, Method, Query, ReceiptId, Url, Verb, told
from agent.outcome import Outcome
from agent.policy_file import PolicyFile
from agent.printing import approval_lines, printable, standing_words


class Agreement(BaseModel):
    """What the person is asked to fill in. A client that only says "accepted" has agreed to nothing."""

    approve: bool = Field(default=False, title="Pay this, once", description="signs for exactly these terms")


class LastingAgreement(Agreement):
    """The same where the policy lets the person say it for the like too."""

    always: bool = Field(default=False, title="And always", description="signs also for what the last line says")


Ctx = Context[Desk, Any]


def search(ctx: Ctx, query: Query = "", limit: Limit = 20) -> shapes.Listings:
    with _told():
        return _desk(ctx).search(query, limit)


def price(ctx: Ctx, url: Url, method: Verb = None, body: Body = None) -> shapes.Quote:
    with _told():
        return _desk(ctx).price(url, method, body)


def attempt(ctx: Ctx, url: str, method: Method | None, body: Any) -> Outcome:
    """The purchase, before anybody is asked."""
    with _told():
        return _desk(ctx).attempt(url, method, body)


def question(ctx: Ctx, outcome: Annotated[Outcome, Resolve(attempt)]) -> Elicit[Agreement] | None:
    """The question to the person; None where nothing waits, or nobody can be asked here."""
    desk = _desk(ctx)
    if outcome.status != "waiting" or desk.approver is None or not _can_ask(ctx):
        return None
    policy = desk.buyer.policy.file
    with desk.buyer.store.begin() as connection:
        asked = approvals.approval(connection, outcome.purchase_id or "")
        lasting = grants.offered(connection, asked.id, policy, desk.buyer.clock.now())
    if asked.state is not approvals.ApprovalState.PENDING:
        return None
    return Elicit(words(asked, policy, lasting), Agreement if lasting is None else LastingAgreement)


def words(asked: approvals.Approval, policy: PolicyFile, lasting: grants.GrantTerms | None = None) -> str:
    """The question as the person reads it: one line for each thing that the signature will cover."""
    lines = [f"{name}: {printable(value, 600)}" for name, value in approval_lines(asked, policy).items()]
    if lasting is not None:
        lines.append(f"always: {printable(standing_words(lasting, policy), 900)}")
    return "\n".join(["Your agent asks to pay for this. Nothing is paid unless you say so.", *lines])


def buy(
    ctx: Ctx,
    url: Url,
    outcome: Annotated[Outcome, Resolve(attempt)],
    said: Annotated[ElicitationResult[Agreement], Resolve(question)],
    method: Verb = None,
    body: Body = None,
) -> shapes.Purchase:
    desk = _desk(ctx)
    answered = said.action != "cancel" and not (isinstance(said, AcceptedElicitation) and said.data is None)
    if outcome.purchase_id is not None and answered:
        agreed = said.data if isinstance(said, AcceptedElicitation) else None
        with _told():
            outcome = _decided(desk, outcome.purchase_id, agreed)
    return desk.shown(outcome)


def receipts(ctx: Ctx, receipt_id: ReceiptId = None, limit: Limit = 20) -> shapes.Receipts:
    with _told():
        return _desk(ctx).receipts(receipt_id, limit)


def budget(ctx: Ctx) -> shapes.Budget:
    return _desk(ctx).budget()


def build(desk: Desk) -> MCPServer[Desk]:
    """The server over one buyer, which it closes at its end."""

    @asynccontextmanager
    async def lifespan(_: MCPServer[Desk]) -> AsyncIterator[Desk]:
        try:
            yield desk
        finally:
            desk.buyer.close()

    server = MCPServer("paddock", instructions=INSTRUCTIONS, lifespan=lifespan, log_level="WARNING")
    reads = ToolAnnotations(read_only_hint=True)
    pays = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)
    for tool in (search, price, buy, receipts, budget):
        words = getattr(Desk, tool.__name__).__doc__
        server.add_tool(tool, description=words, annotations=pays if tool is buy else reads)
    return server


def _desk(ctx: Ctx) -> Desk:
    return ctx.request_context.lifespan_context


def _can_ask(ctx: Ctx) -> bool:
    """Whether the client puts forms to its person; one that declares elicitation without modes means forms."""
    capabilities = ctx.client_capabilities
    declared = None if capabilities is None else capabilities.elicitation
    return declared is not None and (declared.form is not None or declared.url is None)


def _decided(desk: Desk, purchase_id: str, agreed: Agreement | None) -> Outcome:
    """The person's answer, kept and followed. Raises ApprovalError where it comes too late."""
    now, policy = desk.buyer.clock.now(), desk.buyer.policy.file
    account = desk.approver() if agreed is not None and agreed.approve and desk.approver else None
    with desk.buyer.store.begin() as connection:
        if account is None:
            approvals.refuse(connection, purchase_id, now)
        elif isinstance(agreed, LastingAgreement) and agreed.always:
            grants.approve_always(connection, purchase_id, policy, account, now)
        else:
            approvals.approve(connection, purchase_id, account, now)
    return desk.buyer.resume(purchase_id)[0]


@contextmanager
def _told() -> Iterator[None]:
    """An error that a person or a model can mend, in its words."""
    try:
        yield
    except AgentError as error:
        raise ToolError(told(error)) from error
