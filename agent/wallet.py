"""The wallet: a signer behind a port, and the one function that asks it to sign."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
from coincurve import PrivateKey
from eth_account import Account
from eth_account.signers.local import LocalAccount

from agent.calls import Call, Consent, Unsigned
from agent.decisions import Decision, Verdict
from agent.errors import WalletError
from agent.terms import Terms
from protocol import delegate_permit2
from protocol.actions import Action
from protocol.delegate import Commitment
from protocol.errors import ProtocolError
from protocol.keystores import open_keystore
from protocol.permit2 import Permit, permit_digest
from protocol.signatures import recover, sign
from protocol.typed_data import RECEIVE_TYPE, TokenDomain, Transfer, authorization_digest, cancellation_digest
from protocol.wire import ExactAuthorization, ExactPayload


class Signer(Protocol):
    """Holds the key. A test's signer counts the calls: every refusal must leave it at zero."""

    @property
    def address(self) -> str:
        """The payer, checksummed."""

    @property
    def key(self) -> str:
        """The key that sends the payer's chain transactions, and pays their gas: its address, checksummed."""

    def sign_transfer(self, domain: TokenDomain, transfer: Transfer) -> bytes:
        """65 bytes over the EIP-3009 TransferWithAuthorization. Not idempotent: call once per purchase."""

    def sign_receive(self, domain: TokenDomain, committed: Commitment) -> bytes:
        """65 bytes over the EIP-3009 ReceiveWithAuthorization that pays an executor for that alone. Not idempotent:
        call once per purchase."""

    def sign_permit(self, chain: int, permit: Permit) -> bytes:
        """65 bytes over the Permit2 permit, on the chain with that id. Not idempotent: call once per purchase."""

    def sign_commitment(self, committed: Commitment) -> bytes:
        """65 bytes over the Permit2 permit that pays an executor for that alone. Not idempotent: call once per
        purchase."""

    def sign_action(self, action: Action) -> bytes:
        """65 bytes over what a callback is to do with the payment. Not idempotent: call once per purchase."""

    def sign_cancellation(self, domain: TokenDomain, nonce: bytes) -> bytes:
        """65 bytes over the EIP-3009 CancelAuthorization of one of the payer's. Moves nothing; may be repeated."""

    def sign_transaction(self, unsigned: Unsigned, call: Call, consent: Consent | None) -> bytes:
        """65 bytes by `key` over a chain transaction that does just that, with what a person agreed to, where one was
        asked. May be repeated: at most one transaction of a nonce is ever mined."""

    def verifies(self, digest: bytes, signature: bytes) -> bool:
        """Whether a signature over a 32-byte digest is the payer's. Raises ProtocolError for what is none at all."""


