"""A key in another process, over HTTP: for key vaults and signing machines behind a small front of their own.

    POST {url}/sign/transaction  {"address", "chainId", "nonce", "to", "data", "value", "gas", "maxFeePerGas",
                                  "maxPriorityFeePerGas"}   →  {"raw": "0x…"}: the EIP-1559 transaction, signed
    POST {url}/sign/digest       {"address", "digest"}      →  {"signature": "0x…"}: r‖s‖v over these 32 bytes

Numbers are decimal strings, bytes 0x-hex. Each request carries `Authorization: Bearer <token>`; a signer may refuse
with any status but 200. Both requests may be repeated: the answer says nothing that was not asked for.
"""

import asyncio
from typing import Any

import httpx
import msgspec
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from protocol.errors import ProtocolError
from protocol.hashing import keccak
from protocol.signatures import parse_hex, recover
from server.adapters.signers import fields_of, transaction_fields
from server.domain.outages import SignerUnavailable
from server.domain.sending import SignedTransaction
from server.ports import Call, Fees

TIMEOUT = 2.0
"""Seconds for one signature: a row of the database is locked meanwhile."""


class RemoteSigner:
    """Implements ports.TransactionSigner. Believes nothing: every signature is checked to be `address`'s over exactly
    what was asked for, before anybody sees it. Follows no redirects."""

    def __init__(self, url: str, address: str, token: str, timeout: float = TIMEOUT) -> None:
        self._url, self._address, self._timeout = url, address, timeout
        self._client = httpx.AsyncClient(
            timeout=timeout, follow_redirects=False, trust_env=False, headers={"Authorization": f"Bearer {token}"}
        )

    async def close(self) -> None:
        await self._client.aclose()

    @property
    def address(self) -> str:
        return self._address

    async def sign(self, chain_id: int, nonce: int, call: Call, gas: int, fees: Fees) -> SignedTransaction:
        fields = transaction_fields(chain_id, nonce, call, gas, fees)
        shown = {name: str(value) for name, value in fields.items() if name not in ("type", "data")}
        answer = await self._post("sign/transaction", shown | {"data": "0x" + call.data.hex()}, "raw")
        self._require_same(answer, fields)
        return SignedTransaction("0x" + keccak(answer).hex(), answer)

    async def replace(self, raw: bytes, fees: Fees) -> SignedTransaction:
        return await self.sign(*fields_of(raw), fees)

    async def sign_digest(self, digest: bytes) -> bytes:
        signature = await self._post("sign/digest", {"digest": "0x" + digest.hex()}, "signature")
        self._require_own(digest, signature)
        return signature

    def _require_same(self, raw: bytes, fields: dict[str, Any]) -> None:
        """The bytes are these fields and this key's signature over them, and nothing else."""
        try:
            v, r, s = TypedTransaction.from_bytes(HexBytes(raw)).vrs()
            wanted = TypedTransaction.from_dict(fields | {"v": v, "r": r, "s": s}).encode()
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + v])
        except Exception as error:  # whatever eth-account makes of bytes that are no such transaction
            raise SignerUnavailable("the signer answered with something else than a signed transaction") from error
        if raw != wanted:
            raise SignerUnavailable("the signer signed another transaction than was asked for; it is refused")
        self._require_own(bytes(TypedTransaction.from_dict(fields).hash()), signature)

    def _require_own(self, digest: bytes, signature: bytes) -> None:
        try:
            signer = recover(digest, signature)
        except ProtocolError as error:
            raise SignerUnavailable(f"the signer's signature is refused: {error.detail}") from error
        if signer != self._address:
            raise SignerUnavailable("the signer signed with another key or something else; it is refused")

    async def _post(self, path: str, members: dict[str, str], wanted: str) -> bytes:
        body = msgspec.json.encode({"address": self._address} | members)
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.post(
                    f"{self._url}/{path}", content=body, headers={"Content-Type": "application/json"}
                )
        except (httpx.HTTPError, TimeoutError) as error:
            raise SignerUnavailable(f"the signer cannot be reached: {type(error).__name__}") from None
        if response.status_code != 200:
            raise SignerUnavailable(f"the signer refused with status {response.status_code}")
        try:
            return parse_hex(msgspec.json.decode(response.content, type=dict[str, str])[wanted], wanted)
        except (msgspec.DecodeError, KeyError, ProtocolError):
            raise SignerUnavailable(f"the signer answered without a {wanted} in 0x-hex") from None
