"""Keys that this process holds."""

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32, HexStr

from server.domain.sending import SignedTransaction
from server.ports import Call, Fees


class LocalSigner:
    """Implements ports.TransactionSigner with a key in memory."""

    def __init__(self, private_key: str) -> None:
        self._account: LocalAccount = Account.from_key(private_key)

    @property
    def address(self) -> str:
        return str(self._account.address)

    async def sign(self, chain_id: int, nonce: int, call: Call, gas: int, fees: Fees) -> SignedTransaction:
        signed = self._account.sign_transaction(
            {
                "type": 2,
                "chainId": chain_id,
                "nonce": nonce,
                "to": HexStr(call.to),
                "data": call.data,
                "value": 0,
                "gas": gas,
                "maxFeePerGas": fees.max_fee,
                "maxPriorityFeePerGas": fees.priority,
            }
        )
        return SignedTransaction("0x" + bytes(signed.hash).hex(), bytes(signed.raw_transaction))

    async def sign_digest(self, digest: bytes) -> bytes:
        return bytes(self._account.unsafe_sign_hash(Hash32(digest)).signature)
