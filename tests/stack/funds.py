"""Money for the tests' buyers, minted by the devnet's token, and their leave for Permit2 to move it."""

from eth_utils.crypto import keccak

from protocol.payment import PERMIT2
from scripts.accounts import account
from server.domain.market import Asset, Market
from tests.stack.anvil import Anvil


def fund(anvil: Anvil, market: Market, address: str, amount: int, asset: Asset | None = None) -> None:
    """Mint `amount` atomic units of an asset, by default the market's first."""
    data = keccak(b"mint(address,uint256)")[:4] + bytes(12) + bytes.fromhex(address[2:]) + amount.to_bytes(32, "big")
    call = {"from": account("deployer").address, "to": (asset or market.asset).address, "data": "0x" + data.hex()}
    sent_and_mined(anvil, call)


def allow_permit2(anvil: Anvil, market: Market, address: str, amount: int, asset: Asset | None = None) -> None:
    """Let Permit2 move so much of an asset, by default the market's first, on behalf of any address."""
    data = keccak(b"approve(address,uint256)")[:4] + bytes(12) + bytes.fromhex(PERMIT2[2:]) + amount.to_bytes(32, "big")
    anvil.set_balance(address, 10**18)
    anvil.rpc("anvil_impersonateAccount", address)
    sent_and_mined(anvil, {"from": address, "to": (asset or market.asset).address, "data": "0x" + data.hex()})


def sent_and_mined(anvil: Anvil, call: dict[str, str]) -> None:
    """Send a call from one of the devnet's own accounts, and see it succeed."""
    receipt = None
    transaction = anvil.rpc("eth_sendTransaction", call)
    while receipt is None:  # anvil mines at once; asking is the waiting
        receipt = anvil.rpc("eth_getTransactionReceipt", transaction)
    assert receipt["status"] == "0x1"
