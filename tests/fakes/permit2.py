"""Permit2 and the x402 proxies on the fake chain, as far as a purchase goes through them."""

from typing import Any

from eth_abi.abi import decode, encode
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tests.fakes.evm import Contract, Frame, address_of, digest_of, is_signed, revert, selector

PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
EXACT_PROXY = "0x402085c248EeA27D92E8b30b2C58ed07f9E20001"
UPTO_PROXY = "0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002"
BUNDLER = to_checksum_address("0x" + "b0" * 20)
"""A stranger's contract that makes several calls in one transaction."""
_PERMIT = "((address,uint256),uint256,uint256)"
_EXACT = (_PERMIT, "address", "(address,uint256)", "bytes")
_PLAIN = (_PERMIT, "(address,uint256)", "address", "bytes")
WITNESSED = (_PERMIT, "(address,uint256)", "address", "bytes32", "string", "bytes")
"""What Permit2's entry for witnessed permits takes."""
_UPTO = (_PERMIT, "uint256", "address", "(address,address,uint256)", "bytes")
_TYPES = {
    "PermitWitnessTransferFrom": ["TokenPermissions permitted", "address spender", "uint256 nonce", "uint256 deadline"],
    "TokenPermissions": ["address token", "uint256 amount"],
}


def permit_types(witness: list[str], name: str = "Witness") -> dict[str, list[dict[str, str]]]:
    """The EIP-712 types of a permit with a witness of these fields, each `kind name`, in a struct of that name."""
    told = _TYPES | {name: witness}
    told["PermitWitnessTransferFrom"] = [*_TYPES["PermitWitnessTransferFrom"], f"{name} witness"]
    return {
        name: [dict(zip(("type", "name"), one.split(), strict=True)) for one in fields] for name, fields in told.items()
    }


EXACT_WITNESS = ["address to", "uint256 validAfter"]
UPTO_WITNESS = ["address to", "address facilitator", "uint256 validAfter"]


