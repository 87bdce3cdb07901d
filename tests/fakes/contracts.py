"""The contracts of the fake chain: a dollar with EIP-3009, the batch settler, and a pass that a payment mints."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import decode, encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from server.domain.errors import Reverted
from server.domain.evidence import RawLog

CHAIN_ID = 31337
TOKEN = to_checksum_address("0x" + "70" * 20)
SETTLER = to_checksum_address("0x" + "5e" * 20)
PASS = to_checksum_address("0x" + "9a" * 20)
LAUNCH = to_checksum_address("0x" + "1a" * 20)
ZERO = "0x" + "00" * 20
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_MOVE = ("address", "address", "uint256", "uint256", "uint256", "bytes32", "uint8", "bytes32", "bytes32")
_FIELDS = ("from", "to", "value", "validAfter", "validBefore", "nonce")
_HEAD = 102


@dataclass
class State:
    """All that the chain remembers; `copy` is cheap enough for one a transaction."""

    money: dict[str, int] = field(default_factory=dict)
    used: set[tuple[str, bytes]] = field(default_factory=set)
    nonces: dict[str, int] = field(default_factory=dict)
    blacklist: set[str] = field(default_factory=set)
    paused: bool = False
    minted: dict[str, int] = field(default_factory=dict)
    consumed: set[tuple[str, bytes]] = field(default_factory=set)
    allowances: dict[tuple[str, str, str], int] = field(default_factory=dict)
    anchored: dict[tuple[str, bytes], tuple[bytes, ...]] = field(default_factory=dict)

    def copy(self) -> "State":
        return State(
            dict(self.money),
            set(self.used),
            dict(self.nonces),
            set(self.blacklist),
            self.paused,
            dict(self.minted),
            set(self.consumed),
            dict(self.allowances),
            dict(self.anchored),
        )

    def take(self, other: "State") -> None:
        """Become the other one."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(other, name))


@dataclass
class Frame:
    """One transaction as its contracts see it."""

    state: State
    timestamp: int
    logs: list[RawLog] = field(default_factory=list)

    def emit(self, contract: str, event: str, indexed: tuple[tuple[str, Any], ...], data: bytes = b"") -> None:
        topics = (keccak(event.encode()), *(encode([kind], [value]) for kind, value in indexed))
        self.logs.append(RawLog(contract, topics, data, len(self.logs)))


def revert(error: str, *values: Any) -> Reverted:
    """A custom error such as `SoldOut(uint256)` with its values, as a contract raises it."""
    kinds = [kind for kind in error[error.index("(") + 1 : -1].split(",") if kind]
    return Reverted(f"execution reverted: {error}", keccak(error.encode())[:4] + encode(kinds, values))


Entry = Callable[["Contract", Frame, str, bytes], bytes]


@dataclass(frozen=True)
class Contract:
    """An address and what it answers to, by signature."""

    address: str
    entries: dict[str, Entry]

    def run(self, frame: Frame, sender: str, data: bytes) -> bytes:
        for signature, entry in self.entries.items():
            if keccak(signature.encode())[:4] == data[:4]:
                return entry(self, frame, sender, data[4:])
        raise Reverted("execution reverted")


def run(contracts: dict[str, Contract], frame: Frame, sender: str, to: str, data: bytes) -> bytes:
    """A call from outside; changes `frame` only if it succeeds. Raises Reverted. Without code there, no answer."""
    if to not in contracts:
        return b""
    inner = Frame(frame.state.copy(), frame.timestamp, list(frame.logs))
    answer = contracts[to].run(inner, sender, data)
    frame.state.take(inner.state)
    frame.logs = inner.logs
    return answer


# ------------------------------------------------------------------------------------------------------- token


def _address(value: str) -> str:
    return str(to_checksum_address(value))


