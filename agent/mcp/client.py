"""Foreign MCP servers as an httpx transport: `mcp://name/tool` here, `mcp+https://host/path/tool` elsewhere."""

import threading
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from typing import Any
from urllib.parse import unquote

import anyio
import httpx
import mcp_types as types
import msgspec
from anyio.from_thread import BlockingPortal
from mcp import Client, MCPError
from pydantic import ValidationError

from agent.errors import SettingsError
from agent.mcp import wire
from agent.mcp.reaching import reach
from agent.policy_file import PolicyFile
from agent.terms import origin_of, path_of

_CALLERS_FAULT = (types.INVALID_REQUEST, types.METHOD_NOT_FOUND, types.INVALID_PARAMS)
_MOST_PAGES = 20


class Servers(httpx.BaseTransport):
    """A request for a tool becomes one call of it, by a session that is kept. Nothing is sent twice from here.

    A server of this machine is started by the command that the policy lists for it, and gets none of the agent's
    environment but PATH and the like. Safe to use from many threads.
    """

    def __init__(self, policy: PolicyFile, timeout: float) -> None:
        self._merchants, self._timeout = policy.merchants, timeout
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._sessions: dict[str, tuple[Client, ExitStack]] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx.TransportError where no answer came, like every transport."""
        parent, _, tool = path_of(request.url).rpartition("/")
        server = origin_of(request.url) + parent
        if request.method != "POST" or not tool:
            return httpx.Response(404, json={"detail": "a tool of an MCP server takes a POST"}, request=request)
        try:
            arguments: Any = msgspec.json.decode(request.content or b"{}")
        except msgspec.DecodeError:
            arguments = None
        if not isinstance(arguments, dict):
            return httpx.Response(400, json={"detail": "a tool's arguments are a JSON object"}, request=request)
        values = {"name": unquote(tool), "arguments": arguments, "_meta": wire.payment_in(request)}
        call = types.CallToolRequest(params=types.CallToolRequestParams.model_validate(values))
        client = self._connected(server, request)
        try:
            result = self._run(partial(client.session.send_request, call, types.CallToolResult))
        except MCPError as error:
            if error.code in _CALLERS_FAULT:
                return httpx.Response(wire.FAILED, json={"detail": f"{error}"}, request=request)
            raise self._lost(server, request, error) from error
        except ValidationError:
            return httpx.Response(wire.FAILED, json={"detail": "no result of a tool"}, request=request)
        except (Exception, BaseExceptionGroup) as error:  # whatever becomes of a stranger's stream
            raise self._lost(server, request, error) from error
        return wire.answer(result.model_dump(mode="json", by_alias=True, exclude_none=True), request)

    def tools(self, server: str) -> list[types.Tool]:
        """What a server offers. Raises httpx.TransportError."""
        request = httpx.Request("POST", f"{server}/")
        client = self._connected(server, request)
        found: list[types.Tool] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            try:
                page = self._run(partial(client.list_tools, cursor=cursor))
            except (Exception, BaseExceptionGroup) as error:
                raise self._lost(server, request, error) from error
            found += page.tools
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    def close(self) -> None:
        """End all sessions, and the servers that were started for them."""
        with self._lock:
            for _, session in self._sessions.values():
                session.close()
            self._sessions.clear()
            if self._portal is not None:
                self._portal.call(self._portal.stop)
                self._portal = None

    def _connected(self, server: str, request: httpx.Request) -> Client:
        with self._lock:
            if server in self._sessions:
                return self._sessions[server][0]
            if self._portal is None:
                self._portal = _start_portal()
            session, client = ExitStack(), Client(self._place(server), read_timeout_seconds=self._timeout)
            try:
                session.enter_context(self._portal.wrap_async_context_manager(client))
            except (Exception, BaseExceptionGroup) as error:
                raise httpx.ConnectError(f"no MCP server ({type(error).__name__})", request=request) from error
            self._sessions[server] = client, session
            return client

    def _place(self, server: str) -> Any:
        """How a server is reached. Raises SettingsError for one that the policy does not list, and AddressRefused."""
        url = httpx.URL(server)
        origin = origin_of(url)
        merchant = next((one for one in self._merchants if one.origin == origin), None)
        if merchant is None:
            command = ' and the command that starts it, command = ["…"]' if url.scheme == "mcp" else ""
            raise SettingsError(f"the policy lists no server {server}", f'add a merchant, origin = "{origin}"{command}')
        return reach(server.removeprefix("mcp+"), merchant)

    def _run(self, call: partial[Any]) -> Any:
        assert self._portal is not None
        return self._portal.call(call)

    def _lost(self, server: str, request: httpx.Request, error: BaseException) -> httpx.ReadError:
        """Whatever happened, this session is not used again."""
        with self._lock:
            _, session = self._sessions.pop(server, (None, None))
        if session is not None:
            session.close()
        return httpx.ReadError(f"the MCP server gave no answer ({type(error).__name__})", request=request)


def _start_portal() -> BlockingPortal:
    """An event loop in a thread that no exit waits for: a server whose client is gone reads the end of its input."""
    started: Future[BlockingPortal] = Future()

    async def live() -> None:
        async with BlockingPortal() as portal:
            started.set_result(portal)
            await portal.sleep_until_stopped()

    threading.Thread(target=anyio.run, args=(live,), name="mcp", daemon=True).start()
    return started.result()
