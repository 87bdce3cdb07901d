"""The contracts of the fake chain: tokens, the batch settler, passes that a payment mints, Permit2 with its proxies."""

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address

from server.domain.errors import Reverted
from tests.fakes.anchors import PROOF_ANCHOR
from tests.fakes.evm import Contract, Entry, Frame, address_of, revert, selector
from tests.fakes.new_wallets import NEW_WALLET_CONTRACTS
from tests.fakes.permit2 import PERMIT2_CONTRACTS
from tests.fakes.registries import REGISTRIES
from tests.fakes.tokens import DAI_TOKEN, DOLLAR_TOKEN, MOVE

SETTLER = to_checksum_address("0x" + "5e" * 20)
PASS = to_checksum_address("0x" + "9a" * 20)
LAUNCH = to_checksum_address("0x" + "1a" * 20)
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
        kinds = ("address", "address", *MOVE[1:])
        token, payer, owner, amount, after, before, nonce, *signature = decode(kinds, arguments)
        here = contract.address
        if sender != caller:
            raise revert("CallerNotListed(address)", sender)
        if not price <= amount < 2 * price:
            raise revert("AmountOutOfBounds(bytes4,uint256,uint256,uint256)", bytes(4), amount, price, 2 * price - 1)
        if (here, nonce) in frame.state.consumed:
            raise revert("OrderConsumed(bytes32)", nonce)
        pull = encode(MOVE, [owner, here, amount, after, before, nonce, *signature])
        frame.call(here, address_of(token), selector(f"receiveWithAuthorization({','.join(MOVE)})") + pull)
        state = frame.state
        if state.minted.get(here, 0) >= supply:
            raise revert("SoldOut(uint256)", supply)
        state.consumed.add((here, nonce))
        state.minted[here] = state.minted.get(here, 0) + 1
        names = (("bytes32", nonce), ("address", payer), ("uint256", state.minted[here]))
        expiry = encode(["uint64"], [frame.timestamp + 30 * 86_400])
        frame.emit(here, "PassMinted(bytes32,address,uint256,uint64)", names, expiry)
        return b""

    return entry


def contracts(delegate: str) -> dict[str, Contract]:
    """What stands on a fresh fake chain; `delegate` may hand payments to the passes, as deployed by scripts.deploy."""
    spent = f"x402SpentEip3009(address,address,{','.join(MOVE[1:])})"
    deployed = (
        DOLLAR_TOKEN.contract(),
        DAI_TOKEN.contract(),
        Contract(SETTLER, {"settle(address,uint256,bytes)": _settle}),
        Contract(PASS, {spent: _sell_pass(delegate, 1_000_000, 1_000_000)}),
        Contract(LAUNCH, {spent: _sell_pass(delegate, 2_500_000, 1)}),
        PROOF_ANCHOR,
        *REGISTRIES,
        *PERMIT2_CONTRACTS,
        *NEW_WALLET_CONTRACTS,
    )
    return {contract.address: contract for contract in deployed}