def _signer(primary: str, message: dict[str, Any], signature: tuple[int, bytes, bytes]) -> str:
    """As OpenZeppelin's ECDSA recovers: only low s, only v of 27 and 28."""
    v, r, s = signature
    if int.from_bytes(s, "big") > _ORDER // 2:
        raise revert("ECDSAInvalidSignatureS(bytes32)", s)
    kinds = {"address": ("from", "to", "authorizer"), "bytes32": ("nonce",)}
    types = [{"name": k, "type": next((t for t, of in kinds.items() if k in of), "uint256")} for k in message]
    domain = {"name": "USDC", "version": "2", "chainId": CHAIN_ID, "verifyingContract": TOKEN}
    try:
        signable = encode_typed_data(domain_data=domain, message_types={primary: types}, message_data=message)
        if v in (27, 28):
            return str(Account.recover_message(signable, vrs=(v, r, s)))
    except Exception:  # whatever eth-account says of a point off the curve
        pass
    raise revert("ECDSAInvalidSignature()")


def transfer(frame: Frame, sender: str, to: str, value: int) -> None:
    """Move the dollar, as the token itself does."""
    state = frame.state
    if state.paused:
        raise revert("EnforcedPause()")
    for account in (sender, to):
        if account in state.blacklist:
            raise revert("AccountBlacklisted(address)", account)
    if sender != ZERO:
        held = state.money.get(sender, 0)
        if held < value:
            raise revert("ERC20InsufficientBalance(address,uint256,uint256)", sender, held, value)
        state.money[sender] = held - value
    state.money[to] = state.money.get(to, 0) + value
    indexed = (("address", sender), ("address", to))
    frame.emit(TOKEN, "Transfer(address,address,uint256)", indexed, encode(["uint256"], [value]))


def _use(frame: Frame, payer: str, nonce: bytes, event: str) -> None:
    if (payer, nonce) in frame.state.used:
        raise revert("ERC3009UsedAuthorization(address,bytes32)", payer, nonce)
    frame.state.used.add((payer, nonce))
    frame.emit(TOKEN, event, (("address", payer), ("bytes32", nonce)))


