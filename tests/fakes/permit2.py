"""Permit2 and the x402 proxies on the fake chain: a payment moves on the payer's witnessed permit, each nonce once."""

from typing import Any

from eth_abi.abi import decode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address

from protocol.payment import EXACT_PROXY, PERMIT2, UPTO_PROXY
from tests.fakes.contracts import CHAIN_ID, TOKEN, Contract, Frame, revert, transfer

_PERMIT = "((address,uint256),uint256,uint256)"
_EXACT = (_PERMIT, "address", "(address,uint256)", "bytes")
_UPTO = (_PERMIT, "uint256", "address", "(address,address,uint256)", "bytes")
_TOKENS = [("token", "address"), ("amount", "uint256")]
_WITNESS = [("to", "address"), ("facilitator", "address"), ("validAfter", "uint256")]


def permit_signable(permit: dict[str, Any]) -> Any:
    """What a payer signs, from the `permit2Authorization` of an x402 payment (integers may be decimal strings)."""
    witness = [field for field in _WITNESS if field[0] in permit["witness"]]
    types = {
        "PermitWitnessTransferFrom": _fields(
            ("permitted", "TokenPermissions"),
            ("spender", "address"),
            ("nonce", "uint256"),
            ("deadline", "uint256"),
            ("witness", "Witness"),
        ),
        "TokenPermissions": _fields(*_TOKENS),
        "Witness": _fields(*witness),
    }
    message = {
        "permitted": _typed(permit["permitted"], _TOKENS),
        "spender": permit["spender"],
        "nonce": int(permit["nonce"]),
        "deadline": int(permit["deadline"]),
        "witness": _typed(permit["witness"], witness),
    }
    domain = {"name": "Permit2", "chainId": CHAIN_ID, "verifyingContract": PERMIT2}
    return encode_typed_data(domain_data=domain, message_types=types, message_data=message)


def _settle_exact(proxy: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    permit, owner, (to, after), signature = decode(_EXACT, arguments)
    _move(proxy, frame, permit, permit[0][1], owner, {"to": _address(to), "validAfter": after}, signature)
    return b""


def _settle_upto(proxy: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
    permit, amount, owner, (to, facilitator, after), signature = decode(_UPTO, arguments)
    if amount > permit[0][1]:
        raise revert("AmountExceedsPermitted()")
    if sender != _address(facilitator):
        raise revert("UnauthorizedFacilitator()")
    witness = {"to": _address(to), "facilitator": _address(facilitator), "validAfter": after}
    _move(proxy, frame, permit, amount, owner, witness, signature)
    return b""


def _move(
    proxy: Contract, frame: Frame, permit: Any, amount: int, owner: str, witness: dict[str, Any], signature: bytes
) -> None:
    (token, most), nonce, deadline = permit
    payer, key = _address(owner), nonce.to_bytes(32, "big")
    if frame.timestamp < witness["validAfter"]:
        raise revert("PaymentTooEarly()")
    if frame.timestamp > deadline:
        raise revert("SignatureExpired(uint256)", deadline)
    if (payer, key) in frame.state.used:
        raise revert("InvalidNonce()")
    signed = {
        "permitted": {"token": _address(token), "amount": most},
        "spender": proxy.address,
        "nonce": nonce,
        "deadline": deadline,
        "witness": witness,
    }
    if Account.recover_message(permit_signable(signed), signature=signature) != payer:
        raise revert("InvalidSigner()")
    if frame.state.allowances.get((TOKEN, payer, PERMIT2), 0) < amount:
        raise revert("ERC20InsufficientAllowance(address,uint256,uint256)", PERMIT2, 0, amount)
    frame.state.used.add((payer, key))
    transfer(frame, payer, witness["to"], amount)


def _fields(*fields: tuple[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields]


def _typed(given: dict[str, Any], fields: list[tuple[str, str]]) -> dict[str, Any]:
    return {name: int(given[name]) if kind == "uint256" else given[name] for name, kind in fields}


def _address(value: str) -> str:
    return str(to_checksum_address(value))


PROXIES = {
    EXACT_PROXY: Contract(EXACT_PROXY, {f"settle({','.join(_EXACT)})": _settle_exact}),
    UPTO_PROXY: Contract(UPTO_PROXY, {f"settle({','.join(_UPTO)})": _settle_upto}),
}
"""By address: what `contracts/x402/` has, as far as payments by EOAs go."""
