"""The contracts of the fake chain: tokens, the batch settler, passes that a payment mints, Permit2 with its proxies."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from server.domain.errors import Reverted
from tests.fakes.anchors import PROOF_ANCHOR
from tests.fakes.evm import Contract, Entry, Frame, address_of, digest_of, is_signed, revert, selector
from tests.fakes.new_wallets import NEW_WALLET_CONTRACTS
from tests.fakes.permit2 import PERMIT2, PERMIT2_CONTRACTS
from tests.fakes.tokens import DAI_TOKEN, DOLLAR_TOKEN, MOVE

SETTLER = to_checksum_address("0x" + "5e" * 20)
PASS = to_checksum_address("0x" + "9a" * 20)
LAUNCH = to_checksum_address("0x" + "1a" * 20)
PULL = ("address", "address", *MOVE[1:])
PULL2 = ("address", "address", "address", "address", "uint256", "uint256", "uint256", "bytes")
CHOSEN = ("bytes", "bytes32", "uint256", "uint256", "uint8", "bytes32", "bytes32")
"""What the entries of a callback take: the pull, by EIP-3009 or Permit2, and with it what the payer has chosen."""
CALLBACK_DATA = {
    "token": "address",
    "owner": "address",
    "payer": "address",
    "amount": "uint256",
    "orderId": "bytes32",
    "calldataNonce": "uint256",
    "deadline": "uint256",
    "calldataHash": "bytes32",
}
"""GOAT's struct, as contracts/libraries/CallbackTypedData.sol has it."""
_HEAD = 102
PASS_ABI = (
    {
        "type": "event",
        "name": "PassMinted",
        "inputs": [
            {"name": "orderId", "type": "bytes32", "indexed": True},
            {"name": "payer", "type": "address", "indexed": True},
            {"name": "passId", "type": "uint256", "indexed": True},
            {"name": "expiresAt", "type": "uint64", "indexed": False},
        ],
    },
    {"type": "error", "name": "SoldOut", "inputs": [{"name": "supply", "type": "uint256"}]},
)


