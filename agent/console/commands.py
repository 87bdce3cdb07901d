"""The command `paddock-agent console`: it serves the pages on this machine until it is told to end."""

import os
import socket
from argparse import Namespace
from ipaddress import ip_address

import uvicorn

from agent.clock import SystemClock
from agent.commands import APPROVER_KEY, Shell, approver_account
from agent.console.app import create_app
from agent.console.desk import Desk, require_another, wallet_of
from agent.console.link import Link
from agent.console.rendering import TEMPLATES
from agent.console.sessions import Sessions
from agent.errors import SettingsError
from agent.printing import plain

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def console(shell: Shell, args: Namespace) -> int:
    """Serve the console; its link is printed, and in the home folder."""
    if not TEMPLATES.is_dir():
        raise SettingsError(f"the pages are missing: {TEMPLATES}", "run it from a checkout, which has them")
    settings, clock = shell.settings, SystemClock()
    policy, store, wallet = settings.load_policy(), shell.store(), wallet_of(settings)
    approver = approver_account(args.key_file) if args.key_file is not None or os.environ.get(APPROVER_KEY) else None
    if approver is not None:
        require_another(approver, policy, wallet)
    with _listening(args.host, args.port) as listening:
        name = _named(args.host)
        port = listening.getsockname()[1]
        hosts = frozenset(_with_port(one, port) for one in {name, *(LOOPBACK if _is_loopback(args.host) else ())})

        def tell(url: str) -> None:
            shell.err.print(f"the console is at {plain(url)} (this link works once)", soft_wrap=True, highlight=False)

        if not _is_loopback(args.host):
            shell.err.print("[yellow]others on the network can reach it, and read along: there is no TLS[/]")
        link = Link(f"http://{_with_port(name, port)}", settings.home, tell)
        desk = Desk(settings, store, clock, Sessions(clock, link.publish, link.withdraw), wallet, approver)
        config = uvicorn.Config(create_app(desk, hosts), log_level="warning", server_header=False, proxy_headers=False)
        server = uvicorn.Server(config)
        desk.ending = lambda: server.should_exit
        server.run(sockets=[listening])
    return 0


def _listening(host: str, port: int) -> socket.socket:
    """Raises SettingsError where that address cannot be had."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        raise SettingsError(f"{host}:{port} cannot be listened at: {error.strerror}", "give another --port") from error
    return made


def _named(host: str) -> str:
    """The host as browsers name it. Raises SettingsError for one that is every address: it has no name."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        raise SettingsError(f"{host} is every address of this machine", "give the one that the browser will ask")
    return f"[{host}]" if address.version == 6 else host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _with_port(host: str, port: int) -> str:
    return host if port == 80 else f"{host}:{port}"
