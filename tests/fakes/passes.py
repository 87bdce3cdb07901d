"""Callbacks of the fake chain that mint passes, by all entries of a GOAT-shaped contract and by an executor's call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from server.domain.errors import Reverted
from tests.fakes.evm import Contract, Entry, Frame, address_of, digest_of, is_signed, revert, selector
from tests.fakes.executor import EXECUTOR
from tests.fakes.permit2 import PERMIT2
from tests.fakes.tokens import MOVE, ZERO
from tests.stack.choosing import STRUCTS

PASS = to_checksum_address("0x" + "9a" * 20)
LAUNCH = to_checksum_address("0x" + "1a" * 20)
PULL = ("address", "address", *MOVE[1:])
PULL2 = ("address", "address", "address", "address", "uint256", "uint256", "uint256", "bytes")
CHOSEN = ("bytes", "bytes32", "uint256", "uint256", "uint8", "bytes32", "bytes32")
"""What the entries of a callback take: the pull, by EIP-3009 or Permit2, and with it what the payer has chosen."""
_MINT_TO = selector("mintTo(address)")
_MONTH = 30 * 86_400
PASS_ABI = (
    {"type": "function", "name": "ownerOf"},
    {"type": "function", "name": "isValid"},
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
    {
        "type": "event",
        "name": "Transfer",
        "inputs": [
            {"name": "from", "type": "address", "indexed": True},
            {"name": "to", "type": "address", "indexed": True},
            {"name": "tokenId", "type": "uint256", "indexed": True},
        ],
    },
    {"type": "error", "name": "SoldOut", "inputs": [{"name": "supply", "type": "uint256"}]},
    {
        "type": "error",
        "name": "PayerSignatureInvalid",
        "inputs": [{"name": "orderId", "type": "bytes32"}, {"name": "payer", "type": "address"}],
    },
)


@dataclass(frozen=True)
class Taken:
    """A payment that is handed in, however: `pull` is what the contract calls at `at` to have its money."""

    token: str
    payer: str
    owner: str
    amount: int
    order: bytes
    at: str
    pull: bytes


def by_eip3009(here: str, values: tuple[Any, ...]) -> Taken:
    token, payer, owner, amount, after, before, nonce, *signature = values
    pull = encode(MOVE, [owner, here, amount, after, before, nonce, *signature])
    call = selector(f"receiveWithAuthorization({','.join(MOVE)})") + pull
    return Taken(*map(address_of, (token, payer, owner)), amount, nonce, address_of(token), call)


def by_permit2(here: str, values: tuple[Any, ...]) -> Taken:
    permit2, token, payer, owner, amount, number, deadline, signature = values
    kinds = ("((address,uint256),uint256,uint256)", "(address,uint256)", "address", "bytes")
    pull = encode(kinds, [((token, amount), number, deadline), (here, amount), owner, signature])
    call = selector(f"permitTransferFrom({','.join(kinds)})") + pull
    order = number.to_bytes(32, "big")
    return Taken(*map(address_of, (token, payer, owner)), amount, order, address_of(permit2), call)


Reads = Callable[[str, tuple[Any, ...]], Taken]


@dataclass(frozen=True)
class _Pass:
    """One contract's rules: who hands payments in and owns it, what a pass costs, how many there are."""

    caller: str
    price: int
    supply: int

    def entries(self) -> dict[str, Entry]:
        """What it answers to."""
        return {
            f"x402SpentEip3009({','.join(PULL)})": self._spent(PULL, by_eip3009),
            f"x402SpentEip3009WithCalldata({','.join((*PULL, *CHOSEN))})": self._chosen(PULL, by_eip3009),
            f"x402SpentPermit2({','.join(PULL2)})": self._spent(PULL2, by_permit2),
            f"x402SpentPermit2WithCalldata({','.join((*PULL2, *CHOSEN))})": self._chosen(PULL2, by_permit2),
            "onPayment(bytes32,address,address,uint256,bytes)": self._on_payment,
            "ownerOf(uint256)": _owner_of,
            "isValid(uint256)": _is_valid,
            "owner()": lambda _contract, _frame, _sender, _arguments: encode(["address"], [self.caller]),
            "boundsOf(bytes4)": self._bounds,
            "listAction(bytes4,(uint128,uint128))": self._list_action,
        }

    def _spent(self, kinds: tuple[str, ...], read: Reads) -> Entry:
        def entry(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
            taken = read(contract.address, decode(kinds, arguments))
            return self._sell(contract.address, frame, sender, taken, taken.payer)

        return entry

    def _chosen(self, kinds: tuple[str, ...], read: Reads) -> Entry:
        def entry(contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
            values = decode((*kinds, *CHOSEN), arguments)
            taken = read(contract.address, values[: len(kinds)])
            holder = _holder(frame, contract.address, taken, values[len(kinds) :])
            return self._sell(contract.address, frame, sender, taken, holder)

        return entry

    def _sell(self, here: str, frame: Frame, sender: str, taken: Taken, holder: str) -> bytes:
        """What all of GOAT's entries do: pull the money, mint one pass."""
        if sender != self.caller:
            raise revert("CallerNotListed(address)", sender)
        self._require(frame, here, taken.order, taken.amount)
        frame.call(here, taken.at, taken.pull)
        self._mint(frame, here, taken.order, taken.payer, holder)
        return b""

    def _on_payment(self, contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        """What an executor calls: the pass takes the money and mints, to whom the calldata says or to the payer."""
        order, payer, _token, amount, action = decode(("bytes32", "address", "address", "uint256", "bytes"), arguments)
        here = contract.address
        if sender != EXECUTOR:
            raise revert("ExecutorNotListed(address)", sender)
        self._require(frame, here, order, amount)
        if action and action[:4] != _MINT_TO:
            raise revert("ActionNotListed(bytes4)", action[:4])
        frame.call(here, EXECUTOR, selector("collect()"))
        self._mint(frame, here, order, payer, decode(("address",), action[4:])[0] if action else payer)
        return b""

    def _require(self, frame: Frame, here: str, order: bytes, amount: int) -> None:
        if not self.price <= amount < 2 * self.price:
            bounds = (self.price, 2 * self.price - 1)
            raise revert("AmountOutOfBounds(bytes4,uint256,uint256,uint256)", bytes(4), amount, *bounds)
        if (here, order) in frame.state.consumed:
            raise revert("OrderConsumed(bytes32)", order)

    def _mint(self, frame: Frame, here: str, order: bytes, payer: str, holder: str) -> None:
        state = frame.state
        if state.minted.get(here, 0) >= self.supply:
            raise revert("SoldOut(uint256)", self.supply)
        state.consumed.add((here, order))
        state.minted[here] = pass_id = state.minted.get(here, 0) + 1
        state.passes[here, pass_id] = (address_of(holder), frame.timestamp + _MONTH)
        names = (("bytes32", order), ("address", payer), ("uint256", pass_id))
        expiry = encode(["uint64"], [frame.timestamp + _MONTH])
        frame.emit(here, "PassMinted(bytes32,address,uint256,uint64)", names, expiry)
        moved = (("address", ZERO), ("address", holder), ("uint256", pass_id))
        frame.emit(here, "Transfer(address,address,uint256)", moved)

    def _bounds(self, contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
        chosen = arguments[:4]
        usual = (self.price, 2 * self.price - 1) if chosen == _MINT_TO else (0, 0)
        return encode(["uint128", "uint128"], frame.state.bounds.get((contract.address, chosen), usual))

    def _list_action(self, contract: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
        if sender != self.caller:
            raise revert("OwnableUnauthorizedAccount(address)", sender)
        chosen, bounds = decode(("bytes4", "(uint128,uint128)"), arguments)
        frame.state.bounds[contract.address, chosen] = bounds
        return b""


def _holder(frame: Frame, here: str, paid: Taken, choice: tuple[Any, ...]) -> str:
    """To whom the payer has signed that the pass goes, by our struct or GOAT's."""
    calldata, order, number, deadline, v, r, s = choice
    if calldata[:4] != _MINT_TO:
        raise revert("ActionNotListed(bytes4)", calldata[:4])
    if order != number.to_bytes(32, "big"):
        raise revert("OrderIdMismatch(bytes32,uint256)", order, number)
    if frame.timestamp > deadline:
        raise revert("DeadlinePassed(bytes32,uint256)", order, deadline)
    by_permit2 = paid.at == PERMIT2
    told = {
        "permit2": PERMIT2,
        "token": paid.token,
        "owner": paid.owner,
        "payer": paid.payer,
        "amount": paid.amount,
        "orderId": order,
        "calldataNonce": number,
        "deadline": deadline,
        "calldataHash": keccak(calldata),
        "paymentNonce": int.from_bytes(paid.order, "big") if by_permit2 else paid.order,
    }
    taken = [name for name in STRUCTS if name.startswith("Permit2" if by_permit2 else "Eip3009")]
    if paid.order != order or not any(_is_over(frame, here, name, told, r + s + bytes([v])) for name in taken):
        raise revert("PayerSignatureInvalid(bytes32,address)", order, paid.payer)
    return address_of(decode(("address",), calldata[4:])[0])


def _is_over(frame: Frame, here: str, primary: str, told: dict[str, Any], signature: bytes) -> bool:
    """Whether the payer signed this struct, by eth-account."""
    named = {"name": "GoatX402 Pay Callback", "version": "1"}
    domain = named | {"chainId": frame.chain_id, "verifyingContract": here}
    types = {primary: [{"name": name, "type": kind} for name, kind in STRUCTS[primary].items()]}
    message = {name: told[name] for name in STRUCTS[primary]}
    try:
        return is_signed(frame, told["payer"], digest_of(encode_typed_data(domain, types, message)), signature)
    except Reverted:
        return False


def _owner_of(contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    (number,) = decode(("uint256",), arguments)
    if (contract.address, number) not in frame.state.passes:
        raise revert("ERC721NonexistentToken(uint256)", number)
    return encode(["address"], [frame.state.passes[contract.address, number][0]])


def _is_valid(contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    found = frame.state.passes.get((contract.address, decode(("uint256",), arguments)[0]))
    return encode(["bool"], [found is not None and frame.timestamp < found[1]])


def passes(delegate: str) -> tuple[Contract, ...]:
    """Both, of whatever they are paid in; `delegate` may hand payments in and owns them."""
    return (
        Contract(PASS, _Pass(delegate, 1_000_000, 1_000_000).entries()),
        Contract(LAUNCH, _Pass(delegate, 2_500_000, 1).entries()),
    )
