"""The contracts of the fake chain: tokens, the batch settler, passes, an escrow, Permit2 with its proxies."""

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address

from server.domain.errors import Reverted
from tests.fakes.anchors import PROOF_ANCHOR
from tests.fakes.escrow import escrow
from tests.fakes.evm import Contract, Frame, address_of, revert, selector
from tests.fakes.executor import executor
from tests.fakes.new_wallets import NEW_WALLET_CONTRACTS
from tests.fakes.passes import LAUNCH, PASS, passes
from tests.fakes.permit2 import PERMIT2_CONTRACTS
from tests.fakes.registries import REGISTRIES
from tests.fakes.tokens import DAI_TOKEN, DOLLAR_TOKEN, MOVE

SETTLER = to_checksum_address("0x" + "5e" * 20)
_HEAD = 102


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


def contracts(delegate: str) -> dict[str, Contract]:
    """What stands on a fresh fake chain; `delegate` may hand payments to the callbacks, as scripts.deploy has it."""
    deployed = (
        DOLLAR_TOKEN.contract(),
        DAI_TOKEN.contract(),
        Contract(SETTLER, {"settle(address,uint256,bytes)": _settle}),
        *passes(delegate),
        escrow(delegate),
        executor((PASS, LAUNCH)),
        PROOF_ANCHOR,
        *REGISTRIES,
        *PERMIT2_CONTRACTS,
        *NEW_WALLET_CONTRACTS,
    )
    return {contract.address: contract for contract in deployed}
