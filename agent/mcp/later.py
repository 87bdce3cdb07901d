"""What needs the package `mcp`, loaded when it is first needed: it takes longer than all the rest of the agent."""

import threading
from argparse import Namespace
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import httpx

from agent.policy_file import PolicyFile
from agent.terms import TOOL_SCHEMES


def load(name: str) -> ModuleType:
    """The module `agent.mcp.<name>`."""
    return import_module(f"agent.mcp.{name}")


def command(name: str) -> Callable[[Any, Namespace], int]:
    """A command of `agent.mcp.commands`, which is loaded when it runs."""

    def run(shell: Any, args: Namespace) -> int:
        status: int = getattr(load("commands"), name)(shell, args)
        return status

    return run


def mounts(policy: PolicyFile, timeout: float) -> dict[str, httpx.BaseTransport]:
    """For `httpx.Client(mounts=…)`: MCP servers' tools, as if each were a resource that takes a POST."""
    tools = Tools(policy, timeout)
    return {f"{scheme}://": tools for scheme in TOOL_SCHEMES}


class Tools(httpx.BaseTransport):
    """Stands for `agent.mcp.client.Servers` until a tool is asked for. Safe to use from many threads."""

    def __init__(self, policy: PolicyFile, timeout: float) -> None:
        self._policy, self._timeout = policy, timeout
        self._servers: httpx.BaseTransport | None = None
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            if self._servers is None:
                self._servers = load("client").Servers(self._policy, self._timeout)
            servers = self._servers
        return servers.handle_request(request)

    def close(self) -> None:
        with self._lock:
            if self._servers is not None:
                self._servers.close()
