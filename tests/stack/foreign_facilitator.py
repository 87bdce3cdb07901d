"""The facilitator of the official Python SDK over HTTP, which can be told to lie."""

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from x402 import x402Facilitator
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.exact import register_exact_evm_facilitator
from x402.schemas import PaymentPayload, PaymentRequirements

from tests.stack import official
from tests.stack.served import answer, live, read_body

official.extension("eip2612_gas_sponsoring")  # what the facilitator of upto imports, without all that goes with it
from x402.mechanisms.evm.upto.facilitator import UptoEvmScheme  # noqa: E402


@dataclass(frozen=True)
class Lie:
    """What is said once in place of the truth: bytes as they are, or fields laid over a success (None removes one).

    With `moves` the money moves all the same, and the fields are laid over the true answer.
    """

    says: bytes | dict[str, Any]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    moves: bool = False


@dataclass
class ForeignFacilitator:
    """The ASGI application. `lies` are used up by path; `asked` are the requests as (path, headers)."""

    rpc: str
    network: str
    key: LocalAccount = field(default_factory=Account.create)
    lies: dict[str, deque[Lie]] = field(default_factory=lambda: {"/verify": deque(), "/settle": deque()})
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        signer = FacilitatorWeb3Signer(private_key="0x" + self.key.key.hex().removeprefix("0x"), rpc_url=self.rpc)
        self._sdk = register_exact_evm_facilitator(x402Facilitator(), signer, networks=self.network)
        self._sdk.register([self.network], UptoEvmScheme(signer))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        path = scope["path"]
        self.asked.append((path, {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}))
        request = await read_body(receive)
        lie = self.lies[path].popleft() if self.lies.get(path) else None
        if lie is None:
            await answer(send, 200, json.dumps(await self._truth(path, request)).encode())
            return
        truth = await self._truth(path, request) if lie.moves else self._made_up(path)
        await answer(send, lie.status, _told(truth, lie.says), lie.headers)

    async def _truth(self, path: str, request: bytes) -> dict[str, Any]:
        if path == "/supported":
            return self._sdk.get_supported().model_dump(by_alias=True, exclude_none=True)
        asked = json.loads(request)
        payment = PaymentPayload.model_validate(asked["paymentPayload"])
        wanted = PaymentRequirements.model_validate(asked["paymentRequirements"])
        do = self._sdk.verify if path == "/verify" else self._sdk.settle
        told = await asyncio.to_thread(asyncio.run, do(payment, wanted))  # the SDK's signer blocks its thread
        return told.model_dump(by_alias=True, exclude_none=True)

    def _made_up(self, path: str) -> dict[str, Any]:
        if path == "/verify":
            return {"isValid": True}
        return {"success": True, "transaction": "0x" + secrets.token_hex(32), "network": self.network}


def _told(truth: dict[str, Any], says: bytes | dict[str, Any]) -> bytes:
    if isinstance(says, bytes):
        return says
    return json.dumps({name: value for name, value in (truth | says).items() if value is not None}).encode()
