"""A remote signer over real HTTP in a thread of its own, honest unless a test bends it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

TOKEN = "t0ken-of-the-signing-machine"
NUMBERS = ("chainId", "nonce", "value", "gas", "maxFeePerGas", "maxPriorityFeePerGas")


@dataclass
class Machine:
    """`bend` may change what is signed, `answer` what is said; `asked` are the requests' paths and bodies."""

    key: LocalAccount = field(default_factory=Account.create)
    bend: Callable[[dict[str, Any]], dict[str, Any]] = lambda fields: fields
    answer: Callable[[dict[str, str]], Any] = lambda signed: signed
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    gate: threading.Event | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/vault"

    @property
    def source(self) -> str:
        """As PADDOCK_…_SIGNER has it."""
        return f"{self.url}#{self.key.address}"

    def sign(self, path: str, request: dict[str, Any]) -> dict[str, str]:
        if path.endswith("/sign/digest"):
            digest = bytes.fromhex(self.bend(request)["digest"][2:])
            return {"signature": "0x" + bytes(self.key.unsafe_sign_hash(digest).signature).hex()}
        fields = {name: int(request[name]) for name in NUMBERS} | {"to": request["to"], "data": request["data"]}
        signed = self.key.sign_transaction(self.bend({"type": 2} | fields))
        return {"raw": "0x" + bytes(signed.raw_transaction).hex()}


@contextmanager
def run_machine(machine: Machine | None = None) -> Iterator[Machine]:
    """Listens until the end of the block."""
    machine = machine or Machine()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if machine.gate:
                machine.gate.wait()
            allowed = self.headers["Authorization"] == f"Bearer {TOKEN}" and request["address"] == machine.key.address
            machine.asked.append((self.path, request))
            said = machine.answer(machine.sign(self.path, request)) if allowed else {}
            self.send_response(machine.status if allowed else 403)
            for name, value in machine.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said if isinstance(said, bytes) else json.dumps(said).encode())

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    machine.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield machine
    finally:
        if machine.gate:
            machine.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
