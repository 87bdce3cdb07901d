"""A JSON-RPC node over real HTTP that answers as another one does, but for the methods it lies about."""

import json
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Lie = Callable[[list[Any], Any], Any]
"""What is answered, of the parameters and the true result."""


class LyingNode:
    """`lies` by method may be changed at any time; `asked` counts requests by method."""

    def __init__(self, truth: str, lies: Mapping[str, Lie]) -> None:
        self.truth, self.lies = truth, dict(lies)
        self.asked: Counter[str] = Counter()
        self.url = ""

    def answer(self, body: bytes) -> bytes:
        request = json.loads(body)
        self.asked[request["method"]] += 1
        post = urllib.request.Request(self.truth, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(post, timeout=20) as response:
            said = json.load(response)
        lie = self.lies.get(request["method"])
        if lie:
            said = {"jsonrpc": "2.0", "id": request["id"], "result": lie(request["params"], said.get("result"))}
        return json.dumps(said).encode()


@contextmanager
def run_lying_node(truth: str, lies: Mapping[str, Lie]) -> Iterator[LyingNode]:
    """Listens until the end of the block."""
    node = LyingNode(truth, lies)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = node.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    node.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield node
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
