"""A TCP line to a node that breaks in the middle of something, and stays broken until it is mended."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class CutLine:
    """Relays bytes to `target`. While it is `broken`, every connection ends at once, as with a node that is away."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._words, self._left, self._delivers = b"", 0, False
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def break_at(self, words: str, number: int = 1, *, delivers: bool = False) -> None:
        """Break when these words are sent the n-th time from now on; with `delivers` only their answer is lost."""
        with self._lock:
            self._words, self._left, self._delivers = words.encode(), number, delivers

    def mend(self) -> None:
        """From now on connections stay."""
        self.broken = False

    def relay(self, client: socket.socket) -> None:
        """One connection, to its end."""
        if self.broken:
            return
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as node:
            with self._lock:
                self._open |= {client, node}
            back = threading.Thread(target=self._answers, args=(node, client), daemon=True)
            back.start()
            while data := client.recv(65536):
                if not self._is_it(data):
                    node.sendall(data)
                elif self._delivers:
                    self.broken = True
                    node.sendall(data)
                else:
                    self._break()
            node.shutdown(socket.SHUT_WR)
            back.join()
        with self._lock:
            self._open -= {client}

    def _answers(self, node: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := node.recv(65536):
                if self.broken:
                    self._break()
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _is_it(self, data: bytes) -> bool:
        with self._lock:
            if not self._left or self._words not in data:
                return False
            self._left -= 1
            return self._left == 0

    def _break(self) -> None:
        self.broken = True
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._open.clear()


@contextmanager
def run_cut_line(target: int) -> Iterator[CutLine]:
    """A line to a port of this machine, until the end of the block."""
    line = CutLine(target)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            line.relay(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: Any) -> None:
            """A connection that ends in the middle is what this is for."""

    with Server(("127.0.0.1", 0), Handler) as server:
        line.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield line
        line._break()
        server.shutdown()
        thread.join()
