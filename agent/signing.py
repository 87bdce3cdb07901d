"""What a signer on its own is asked to sign, as messages: each can be read as typed values, and signed by a signer."""

from typing import NamedTuple

import msgspec

from agent.account import Sender
from agent.calls import Call, Cancellation, Consent, Count, Unsigned
from agent.wallet import Signer
from protocol.actions import Action
from protocol.amounts import parse_uint
from protocol.delegate import Commitment
from protocol.networks import caip2
from protocol.payment import Delegated
from protocol.permit2 import Permit
from protocol.signatures import parse_address, parse_hex
from protocol.typed_data import TokenDomain, Transfer


class Money(NamedTuple):
    """What a signature can move: atomic units of an asset (network in CAIP-2), between two Unix times; the nonce, of 32
    bytes, in lower-case 0x-hex."""

    network: str
    asset: str
    amount: int
    to: str
    since: int
    until: int
    nonce: str


class SignTransfer(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag="transfer", forbid_unknown_fields=True
):
    """EIP-3009 TransferWithAuthorization; `name` and `version` are the token's EIP-712 domain."""

    chain_id: int
    name: str
    version: str
    token: str
    to: str
    amount: str
    valid_after: int
    valid_before: int
    nonce: str

    def transfer(self, payer: str) -> Transfer:
        """The authorization as typed values. Raises ProtocolError."""
        amount, nonce = parse_uint(self.amount, "amount"), parse_hex(self.nonce, "nonce", 32)
        return Transfer(payer, parse_address(self.to, "to"), amount, self.valid_after, self.valid_before, nonce)

    def money(self, payer: str) -> Money:
        """What it can move."""
        moved, network = self.transfer(payer), caip2(self.chain_id)
        asset = parse_address(self.token, "token")
        return Money(network, asset, moved.value, moved.to, moved.valid_after, moved.valid_before, _hex(moved.nonce))

    def sign(self, signer: Signer) -> bytes:
        """The signature."""
        domain = TokenDomain(self.name, self.version, self.chain_id, parse_address(self.token, "token"))
        return signer.sign_transfer(domain, self.transfer(signer.address))


class SignCommitment(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag="commitment", forbid_unknown_fields=True
):
    """A payment to an executor for one action: by EIP-3009 with the token's domain, by Permit2 without."""

    chain_id: int
    executor: str
    token: str
    amount: str
    target: str
    calldata: str
    order: str
    quote_hash: str
    salt: str
    deadline: int
    name: str | None = None
    version: str | None = None

    def commitment(self, payer: str) -> Commitment:
        """It as typed values. Raises ProtocolError."""
        action = Delegated(
            target=parse_address(self.target, "target"),
            calldata=parse_hex(self.calldata, "calldata"),
            order=parse_hex(self.order, "order", 32),
            quote_hash=parse_hex(self.quote_hash, "quoteHash", 32),
            salt=parse_hex(self.salt, "salt", 32),
        )
        executor, token = parse_address(self.executor, "executor"), parse_address(self.token, "token")
        amount = parse_uint(self.amount, "amount")
        return Commitment(self.chain_id, executor, payer, token, amount, action, self.deadline)

    def money(self, payer: str) -> Money:
        """What it can move."""
        made, network = self.commitment(payer), caip2(self.chain_id)
        return Money(network, made.token, made.amount, made.executor, 0, self.deadline, _hex(made.nonce()))

    def sign(self, signer: Signer) -> bytes:
        """The signature."""
        made = self.commitment(signer.address)
        if self.name is None or self.version is None:
            return signer.sign_commitment(made)
        return signer.sign_receive(TokenDomain(self.name, self.version, self.chain_id, made.token), made)


class SignPermit(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag="permit", forbid_unknown_fields=True):
    """A Permit2 permit for one of the x402 proxies."""

    chain_id: int
    token: str
    to: str
    amount: str
    valid_after: int
    deadline: int
    nonce: str
    facilitator: str | None = None

    def permit(self, payer: str) -> Permit:
        """The permit as typed values. Raises ProtocolError."""
        facilitator = None if self.facilitator is None else parse_address(self.facilitator, "facilitator")
        token, to = parse_address(self.token, "token"), parse_address(self.to, "to")
        amount, nonce = parse_uint(self.amount, "amount"), parse_uint(self.nonce, "nonce")
        return Permit(payer, token, amount, nonce, self.deadline, to, self.valid_after, facilitator)

    def money(self, payer: str) -> Money:
        """What it can move."""
        permit = self.permit(payer)
        network, nonce = caip2(self.chain_id), _hex(permit.nonce.to_bytes(32, "big"))
        return Money(network, permit.token, permit.amount, permit.to, permit.valid_after, permit.deadline, nonce)

    def sign(self, signer: Signer) -> bytes:
        """The signature."""
        return signer.sign_permit(self.chain_id, self.permit(signer.address))


class SignAction(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag="action", forbid_unknown_fields=True):
    """What a callback is to do with a payment; it moves nothing by itself."""

    chain_id: int
    contract: str
    token: str
    owner: str
    amount: str
    order: str
    deadline: int
    calldata: str
    by_permit2: bool = False

    def action(self, payer: str) -> Action:
        """The choice as typed values. Raises ProtocolError."""
        return Action(
            chain_id=self.chain_id,
            contract=parse_address(self.contract, "contract"),
            token=parse_address(self.token, "token"),
            owner=parse_address(self.owner, "owner"),
            payer=payer,
            amount=parse_uint(self.amount, "amount"),
            order=parse_hex(self.order, "order", 32),
            deadline=self.deadline,
            calldata=parse_hex(self.calldata, "calldata"),
            by_permit2=self.by_permit2,
        )

    def sign(self, signer: Signer) -> bytes:
        """The signature."""
        return signer.sign_action(self.action(signer.address))


class SignTransaction(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag="transaction", forbid_unknown_fields=True
):
    """A chain transaction by the wallet's key: fees in wei for a unit of gas. What a person agreed to comes with it."""

    chain_id: Count
    nonce: Count
    gas: Count
    max_fee: Count
    max_tip: Count
    call: Call
    consent: Consent | None = None

    @property
    def cost(self) -> int:
        """The most that it can cost, in wei."""
        return self.gas * self.max_fee

    def sign(self, sender: Sender) -> bytes:
        """The signature over what the sender makes of the call."""
        to, data = sender.target(self.call)
        made = Unsigned(self.chain_id, self.nonce, to, data, self.gas, self.max_fee, self.max_tip)
        return sender.signer.sign_transaction(made, self.call, self.consent)


Payment = SignTransfer | SignCommitment | SignPermit
Wish = Payment | SignAction | SignTransaction | Cancellation


def _hex(nonce: bytes) -> str:
    return "0x" + nonce.hex()
