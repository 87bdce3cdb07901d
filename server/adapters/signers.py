"""Keys that this process holds: given as hex, or in an encrypted keystore file."""

from pathlib import Path
from typing import Any

from coincurve import PrivateKey
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_typing import HexStr
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes

from protocol.errors import ProtocolError
from protocol.keystores import open_keystore
from protocol.signatures import sign
from server.domain.errors import ConfigurationError
from server.domain.sending import SignedTransaction
from server.ports import Call, Fees


class LocalSigner:
    """Implements ports.TransactionSigner with a key in memory."""

    def __init__(self, private_key: str | bytes) -> None:
        self._account: LocalAccount = Account.from_key(private_key)
        self._key = PrivateKey(bytes(self._account.key))

    @classmethod
    def from_keystore(cls, name: str, keystore: Path, password_file: Path) -> "LocalSigner":
        """The key of an Ethereum keystore (JSON, version 3). Raises ConfigurationError with the variable's name."""
        try:
            sealed, password = keystore.read_text(), password_file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{name}_KEYSTORE or its password file cannot be read: {error}") from None
        try:
            return cls(open_keystore(sealed, password))
        except ProtocolError:
            raise ConfigurationError(
                f"{name}_KEYSTORE is no Ethereum keystore, or the password in {name}_PASSWORD_FILE does not open it"
            ) from None

    @property
    def address(self) -> str:
        return str(self._account.address)

    async def sign(self, chain_id: int, nonce: int, call: Call, gas: int, fees: Fees) -> SignedTransaction:
        signed = self._account.sign_transaction(transaction_fields(chain_id, nonce, call, gas, fees))
        return SignedTransaction("0x" + bytes(signed.hash).hex(), bytes(signed.raw_transaction))

    async def replace(self, raw: bytes, fees: Fees) -> SignedTransaction:
        return await self.sign(*fields_of(raw), fees)

    async def sign_digest(self, digest: bytes) -> bytes:
        return sign(self._key, digest)


def fields_of(raw: bytes) -> tuple[int, int, Call, int]:
    """Chain id, nonce, call and gas of a signed EIP-1559 transaction; the call's sender is not in it."""
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    call = Call("", str(to_checksum_address(fields["to"])), bytes(fields["data"]))
    return fields["chainId"], fields["nonce"], call, fields["gas"]


def transaction_fields(chain_id: int, nonce: int, call: Call, gas: int, fees: Fees) -> dict[str, Any]:
    """The EIP-1559 transaction of a call, unsigned, as eth-account takes it. None of ours carries native value."""
    return {
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
