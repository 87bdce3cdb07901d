"""A seller's stand: the seller, and somebody else, by HTTP on free ports of loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import httpx

from agent.testing.corpus.cases import Case, Places, Respond
from agent.testing.seller import Seller

LOOPBACK = "127.0.0.1"
_FRAMING = (b"content-length", b"connection", b"transfer-encoding")


@contextmanager
def stand(case: Case | None = None) -> Iterator[Seller]:
    """A seller that answers until the block ends, bent as a case of the corpora says."""
    with _Server() as shop, _Server() as other:
        aside = f"{LOOPBACK}:{other.server_port}"
        look_alike = f"http://{LOOPBACK}:{shop.server_port}@{aside}"
        seller = Seller(Places(shop.origin, f"http://{aside}", look_alike, f"http://{aside}"))
        if case is not None:
            seller.url, seller.may_be_paid = case.at(seller.places), case.signs
            case.prepare(seller)
        with shop.answering(seller.handle), other.answering(seller.elsewhere):
            yield seller


class _Server(ThreadingHTTPServer):
    """A server on a free port; each connection is closed after its answer, so that none outlives a test."""

    daemon_threads = False
    respond: Respond

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Handler)

    @property
    def origin(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"

    @contextmanager
    def answering(self, respond: Respond) -> Iterator[None]:
        """Answer requests like this, in a thread."""
        self.respond = respond
        thread = threading.Thread(target=self.serve_forever, args=(0.01,), name=f"seller at {self.origin}")
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    def handle_one_request(self) -> None:
        """Any method alike."""
        self.raw_requestline = self.rfile.readline(65_537)
        readable = bool(self.raw_requestline) and self.parse_request()
        self.close_connection = True
        if not readable:
            return
        if "transfer-encoding" in self.headers:
            self.send_error(411)
            return
        server = cast(_Server, self.server)
        try:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            url = httpx.URL(server.origin + self.path)
            request = httpx.Request(self.command, url, headers=self.headers.items(), content=content)
            answer = server.respond(request)
        except (ValueError, httpx.InvalidURL):
            self.send_error(400)
        except httpx.TransportError:
            return  # no answer is the answer
        else:
            self._write(answer)

    def _write(self, answer: httpx.Response) -> None:
        lines = [f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}".encode()]
        lines += [name + b": " + value for name, value in answer.headers.raw if name.lower() not in _FRAMING]
        lines += [b"Content-Length: %d" % len(answer.content), b"Connection: close", b"", b""]
        self.wfile.write(b"\r\n".join(lines) + (b"" if self.command == "HEAD" else answer.content))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what was asked is in `Seller.requests`."""
