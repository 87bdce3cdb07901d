"""Money for the tests' buyers: minted by the devnet's token."""

from eth_utils.crypto import keccak

from scripts.accounts import account
from server.domain.market import Asset, Market
from tests.stack.anvil import Anvil


def fund(anvil: Anvil, market: Market, address: str, amount: int, asset: Asset | None = None) -> None:
    """Mint `amount` atomic units of an asset, by default the market's first."""
    data = keccak(b"mint(address,uint256)")[:4] + bytes(12) + bytes.fromhex(address[2:]) + amount.to_bytes(32, "big")
    call = {"from": account("deployer").address, "to": (asset or market.asset).address, "data": "0x" + data.hex()}
    receipt = None
    transaction = anvil.rpc("eth_sendTransaction", call)
    while receipt is None:  # anvil mines at once; asking is the waiting
        receipt = anvil.rpc("eth_getTransactionReceipt", transaction)
    assert receipt["status"] == "0x1"
