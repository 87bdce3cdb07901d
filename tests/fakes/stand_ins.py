"""Stand-ins on the fake chain, which runs no bytecode: what the code of a preview does, by what it looks like."""

from eth_abi.abi import encode

from server.domain.previews import SIGNS_ANYTHING
from tests.fakes.evm import Contract, Entry, Frame
from tests.fakes.tokens import MOVE
from tests.fakes.wallets import wallet, yes


def stand_in(address: str, code: bytes) -> Contract:
    """A wallet that signs anything, or a token that pays whoever pulls."""
    return wallet(address, yes) if code == SIGNS_ANYTHING else Contract(address, _PAYING)


def _agree(_contract: Contract, _frame: Frame, _sender: str, _arguments: bytes) -> bytes:
    return encode(["bool"], [True])


_PAYING: dict[str, Entry] = {
    f"receiveWithAuthorization({','.join(MOVE)})": _agree,
    "transferFrom(address,address,uint256)": _agree,
    "transfer(address,uint256)": _agree,
}
