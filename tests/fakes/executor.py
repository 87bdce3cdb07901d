"""The executor of scheme delegate on the fake chain: it recomputes the nonce, pulls, has its target act, or reverts."""

from collections.abc import Callable
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tests.fakes.evm import Contract, Entry, Frame, address_of, revert, selector
from tests.fakes.permit2 import PERMIT2, WITNESSED
from tests.fakes.tokens import BYTES, MOVE

EXECUTOR = to_checksum_address("0x" + "de" * 20)
EXECUTOR_ABI = (
    {"type": "error", "name": "TargetNotListed", "inputs": [{"name": "target", "type": "address"}]},
    {
        "type": "error",
        "name": "OrderIdInvalid",
        "inputs": [{"name": "orderId", "type": "bytes32"}, {"name": "expected", "type": "bytes32"}],
    },
)
_PAYMENT = "(address,address,uint256,address,bytes,bytes32,bytes32,uint256,bytes32)"
_FIELDS = (
    "DelegatePayment(uint256 chainId,address executor,address payer,address token,uint256 amount,address target,"
    "bytes callData,bytes32 orderId,bytes32 quoteHash,uint256 deadline,bytes32 salt)"
)
_TYPE = keccak(_FIELDS.encode())
_WITNESS = f"DelegatePayment witness){_FIELDS}TokenPermissions(address token,uint256 amount)"
_HASHED = ("bytes32", "uint256", "address", "address", "address", "uint256", "address", *["bytes32"] * 3, "uint256")


Pull = Callable[[str, str, int, int, bytes, list[Any]], tuple[str, bytes]]
"""(payer, token, amount, deadline, nonce, signature): the contract and the call that move the money here."""


def executor(targets: tuple[str, ...]) -> Contract:
    """With these targets on its list."""
    forms: dict[str, tuple[tuple[str, ...], Pull]] = {
        "executeEip3009": (MOVE[6:], _by_eip3009(MOVE)),
        "executeEip3009Bytes": (("bytes",), _by_eip3009(BYTES)),
        "executePermit2": (("bytes",), _by_permit2),
    }
    entries: dict[str, Entry] = {
        f"{name}({','.join((_PAYMENT, *signed))})": _execute(targets, pull, signed)
        for name, (signed, pull) in forms.items()
    }
    return Contract(EXECUTOR, entries | {"collect()": _collect})


def _by_eip3009(move: tuple[str, ...]) -> Pull:
    def pull(
        payer: str, token: str, amount: int, deadline: int, nonce: bytes, signature: list[Any]
    ) -> tuple[str, bytes]:
        values = encode(move, [payer, EXECUTOR, amount, 0, deadline, nonce, *signature])
        return token, selector(f"receiveWithAuthorization({','.join(move)})") + values

    return pull


def _by_permit2(
    payer: str, token: str, amount: int, deadline: int, nonce: bytes, signature: list[Any]
) -> tuple[str, bytes]:
    permit = ((token, amount), int.from_bytes(nonce, "big"), deadline)
    values = encode(WITNESSED, [permit, (EXECUTOR, amount), payer, nonce, _WITNESS, *signature])
    return PERMIT2, selector(f"permitWitnessTransferFrom({','.join(WITNESSED)})") + values


def _execute(targets: tuple[str, ...], pull: Pull, signed: tuple[str, ...]) -> Entry:
    def entry(_contract: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
        payment, *signature = decode((_PAYMENT, *signed), arguments)
        payer, token, amount, target, calldata, order, quote, deadline, salt = payment
        payer, token, target = map(address_of, (payer, token, target))
        if target not in targets:
            raise revert("TargetNotListed(address)", target)
        expected = keccak(encode(("bytes32", "address"), (quote, payer)))
        if order != expected:
            raise revert("OrderIdInvalid(bytes32,bytes32)", order, expected)
        values = (_TYPE, frame.chain_id, EXECUTOR, payer, token, amount, target, keccak(calldata), order, quote)
        nonce = keccak(encode((*_HASHED, "bytes32"), (*values, deadline, salt)))
        names = (("bytes32", order), ("address", payer), ("address", target))
        paid = encode(("address", "uint256", "bytes32"), (token, amount, nonce))
        frame.emit(EXECUTOR, "PaymentExecuted(bytes32,address,address,address,uint256,bytes32)", names, paid)
        frame.call(EXECUTOR, *pull(payer, token, amount, deadline, nonce, signature))
        frame.state.open = (target, token, amount)
        call = encode(("bytes32", "address", "address", "uint256", "bytes"), (order, payer, token, amount, calldata))
        frame.call(EXECUTOR, target, selector("onPayment(bytes32,address,address,uint256,bytes)") + call)
        if frame.state.open is not None:
            raise revert("AmountNotCollected(uint256,uint256)", 0, amount)
        return b""

    return entry


def _collect(_contract: Contract, frame: Frame, sender: str, _arguments: bytes) -> bytes:
    if frame.state.open is None or frame.state.open[0] != sender:
        raise revert("NothingToCollect(address)", sender)
    target, token, amount = frame.state.open
    frame.state.open = None
    frame.call(
        EXECUTOR, token, selector("transfer(address,uint256)") + encode(("address", "uint256"), (target, amount))
    )
    return b""