def _settle_exact(proxy: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    permit, owner, (to, after), signature = decode(_EXACT, arguments)
    witness = {"to": address_of(to), "validAfter": after}
    _take(proxy, frame, permit, address_of(owner), witness, EXACT_WITNESS, permit[0][1], signature)
    return b""


def _settle_upto(proxy: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
    permit, amount, owner, (to, facilitator, after), signature = decode(_UPTO, arguments)
    if amount > permit[0][1]:
        raise revert("AmountExceedsPermitted()")
    if sender != address_of(facilitator):
        raise revert("UnauthorizedFacilitator()")
    witness = {"to": address_of(to), "facilitator": sender, "validAfter": after}
    _take(proxy, frame, permit, address_of(owner), witness, UPTO_WITNESS, amount, signature)
    return b""


def _take(
    proxy: Contract,
    frame: Frame,
    permit: Any,
    owner: str,
    witness: dict[str, Any],
    fields: list[str],
    amount: int,
    signature: bytes,
) -> None:
    """What the proxy and Permit2 check, in their order, and then the token's transferFrom."""
    (token, most), nonce, deadline = permit
    if frame.timestamp < witness["validAfter"]:
        raise revert("PaymentTooEarly()")
    if frame.timestamp > deadline:
        raise revert("SignatureExpired(uint256)", deadline)
    key = owner, nonce.to_bytes(32, "big")
    if key in frame.state.permits:
        raise revert("InvalidNonce()")
    frame.state.permits.add(key)
    message = {
        "permitted": {"token": address_of(token), "amount": most},
        "spender": proxy.address,
        "nonce": nonce,
        "deadline": deadline,
        "witness": witness,
    }
    domain = {"name": "Permit2", "chainId": frame.chain_id, "verifyingContract": PERMIT2}
    signable = encode_typed_data(domain_data=domain, message_types=permit_types(fields), message_data=message)
    if not is_signed(frame, owner, digest_of(signable), signature):
        raise revert("InvalidSigner()")
    arguments = encode(["address", "address", "uint256"], [owner, witness["to"], amount])
    frame.call(PERMIT2, address_of(token), selector("transferFrom(address,address,uint256)") + arguments)


def _pull(permit2: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
    """Permit2's own entry: the sender takes what the owner permitted it, to wherever it says."""
    ((token, most), nonce, deadline), (to, amount), owner, signature = decode(_PLAIN, arguments)
    owner, key = address_of(owner), (address_of(owner), nonce.to_bytes(32, "big"))
    if frame.timestamp > deadline:
        raise revert("SignatureExpired(uint256)", deadline)
    if amount > most:
        raise revert("InvalidAmount(uint256)", most)
    if key in frame.state.permits:
        raise revert("InvalidNonce()")
    frame.state.permits.add(key)
    fields = [*_TYPES["PermitWitnessTransferFrom"]]
    told = {"PermitTransferFrom": fields, "TokenPermissions": _TYPES["TokenPermissions"]}
    types = {
        name: [dict(zip(("type", "name"), one.split(), strict=True)) for one in ones] for name, ones in told.items()
    }
    permitted = {"token": address_of(token), "amount": most}
    message = {"permitted": permitted, "spender": sender, "nonce": nonce, "deadline": deadline}
    domain = {"name": "Permit2", "chainId": frame.chain_id, "verifyingContract": PERMIT2}
    if not is_signed(frame, owner, digest_of(encode_typed_data(domain, types, message)), signature):
        raise revert("InvalidSigner()")
    moved = encode(["address", "address", "uint256"], [owner, to, amount])
    frame.call(permit2.address, address_of(token), selector("transferFrom(address,address,uint256)") + moved)
    return b""


def _pull_witnessed(permit2: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
    """The same with a witness, of which Permit2 sees a hash and how its type is written."""
    ((token, most), nonce, deadline), (to, amount), owner, witness, type_string, signature = decode(
        WITNESSED, arguments
    )
    if frame.timestamp > deadline:
        raise revert("SignatureExpired(uint256)", deadline)
    if amount > most:
        raise revert("InvalidAmount(uint256)", most)
    key = address_of(owner), nonce.to_bytes(32, "big")
    if key in frame.state.permits:
        raise revert("InvalidNonce()")
    frame.state.permits.add(key)
    primary = "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,"
    tokens = keccak(b"TokenPermissions(address token,uint256 amount)")
    permitted = keccak(tokens + encode(["address", "uint256"], [token, most]))
    pull = encode(["bytes32", "address", "uint256", "uint256"], [permitted, sender, nonce, deadline])
    domain = keccak(b"EIP712Domain(string name,uint256 chainId,address verifyingContract)") + keccak(b"Permit2")
    domain = keccak(domain + encode(["uint256", "address"], [frame.chain_id, PERMIT2]))
    struct = keccak(keccak((primary + type_string).encode()) + pull + witness)
    if not is_signed(frame, key[0], keccak(b"\x19\x01" + domain + struct), signature):
        raise revert("InvalidSigner()")
    moved = encode(["address", "address", "uint256"], [owner, to, amount])
    frame.call(permit2.address, address_of(token), selector("transferFrom(address,address,uint256)") + moved)
    return b""


def _invalidate(_permit2: Contract, frame: Frame, sender: str, arguments: bytes) -> bytes:
    word, mask = decode(("uint256", "uint256"), arguments)
    spent = [word * 256 + bit for bit in range(256) if mask >> bit & 1]
    frame.state.permits |= {(sender, nonce.to_bytes(32, "big")) for nonce in spent}
    return b""


def _bundle(bundler: Contract, frame: Frame, _sender: str, arguments: bytes) -> bytes:
    for to, data in decode(("(address,bytes)[]",), arguments)[0]:
        frame.call(bundler.address, address_of(to), data)
    return b""


def bundle(calls: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The stranger's contract and its call for several (contract, call) in one transaction."""
    return BUNDLER, selector("bundle((address,bytes)[])") + encode(["(address,bytes)[]"], [calls])


PERMIT2_CONTRACTS = (
    Contract(
        PERMIT2,
        {
            "invalidateUnorderedNonces(uint256,uint256)": _invalidate,
            f"permitTransferFrom({','.join(_PLAIN)})": _pull,
            f"permitWitnessTransferFrom({','.join(WITNESSED)})": _pull_witnessed,
        },
    ),
    Contract(EXACT_PROXY, {f"settle({','.join(_EXACT)})": _settle_exact}),
    Contract(UPTO_PROXY, {f"settle({','.join(_UPTO)})": _settle_upto}),
    Contract(BUNDLER, {"bundle((address,bytes)[])": _bundle}),
)
