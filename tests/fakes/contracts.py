"""The contracts of the fake chain: tokens, the batch settler, passes that a payment mints, Permit2 with its proxies."""

from typing import Any

from eth_abi.abi import decode, encode
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from server.domain.errors import Reverted
from tests.fakes.anchors import PROOF_ANCHOR
from tests.fakes.evm import Contract, Entry, Frame, address_of, digest_of, is_signed, revert, selector
from tests.fakes.new_wallets import NEW_WALLET_CONTRACTS
from tests.fakes.permit2 import PERMIT2_CONTRACTS
from tests.fakes.tokens import DAI_TOKEN, DOLLAR_TOKEN, MOVE

SETTLER = to_checksum_address("0x" + "5e" * 20)
PASS = to_checksum_address("0x" + "9a" * 20)
LAUNCH = to_checksum_address("0x" + "1a" * 20)
PULL = ("address", "address", *MOVE[1:])
CHOSEN = ("bytes", "bytes32", "uint256", "uint256", "uint8", "bytes32", "bytes32")
"""What the entries of a callback take: the pull, and with it what the payer has chosen."""
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


def _sell_pass(caller: str, price: int, supply: int) -> Entry:
    """GOAT's base entry, minting one pass for `price` while there are any."""

    def entry(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        order_id = decode(PULL, arguments)[6]
        return _mint(contract, frame, sender, arguments, order_id, (caller, price, supply))

    return entry


def _sell_chosen(caller: str, price: int, supply: int) -> Entry:
    """GOAT's entry with calldata: the payer has signed `mintTo(address)`."""

    def entry(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        values = decode((*PULL, *CHOSEN), arguments)
        calldata, order_id, number, deadline, v, r, s = values[len(PULL) :]
        if calldata[:4] != selector("mintTo(address)"):
            raise revert("ActionNotListed(bytes4)", calldata[:4])
        if order_id != number.to_bytes(32, "big"):
            raise revert("OrderIdMismatch(bytes32,uint256)", order_id, number)
        if frame.timestamp > deadline:
            raise revert("DeadlinePassed(bytes32,uint256)", order_id, deadline)
        fields = (*values[:1], values[2], values[1], values[3], order_id, number, deadline, keccak(calldata))
        payer, digest = address_of(values[1]), _choice(contract, frame, fields)
        if values[6] != order_id or not is_signed(frame, payer, digest, r + s + bytes([v])):
            raise revert("PayerSignatureInvalid(bytes32,address)", order_id, payer)
        return _mint(contract, frame, sender, encode(PULL, values[: len(PULL)]), order_id, (caller, price, supply))

    return entry


def _choice(contract: Contract, frame: Frame, fields: tuple[Any, ...]) -> bytes:
    """What the payer signs, by eth-account."""
    domain = {"chainId": frame.chain_id, "verifyingContract": contract.address}
    types = [{"name": name, "type": kind} for name, kind in CALLBACK_DATA.items()]
    message = dict(zip(CALLBACK_DATA, fields, strict=True))
    named = {"name": "GoatX402 Pay Callback", "version": "1"} | domain
    return digest_of(encode_typed_data(named, {"Eip3009CallbackData": types}, message))


def _mint(
    contract: Contract, frame: Frame, sender: str, arguments: bytes, order_id: bytes, rules: tuple[str, int, int]
) -> bytes:
    """What both entries do: pull the money, mint one pass."""
    caller, price, supply = rules
    token, payer, owner, amount, after, before, nonce, *signature = decode(PULL, arguments)
    here = contract.address
    if sender != caller:
        raise revert("CallerNotListed(address)", sender)
    if not price <= amount < 2 * price:
        raise revert("AmountOutOfBounds(bytes4,uint256,uint256,uint256)", bytes(4), amount, price, 2 * price - 1)
    if (here, order_id) in frame.state.consumed:
        raise revert("OrderConsumed(bytes32)", order_id)
    pull = encode(MOVE, [owner, here, amount, after, before, nonce, *signature])
    frame.call(here, address_of(token), selector(f"receiveWithAuthorization({','.join(MOVE)})") + pull)
    state = frame.state
    if state.minted.get(here, 0) >= supply:
        raise revert("SoldOut(uint256)", supply)
    state.consumed.add((here, order_id))
    state.minted[here] = state.minted.get(here, 0) + 1
    names = (("bytes32", order_id), ("address", payer), ("uint256", state.minted[here]))
    expiry = encode(["uint64"], [frame.timestamp + 30 * 86_400])
    frame.emit(here, "PassMinted(bytes32,address,uint256,uint64)", names, expiry)
    return b""


def contracts(delegate: str) -> dict[str, Contract]:
    """What stands on a fresh fake chain; `delegate` may hand payments to the passes, as deployed by scripts.deploy."""
    spent = f"x402SpentEip3009({','.join(PULL)})"
    chosen = f"x402SpentEip3009WithCalldata({','.join((*PULL, *CHOSEN))})"
    passes = (1_000_000, 1_000_000)
    deployed = (
        DOLLAR_TOKEN.contract(),
        DAI_TOKEN.contract(),
        Contract(SETTLER, {"settle(address,uint256,bytes)": _settle}),
        Contract(PASS, {spent: _sell_pass(delegate, *passes), chosen: _sell_chosen(delegate, *passes)}),
        Contract(LAUNCH, {spent: _sell_pass(delegate, 2_500_000, 1)}),
        PROOF_ANCHOR,
        *PERMIT2_CONTRACTS,
        *NEW_WALLET_CONTRACTS,
    )
    return {contract.address: contract for contract in deployed}