def _settle(settler: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    token, _gas, items = decode(("address", "uint256", "bytes"), arguments)
    offset = index = settled = 0
    while offset < len(items):
        item = items[offset : offset + _HEAD + 65]
        if len(item) < _HEAD + 65:
            raise revert("ItemTruncated(uint256)", offset)
        payer = address_of("0x" + item[:20].hex())
        numbers = [int.from_bytes(item[a:b], "big") for a, b in ((40, 56), (56, 62), (62, 68))]
        signature = (item[_HEAD + 64], item[_HEAD : _HEAD + 32], item[_HEAD + 32 : _HEAD + 64])
        move = encode(MOVE, [payer, "0x" + item[20:40].hex(), *numbers, item[68:100], *signature])
        try:
            frame.call(
                settler.address,
                address_of(token),
                selector(f"transferWithAuthorization({','.join(MOVE)})") + move,
            )
            success = True
        except Reverted:
            success = False
        outcome = encode(["uint256", "bool"], [index, success])
        names = (("address", payer), ("bytes32", item[68:100]))
        frame.emit(settler.address, "SettlementResult(uint256,address,bytes32,bool)", names, outcome)
        offset, index, settled = offset + _HEAD + 65, index + 1, settled + success
    return encode(["uint256"], [settled])


@dataclass(frozen=True)
class _Taken:
    """A payment that is handed in, however: `pull` is what the contract calls to have its money."""

    token: str
    payer: str
    owner: str
    amount: int
    nonce: bytes
    to: str
    pull: bytes


def _by_eip3009(here: str, values: tuple[Any, ...]) -> _Taken:
    token, payer, owner, amount, after, before, nonce, *signature = values
    pull = encode(MOVE, [owner, here, amount, after, before, nonce, *signature])
    call = selector(f"receiveWithAuthorization({','.join(MOVE)})") + pull
    return _Taken(address_of(token), address_of(payer), owner, amount, nonce, address_of(token), call)


def _by_permit2(here: str, values: tuple[Any, ...]) -> _Taken:
    permit2, token, payer, owner, amount, number, deadline, signature = values
    kinds = ("((address,uint256),uint256,uint256)", "(address,uint256)", "address", "bytes")
    pull = encode(kinds, [((token, amount), number, deadline), (here, amount), owner, signature])
    call = selector(f"permitTransferFrom({','.join(kinds)})") + pull
    nonce = number.to_bytes(32, "big")
    return _Taken(address_of(token), address_of(payer), owner, amount, nonce, address_of(permit2), call)


Reads = Callable[[str, tuple[Any, ...]], _Taken]


def _sell_pass(caller: str, price: int, supply: int, kinds: tuple[str, ...] = PULL, read: Reads = _by_eip3009) -> Entry:
    """GOAT's base entry, minting one pass for `price` while there are any."""

    def entry(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        taken = read(contract.address, decode(kinds, arguments))
        return _mint(contract, frame, sender, taken, (caller, price, supply))

    return entry


def _sell_chosen(
    caller: str, price: int, supply: int, kinds: tuple[str, ...] = PULL, read: Reads = _by_eip3009
) -> Entry:
    """GOAT's entry with calldata: the payer has signed `mintTo(address)`."""

    def entry(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        values = decode((*kinds, *CHOSEN), arguments)
        taken = read(contract.address, values[: len(kinds)])
        calldata, order_id, number, deadline, v, r, s = values[len(kinds) :]
        if calldata[:4] != selector("mintTo(address)"):
            raise revert("ActionNotListed(bytes4)", calldata[:4])
        if order_id != number.to_bytes(32, "big"):
            raise revert("OrderIdMismatch(bytes32,uint256)", order_id, number)
        if frame.timestamp > deadline:
            raise revert("DeadlinePassed(bytes32,uint256)", order_id, deadline)
        fields = (taken.token, taken.owner, taken.payer, taken.amount, order_id, number, deadline, keccak(calldata))
        digest = _choice(contract, frame, fields, by_permit2=read is _by_permit2)
        if taken.nonce != order_id or not is_signed(frame, taken.payer, digest, r + s + bytes([v])):
            raise revert("PayerSignatureInvalid(bytes32,address)", order_id, taken.payer)
        return _mint(contract, frame, sender, taken, (caller, price, supply))

    return entry


def _choice(contract: Contract, frame: Frame, fields: tuple[Any, ...], *, by_permit2: bool) -> bytes:
    """What the payer signs, by eth-account."""
    kinds = {"permit2": "address"} | CALLBACK_DATA if by_permit2 else CALLBACK_DATA
    values = (PERMIT2, *fields) if by_permit2 else fields
    domain = {"chainId": frame.chain_id, "verifyingContract": contract.address}
    types = [{"name": name, "type": kind} for name, kind in kinds.items()]
    named = {"name": "GoatX402 Pay Callback", "version": "1"} | domain
    primary = "Permit2CallbackData" if by_permit2 else "Eip3009CallbackData"
    return digest_of(encode_typed_data(named, {primary: types}, dict(zip(kinds, values, strict=True))))


def _mint(contract: Contract, frame: Frame, sender: str, taken: _Taken, rules: tuple[str, int, int]) -> bytes:
    """What all entries do: pull the money, mint one pass."""
    caller, price, supply = rules
    here, order_id = contract.address, taken.nonce
    if sender != caller:
        raise revert("CallerNotListed(address)", sender)
    if not price <= taken.amount < 2 * price:
        raise revert("AmountOutOfBounds(bytes4,uint256,uint256,uint256)", bytes(4), taken.amount, price, 2 * price - 1)
    if (here, order_id) in frame.state.consumed:
        raise revert("OrderConsumed(bytes32)", order_id)
    frame.call(here, taken.to, taken.pull)
    state = frame.state
    if state.minted.get(here, 0) >= supply:
        raise revert("SoldOut(uint256)", supply)
    state.consumed.add((here, order_id))
    state.minted[here] = state.minted.get(here, 0) + 1
    names = (("bytes32", order_id), ("address", taken.payer), ("uint256", state.minted[here]))
    expiry = encode(["uint64"], [frame.timestamp + 30 * 86_400])
    frame.emit(here, "PassMinted(bytes32,address,uint256,uint64)", names, expiry)
    return b""


def _pass_entries(delegate: str) -> dict[str, Entry]:
    """All four entries of a contract whose passes cost a million of whatever they are paid in."""
    rules = (delegate, 1_000_000, 1_000_000)
    return {
        f"x402SpentEip3009({','.join(PULL)})": _sell_pass(*rules),
        f"x402SpentEip3009WithCalldata({','.join((*PULL, *CHOSEN))})": _sell_chosen(*rules),
        f"x402SpentPermit2({','.join(PULL2)})": _sell_pass(*rules, PULL2, _by_permit2),
        f"x402SpentPermit2WithCalldata({','.join((*PULL2, *CHOSEN))})": _sell_chosen(*rules, PULL2, _by_permit2),
    }


def contracts(delegate: str) -> dict[str, Contract]:
    """What stands on a fresh fake chain; `delegate` may hand payments to the passes, as deployed by scripts.deploy."""
    spent = f"x402SpentEip3009({','.join(PULL)})"
    deployed = (
        DOLLAR_TOKEN.contract(),
        DAI_TOKEN.contract(),
        Contract(SETTLER, {"settle(address,uint256,bytes)": _settle}),
        Contract(PASS, _pass_entries(delegate)),
        Contract(LAUNCH, {spent: _sell_pass(delegate, 2_500_000, 1)}),
        PROOF_ANCHOR,
        *PERMIT2_CONTRACTS,
        *NEW_WALLET_CONTRACTS,
    )
    return {contract.address: contract for contract in deployed}