def _with_authorization(primary: str) -> Entry:
    def entry(_token: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        payer, to, value, after, before, nonce, *signature = decode(_MOVE, arguments)
        payer, to = _address(payer), _address(to)
        message = dict(zip(_FIELDS, (payer, to, value, after, before, nonce), strict=True))
        if _signer(primary, message, tuple(signature)) != payer:
            raise revert("ERC3009InvalidSignature()")
        if primary == "ReceiveWithAuthorization" and to != sender:
            raise revert("ERC20InvalidReceiver(address)", to)
        if not after < frame.timestamp < before:
            raise revert("ERC3009InvalidAuthorizationTime(uint256,uint256)", after, before)
        _use(frame, payer, nonce, "AuthorizationUsed(address,bytes32)")
        transfer(frame, payer, to, value)
        return b""

    return entry


def _cancel(_token: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    payer, nonce, *signature = decode(("address", "bytes32", "uint8", "bytes32", "bytes32"), arguments)
    payer = _address(payer)
    message = {"authorizer": payer, "nonce": nonce}
    if _signer("CancelAuthorization", message, tuple(signature)) != payer:
        raise revert("ERC3009InvalidSignature()")
    _use(frame, payer, nonce, "AuthorizationCanceled(address,bytes32)")
    return b""


def _plain_transfer(_token: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
    to, value = decode(("address", "uint256"), arguments)
    transfer(frame, sender, _address(to), value)
    return encode(["bool"], [True])


def _mint(_token: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    to, value = decode(("address", "uint256"), arguments)
    transfer(frame, ZERO, _address(to), value)
    return b""


def _balance(_token: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    (holder,) = decode(("address",), arguments)
    return encode(["uint256"], [frame.state.money.get(_address(holder), 0)])


def _state(_token: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    payer, nonce = decode(("address", "bytes32"), arguments)
    return encode(["bool"], [(_address(payer), nonce) in frame.state.used])


_TOKEN = Contract(
    TOKEN,
    {
        f"transferWithAuthorization({','.join(_MOVE)})": _with_authorization("TransferWithAuthorization"),
        f"receiveWithAuthorization({','.join(_MOVE)})": _with_authorization("ReceiveWithAuthorization"),
        "cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)": _cancel,
        "transfer(address,uint256)": _plain_transfer,
        "mint(address,uint256)": _mint,
        "balanceOf(address)": _balance,
        "authorizationState(address,bytes32)": _state,
    },
)


# ------------------------------------------------------------------------------------------- settler and passes


def _settle(settler: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    token, _gas, items = decode(("address", "uint256", "bytes"), arguments)
    offset = index = settled = 0
    while offset < len(items):
        item = items[offset : offset + _HEAD + 65]
        if len(item) < _HEAD + 65:
            raise revert("ItemTruncated(uint256)", offset)
        payer = _address("0x" + item[:20].hex())
        numbers = [int.from_bytes(item[a:b], "big") for a, b in ((40, 56), (56, 62), (62, 68))]
        signature = (item[_HEAD + 64], item[_HEAD : _HEAD + 32], item[_HEAD + 32 : _HEAD + 64])
        move = encode(_MOVE, [payer, "0x" + item[20:40].hex(), *numbers, item[68:100], *signature])
        selector = keccak(f"transferWithAuthorization({','.join(_MOVE)})".encode())[:4]
        try:
            run({TOKEN: _TOKEN}, frame, settler.address, _address(token), selector + move)
            success = True
        except Reverted:
            success = False
        outcome = encode(["uint256", "bool"], [index, success])
        names = (("address", payer), ("bytes32", item[68:100]))
        frame.emit(settler.address, "SettlementResult(uint256,address,bytes32,bool)", names, outcome)
        offset, index, settled = offset + _HEAD + 65, index + 1, settled + success
    return encode(["uint256"], [settled])


def _sell_pass(caller: str, price: int, supply: int) -> Entry:
    """GOAT's base entry, minting one pass for `price` while there are any."""

    def entry(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        kinds = ("address", "address", *_MOVE[1:])
        token, payer, owner, amount, after, before, nonce, *signature = decode(kinds, arguments)
        state, here = frame.state, contract.address
        if sender != caller:
            raise revert("CallerNotListed(address)", sender)
        if not price <= amount < 2 * price:
            raise revert("AmountOutOfBounds(bytes4,uint256,uint256,uint256)", bytes(4), amount, price, 2 * price - 1)
        if (here, nonce) in state.consumed:
            raise revert("OrderConsumed(bytes32)", nonce)
        pull = encode(_MOVE, [owner, here, amount, after, before, nonce, *signature])
        selector = keccak(f"receiveWithAuthorization({','.join(_MOVE)})".encode())[:4]
        run({TOKEN: _TOKEN}, frame, here, _address(token), selector + pull)
        if state.minted.get(here, 0) >= supply:
            raise revert("SoldOut(uint256)", supply)
        state = frame.state
        state.consumed.add((here, nonce))
        state.minted[here] = state.minted.get(here, 0) + 1
        names = (("bytes32", nonce), ("address", payer), ("uint256", state.minted[here]))
        expiry = encode(["uint64"], [frame.timestamp + 30 * 86_400])
        frame.emit(here, "PassMinted(bytes32,address,uint256,uint64)", names, expiry)
        return b""

    return entry


def contracts(delegate: str) -> dict[str, Contract]:
    """What stands on a fresh fake chain; `delegate` may hand payments to the passes, as deployed by scripts.deploy."""
    spent = f"x402SpentEip3009(address,address,{','.join(_MOVE[1:])})"
    return {
        TOKEN: _TOKEN,
        SETTLER: Contract(SETTLER, {"settle(address,uint256,bytes)": _settle}),
        PASS: Contract(PASS, {spent: _sell_pass(delegate, 1_000_000, 1_000_000)}),
        LAUNCH: Contract(LAUNCH, {spent: _sell_pass(delegate, 2_500_000, 1)}),
    }
