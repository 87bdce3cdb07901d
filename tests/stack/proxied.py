"""The fake seller for processes of their own: they reach it, and its chain, by way of an HTTP proxy."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.fakes.buyer_chain import RPC
from tests.fakes.seller import ORIGIN, FakeSeller, account


@contextmanager
def run_proxied(seller: FakeSeller) -> Iterator[str]:
    """The proxy's URL; from now on the seller's clock stands at the present."""
    seller.clock.moment = datetime.now(UTC)

    class Proxy(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            response = seller.handle(httpx.Request(self.command, self.path, headers=dict(self.headers), content=body))
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.content)

        do_GET = do_POST = answer

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def agent_environment(home: Path, proxy: str) -> dict[str, str]:
    """What an agent of that home needs in its environment, and nothing else."""
    return {
        "PATH": os.environ["PATH"],
        "HTTP_PROXY": proxy,
        "COLUMNS": "200",
        "PADDOCK_AGENT_HOME": str(home),
        "PADDOCK_AGENT_RPC": RPC,
        "PADDOCK_AGENT_SELLER": ORIGIN,
        "PADDOCK_AGENT_FINALITY": "latest",
        "PADDOCK_AGENT_KEY": account("buyer").key.hex(),
        "PADDOCK_AGENT_STACK": str(home / "no-stack.json"),
    }
