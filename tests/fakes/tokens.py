"""Tokens of the fake chain: dollars with EIP-3009, and one that has only what every ERC-20 has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address

from tests.fakes.evm import TOKEN, Contract, Entry, Frame, address_of, digest_of, is_signed, revert

DAI = to_checksum_address("0x" + "da" * 20)
ZERO = "0x" + "00" * 20
MOVE = ("address", "address", "uint256", "uint256", "uint256", "bytes32", "uint8", "bytes32", "bytes32")
BYTES = (*MOVE[:6], "bytes")
_FIELDS = ("from", "to", "value", "validAfter", "validBefore", "nonce")
Mover = Callable[["Token", Frame, str, str, int], None]
"""(token, frame, sender, recipient, amount): how the token moves money, and which events it tells of it."""


def move(token: "Token", frame: Frame, sender: str, to: str, value: int) -> None:
    """As it should be: all of it, and one event."""
    token.shift(frame, sender, to, value)
    token.tell(frame, sender, to, value)


@dataclass(frozen=True)
class Token:
    """`name` and `version` are the EIP-712 domain of a token with EIP-3009; `mover` is how it moves money."""

    address: str
    name: str
    version: str | None
    mover: Mover = move

    def contract(self) -> Contract:
        """As it stands on a chain."""
        usual: dict[str, Entry] = {
            "transfer(address,uint256)": self._transfer,
            "transferFrom(address,address,uint256)": self._transfer_from,
            "mint(address,uint256)": self._mint,
            "balanceOf(address)": self._balance,
        }
        return Contract(self.address, usual | (self._eip3009() if self.version else {}))

    def shift(self, frame: Frame, sender: str, to: str, value: int) -> None:
        """Balances alone."""
        books = frame.state.books(self.address)
        if books.paused:
            raise revert("EnforcedPause()")
        for account in (sender, to):
            if account in books.blacklist:
                raise revert("AccountBlacklisted(address)", account)
        if sender != ZERO:
            held = books.money.get(sender, 0)
            if held < value:
                raise revert("ERC20InsufficientBalance(address,uint256,uint256)", sender, held, value)
            books.money[sender] = held - value
        books.money[to] = books.money.get(to, 0) + value

    def tell(self, frame: Frame, sender: str, to: str, value: int) -> None:
        """The event alone."""
        indexed = (("address", sender), ("address", to))
        frame.emit(self.address, "Transfer(address,address,uint256)", indexed, encode(["uint256"], [value]))

    def _eip3009(self) -> dict[str, Entry]:
        return {
            f"transferWithAuthorization({','.join(MOVE)})": self._authorized("TransferWithAuthorization", MOVE),
            f"transferWithAuthorization({','.join(BYTES)})": self._authorized("TransferWithAuthorization", BYTES),
            f"receiveWithAuthorization({','.join(MOVE)})": self._authorized("ReceiveWithAuthorization", MOVE),
            f"receiveWithAuthorization({','.join(BYTES)})": self._authorized("ReceiveWithAuthorization", BYTES),
            "cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)": self._cancel,
            "authorizationState(address,bytes32)": self._state,
        }

    def _authorized(self, primary: str, kinds: tuple[str, ...]) -> Entry:
        def entry(_contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
            payer, to, value, after, before, nonce, *signed = decode(kinds, arguments)
            payer, to = address_of(payer), address_of(to)
            message = dict(zip(_FIELDS, (payer, to, value, after, before, nonce), strict=True))
            self._require_signed(frame, primary, payer, message, _joined(signed))
            if primary == "ReceiveWithAuthorization" and to != sender:
                raise revert("ERC20InvalidReceiver(address)", to)
            if not after < frame.timestamp < before:
                raise revert("ERC3009InvalidAuthorizationTime(uint256,uint256)", after, before)
            self._use(frame, payer, nonce, "AuthorizationUsed(address,bytes32)")
            self.mover(self, frame, payer, to, value)
            return b""

        return entry

    def _cancel(self, _contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
        payer, nonce, *signed = decode(("address", "bytes32", "uint8", "bytes32", "bytes32"), arguments)
        payer = address_of(payer)
        self._require_signed(
            frame, "CancelAuthorization", payer, {"authorizer": payer, "nonce": nonce}, _joined(signed)
        )
        self._use(frame, payer, nonce, "AuthorizationCanceled(address,bytes32)")
        return b""

    def _require_signed(
        self, frame: Frame, primary: str, payer: str, message: dict[str, Any], signature: bytes
    ) -> None:
        kinds = {"address": ("from", "to", "authorizer"), "bytes32": ("nonce",)}
        types = [{"name": k, "type": next((t for t, of in kinds.items() if k in of), "uint256")} for k in message]
        domain = {
            "name": self.name,
            "version": self.version,
            "chainId": frame.chain_id,
            "verifyingContract": self.address,
        }
        signable = encode_typed_data(domain_data=domain, message_types={primary: types}, message_data=message)
        if not is_signed(frame, payer, digest_of(signable), signature):
            raise revert("ERC3009InvalidSignature()")

    def _use(self, frame: Frame, payer: str, nonce: bytes, event: str) -> None:
        used = frame.state.books(self.address).used
        if (payer, nonce) in used:
            raise revert("ERC3009UsedAuthorization(address,bytes32)", payer, nonce)
        used.add((payer, nonce))
        frame.emit(self.address, event, (("address", payer), ("bytes32", nonce)))

    def _transfer(self, _contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        to, value = decode(("address", "uint256"), arguments)
        self.mover(self, frame, sender, address_of(to), value)
        return encode(["bool"], [True])

    def _transfer_from(self, _contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        owner, to, value = decode(("address", "address", "uint256"), arguments)
        owner = address_of(owner)
        allowances = frame.state.books(self.address).allowances
        allowed = allowances.get((owner, sender), 0)
        if allowed < value:
            raise revert("ERC20InsufficientAllowance(address,uint256,uint256)", sender, allowed, value)
        allowances[owner, sender] = allowed - value
        self.mover(self, frame, owner, address_of(to), value)
        return encode(["bool"], [True])

    def _mint(self, _contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
        to, value = decode(("address", "uint256"), arguments)
        move(self, frame, ZERO, address_of(to), value)
        return b""

    def _balance(self, _contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
        (holder,) = decode(("address",), arguments)
        return encode(["uint256"], [frame.state.books(self.address).money.get(address_of(holder), 0)])

    def _state(self, _contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
        payer, nonce = decode(("address", "bytes32"), arguments)
        return encode(["bool"], [(address_of(payer), nonce) in frame.state.books(self.address).used])


def _joined(signed: list[Any]) -> bytes:
    """r‖s‖v of (v, r, s), or a signature in bytes as it is."""
    if len(signed) == 1:
        return bytes(signed[0])
    v, r, s = signed
    return bytes(r + s + bytes([v]))


DOLLAR_TOKEN = Token(TOKEN, "USDC", "2")
DAI_TOKEN = Token(DAI, "Dai Stablecoin", None)