class LocalSigner:
    """A key in this process."""

    def __init__(self, account: LocalAccount) -> None:
        self._account, self._key = account, PrivateKey(bytes(account.key))

    @property
    def address(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        return str(self._account.address)

    def sign_transfer(self, domain: TokenDomain, transfer: Transfer) -> bytes:
        return self._sign(domain.chain_id, authorization_digest(domain, transfer))

    def sign_receive(self, domain: TokenDomain, committed: Commitment) -> bytes:
        return self._sign(domain.chain_id, authorization_digest(domain, committed.transfer, RECEIVE_TYPE))

    def sign_permit(self, chain: int, permit: Permit) -> bytes:
        return self._sign(chain, permit_digest(chain, permit))

    def sign_commitment(self, committed: Commitment) -> bytes:
        return self._sign(committed.chain_id, delegate_permit2.permit_digest(committed))

    def sign_action(self, action: Action) -> bytes:
        return self._sign(action.chain_id, action.digest())

    def sign_cancellation(self, domain: TokenDomain, nonce: bytes) -> bytes:
        return self._sign(domain.chain_id, cancellation_digest(domain, self.address, nonce))

    def sign_transaction(self, unsigned: Unsigned, call: Call, consent: Consent | None) -> bytes:
        return sign(self._key, unsigned.digest())

    def verifies(self, digest: bytes, signature: bytes) -> bool:
        return recover(digest, signature) == self.address

    def _sign(self, chain: int, digest: bytes) -> bytes:
        """Over a digest that counts on the chain with that id."""
        return sign(self._key, digest)


@dataclass(frozen=True, slots=True)
class ApprovedTerms:
    """Terms that policy, or a person, has allowed. Nothing else can reach the signer."""

    terms: Terms
    decision: Decision

    def __post_init__(self) -> None:
        if self.decision.verdict is not Verdict.ALLOW:
            raise WalletError(f"terms that were not allowed ({self.decision.rule}) cannot be signed")


def authorize(signer: Signer, approved: ApprovedTerms, nonce: bytes, valid_before: int) -> dict[str, object]:
    """Sign exactly the approved terms, once: the x402 `exact` payload by EIP-3009.

    `nonce` is 32 random bytes, `valid_before` Unix seconds. Raises WalletError if the signature that comes back is
    not the payer's over exactly that transfer (a remote signer might have been told otherwise).
    """
    terms = approved.terms
    domain = TokenDomain(terms.token_name or "", terms.token_version or "", terms.chain_id, terms.asset)
    transfer = Transfer(signer.address, terms.pay_to, terms.amount, 0, valid_before, nonce)
    signature = signer.sign_transfer(domain, transfer)
    require_signed(signer, authorization_digest(domain, transfer), signature)
    authorization = ExactAuthorization(
        from_=transfer.payer,
        to=transfer.to,
        value=str(transfer.value),
        valid_after=str(transfer.valid_after),
        valid_before=str(transfer.valid_before),
        nonce="0x" + nonce.hex(),
    )
    payload: dict[str, object] = msgspec.to_builtins(ExactPayload("0x" + signature.hex(), authorization))
    return payload


def choose(signer: Signer, approved: ApprovedTerms, action: Action) -> bytes:
    """Sign exactly the approved terms' calldata, once. Raises WalletError like `authorize`."""
    if action.calldata != approved.terms.calldata:
        raise WalletError("another call than the approved terms' cannot be signed")
    signature = signer.sign_action(action)
    require_signed(signer, action.digest(), signature)
    return signature


def require_signed(signer: Signer, digest: bytes, signature: bytes) -> None:
    """The signature is the signer's over exactly that. Raises WalletError, before anything is sent."""
    try:
        signed = signer.verifies(digest, signature)
    except ProtocolError as error:
        raise WalletError(f"the signer gave no usable signature: {error.detail}") from error
    if not signed:
        raise WalletError("the signer signed something else than the approved terms; the payment was not sent")


def sign_digest(account: LocalAccount, digest: bytes) -> bytes:
    """65 bytes r‖s‖v over a 32-byte digest."""
    return sign(PrivateKey(bytes(account.key)), digest)


def account_of(key: str) -> LocalAccount:
    """The account of a private key in hex. Raises WalletError, which never repeats the key."""
    try:
        account: LocalAccount = Account.from_key(key.strip())
    except Exception:  # eth-account raises several types, some of which quote the key: none may be chained
        raise WalletError("that is not a private key", "a key is 32 bytes in hex, like 0x59c6…") from None
    return account


def account_in(path: Path, password: str | None) -> LocalAccount:
    """The account in a file: a hex key, or an Ethereum keystore (JSON), which needs its password."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WalletError(f"the key file {path} cannot be read ({type(error).__name__})", "check its path") from error
    if not text.startswith("{"):
        return account_of(text)
    if password is None:
        raise WalletError(f"{path} is a keystore and needs its password", "set PADDOCK_AGENT_KEY_PASSWORD")
    try:
        return account_of(open_keystore(text, password).hex())
    except ProtocolError as error:
        raise WalletError(f"the keystore {path} does not open: {error.detail}", "check file and password") from None
