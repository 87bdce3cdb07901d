"""What `paddock-agent mcp` and `paddock-agent tool` do; each returns an exit status."""

import os
import sys
from argparse import Namespace
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import mcp_types as types
import msgspec
from rich.table import Table

from agent.buyer import Buyer
from agent.commands import Shell, approver_account, body_of, deliver, patience
from agent.errors import AgentError, ApprovalError, SellerUnavailable
from agent.frameworks.desk import Desk
from agent.mcp.client import Servers
from agent.mcp.server import build
from agent.printing import plain, table
from agent.settings import PREFIX, Settings
from agent.terms import TOOL_SCHEMES


def serve(shell: Shell, args: Namespace) -> int:
    """Serve MCP on standard input and output until they end; or print how an assistant is told to start this."""
    if args.show_config:
        shell.out.out(msgspec.json.encode(_configuration(shell.settings, args)).decode(), highlight=False)
        return 0
    approver = None
    buyer = Buyer.from_settings(shell.settings)
    if args.approver_key_file is not None:
        approver = partial(approver_account, args.approver_key_file)
        _require(approver().address, buyer.policy.approval.approver)
    build(Desk(buyer, args.task, approver)).run("stdio")
    return 0


def call(shell: Shell, args: Namespace) -> int:
    """Call a tool and pay for it if it must be and may be; without a tool, list them."""
    server = _endpoint(args.server)
    if args.tool is None:
        with closing(Servers(shell.settings.load_policy(), shell.settings.timeout)) as servers:
            try:
                shell.out.print(_table(servers.tools(server)))
            except httpx.TransportError as error:
                raise SellerUnavailable(
                    f"{plain(server)} does not answer: {error}", "start it, or mend its URL"
                ) from error
        return 0
    arguments = {} if args.data is None else body_of(args)
    with closing(Buyer.from_settings(shell.settings, patience(shell, args))) as buyer:
        url = f"{server}/{quote(args.tool, safe='')}"
        outcome = buyer.buy(url, "POST", json=arguments, task=args.task, again=args.again)
        return deliver(shell, buyer, outcome)


def _configuration(settings: Settings, args: Namespace) -> dict[str, Any]:
    """What desktop assistants read: paths that hold in every folder, and no secret."""
    arguments = ["-m", "agent.cli", "mcp", "--task", args.task]
    if args.approver_key_file is not None:
        arguments += ["--approver-key-file", str(args.approver_key_file.absolute())]
    stack = Path(os.environ.get("PADDOCK_AGENT_STACK", "var/stack.json"))
    paths = {"HOME": settings.home, "POLICY": settings.policy, "KEY_FILE": settings.key_file, "STACK": stack}
    told = {"RPC": settings.rpc, "SELLER": settings.seller, "FINALITY": settings.finality}
    told |= {name: str(path.absolute()) for name, path in paths.items() if path is not None}
    environ = {f"{PREFIX}{name}": value for name, value in told.items()}
    return {"mcpServers": {"paddock": {"command": sys.executable, "args": arguments, "env": environ}}}


def _endpoint(server: str) -> str:
    """What a person calls a server, as the agent's URLs have it."""
    found = f"mcp+{server}" if server.startswith(("http://", "https://")) else server
    if found.partition("://")[0] not in TOOL_SCHEMES:
        raise AgentError(f"{plain(server)} is no MCP server", "give mcp://NAME of the policy, or an endpoint's URL")
    return found.rstrip("/")


def _require(given: str, pinned: str) -> None:
    if given != pinned:
        raise ApprovalError(
            f"the key is {given}; the policy's approver is {pinned or 'nobody'}", "mend approval.approver, or the file"
        )


def _table(tools: list[types.Tool]) -> Table:
    rows = table("tool", "arguments", "what its server says of it")
    for tool in tools:
        arguments = ", ".join(map(str, tool.input_schema.get("properties") or ()))
        rows.add_row(plain(tool.name, 128), plain(arguments or "–"), plain(tool.description or tool.title or "–"))
    return rows
