"""A wallet that is a contract (ERC-1271): a key of its owner signs for it, and the chain says whether that counts."""

from typing import Protocol

from eth_account.signers.local import LocalAccount

from agent.calls import Call, Cancellation, Consent, Unsigned
from agent.chain import Chain, encode_call
from agent.clock import Clock
from agent.errors import Refused, Reverted, SettingsError, WalletError
from agent.sending import carried, unsigned
from agent.settings import Settings
from agent.undeployed import Making, making_of
from agent.wallet import LocalSigner, Signer, sign_digest
from protocol.actions import Action
from protocol.delegate import Commitment
from protocol.erc6492 import is_wrapped, unwrap
from protocol.errors import ProtocolError
from protocol.hashing import keccak
from protocol.networks import caip2
from protocol.permit2 import Permit
from protocol.signatures import parse_address, recover
from protocol.typed_data import TokenDomain, Transfer, typed_digest

_YES = "0x1626ba7e" + "00" * 28
_BY_BYTES = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"


class Form(Protocol):
    """What a kind of account wants of its owner. A new kind is one class and its place in `FORMS`."""

    name: str

    def message(self, account: str, chain: int, digest: bytes) -> bytes:
        """The digest that the owner's key signs, so that the account has signed `digest`: 32 bytes each."""

    def call(self, to: str, data: str) -> str | None:
        """Calldata by which the owner has the account call a contract; None where this kind has no such function."""


class SmartWallet:
    """contracts/mocks/SmartWallet.sol: what is signed names the account, so it is no signature for another one."""

    name = "SmartWallet"

    def message(self, account: str, chain: int, digest: bytes) -> bytes:
        domain = {"name": "Paddock Smart Wallet", "version": "1", "chainId": chain, "verifyingContract": account}
        return typed_digest(domain, "WalletMessage", {"hash": "bytes32"}, {"hash": digest})

    def call(self, to: str, data: str) -> str | None:
        return "0x" + encode_call("execute(address,bytes)", to, bytes.fromhex(data[2:])).hex()


class Plain:
    """An account that takes its owner's signature over the very digest that it is asked about."""

    name = "plain"

    def message(self, account: str, chain: int, digest: bytes) -> bytes:
        return digest

    def call(self, to: str, data: str) -> str | None:
        return None


FORMS: tuple[Form, ...] = (SmartWallet(), Plain())


class OwnerSigner(LocalSigner):
    """The owner's key in this process, signing for the account. Whether the account agrees, only its chain knows."""

    def __init__(self, owner: LocalAccount, account: str, form: Form) -> None:
        super().__init__(owner)
        self._address, self._form = account, form

    @property
    def address(self) -> str:
        return self._address

    def _sign(self, chain: int, digest: bytes) -> bytes:
        return sign_digest(self._account, self._form.message(self._address, chain, digest))


class AccountSigner:
    """Implements wallet.Signer for an account, by whatever signer its owner's key is in.

    Raises ChainUnavailable where the account's chain cannot be asked, Refused for a token that takes no signatures of
    accounts, and WalletError for a signature that the account does not call its own.
    """

    def __init__(self, owner: Signer, account: str, chain: Chain, making: Making | None = None) -> None:
        self._owner, self._account, self._chain, self._making = owner, account, chain, making
        self._takes_bytes: set[str] = set()
        self._is_there = False

    @property
    def address(self) -> str:
        return self._account

    @property
    def key(self) -> str:
        return self._owner.key

    def sign_transfer(self, domain: TokenDomain, transfer: Transfer) -> bytes:
        self._require_token(domain)
        signature = self._owner.sign_transfer(domain, transfer)
        return signature if self._making is None or self._deployed() else self._making.wrapped(signature)

    def sign_receive(self, domain: TokenDomain, committed: Commitment) -> bytes:
        self._require_token(domain)
        self._require_there()
        return self._owner.sign_receive(domain, committed)

    def sign_permit(self, chain: int, permit: Permit) -> bytes:
        self._require_own(chain)
        self._require_there()
        return self._owner.sign_permit(chain, permit)

    def sign_commitment(self, committed: Commitment) -> bytes:
        self._require_own(committed.chain_id)
        self._require_there()
        return self._owner.sign_commitment(committed)

    def sign_action(self, action: Action) -> bytes:
        self._require_own(action.chain_id)
        self._require_there()
        return self._owner.sign_action(action)

    def sign_cancellation(self, domain: TokenDomain, nonce: bytes) -> bytes:
        self._require_own(domain.chain_id)
        return self._owner.sign_cancellation(domain, nonce)

    def sign_transaction(self, unsigned: Unsigned, call: Call, consent: Consent | None) -> bytes:
        self._require_own(unsigned.chain_id)
        return self._owner.sign_transaction(unsigned, call, consent)

    def verifies(self, digest: bytes, signature: bytes) -> bool:
        if self._answer(digest, signature).lower() != _YES:
            hint = (
                "is it deployed there, is the key its owner's, and are PADDOCK_AGENT_ACCOUNT_FORM and _FACTORY right?"
            )
            raise WalletError(
                f"the account {self._account} does not call that signature its own; nothing is sent", hint
            )
        return True

    def _answer(self, digest: bytes, signature: bytes) -> str:
        """What the account says to a signature, or would once it is made by what comes with that."""
        by_code = is_wrapped(signature)
        inner = unwrap(signature).signature if by_code else signature
        question = encode_call("isValidSignature(bytes32,bytes)", digest, inner)
        try:
            if by_code and self._making is not None:
                return self._making.answer(self._chain, self._account, question)
            return self._chain.call(self._account, "0x" + question.hex())
        except Reverted:
            return "0x"

    def _deployed(self) -> bool:
        """Whether the account is there; asked until it is."""
        self._is_there = self._is_there or self._chain.has_code(self._account)
        return self._is_there

    def _require_there(self) -> None:
        """Only a payment by EIP-3009 can bring its account along. Raises Refused, before anything is signed."""
        if self._making is not None and not self._deployed():
            detail = f"the account {self._account} is not there yet, and only a direct payment by EIP-3009 can make it"
            raise Refused("wallet.undeployed", detail)

    def _require_own(self, chain: int) -> None:
        """The chain is the one that can be asked, and the owner's signer signs for this very account."""
        self._chain.require(caip2(chain))
        if self._owner.address != self._account:
            hint = "set PADDOCK_AGENT_ACCOUNT at the signer too"
            raise WalletError(f"the signer signs for {self._owner.address}, not for {self._account}", hint)

    def _require_token(self, domain: TokenDomain) -> None:
        """The token takes signatures as bytes (EIP-3009 as USDC 2.2 has it): a false one is refused, not unheard of."""
        self._require_own(domain.chain_id)
        token = domain.contract
        if token in self._takes_bytes:
            return
        probe = encode_call(_BY_BYTES, self._account, token, 0, 0, 2**64, keccak(self._account.encode()), bytes(65))
        try:
            self._chain.call(token, "0x" + probe.hex())
        except Reverted as refusal:
            if refusal.data != "0x":
                self._takes_bytes.add(token)
                return
        raise Refused(
            "wallet.account", f"the token {token} takes signatures of keys only, and the wallet is a contract"
        )


class Sender:
    """Who sends the wallet's own chain transactions: a signer's key, for itself or for the account that it owns."""

    def __init__(self, signer: Signer, form: Form | None = None) -> None:
        self.signer, self._form = signer, form

    @property
    def address(self) -> str:
        """The wallet, whose money it is."""
        return self.signer.address

    @property
    def key(self) -> str:
        """The key that pays the gas."""
        return self.signer.key

    def target(self, call: Call) -> tuple[str, str]:
        """Whom the key's transaction calls, and with what (0x-hex), so that the wallet has that done.

        A cancellation is signed for in this moment. Raises WalletError where the account cannot be told to call, and
        what the signer raises.
        """
        if isinstance(call, Cancellation):
            signature = self.signer.sign_cancellation(call.domain, call.place)
            return call.parts(self.address, signature, by_bytes=self._form is not None)
        to, data = call.parts()
        if self._form is None:
            return to, data
        wrapped = self._form.call(to, data)
        if wrapped is None:
            hint = f"let {self.address} do it by the means it has"
            raise WalletError(f"an account of the form {self._form.name} cannot be told by its owner to call", hint)
        return self.address, wrapped

    def unsigned(self, chain: Chain, call: Call, mend: str) -> Unsigned:
        """See sending.unsigned. An account that is not there cannot be told to call anything: raises WalletError."""
        if self._form is not None and not chain.has_code(self.address):
            hint = "deploy it, or let its first payment do so: PADDOCK_AGENT_ACCOUNT_FACTORY"
            raise WalletError(f"the account {self.address} is not there yet", hint)
        return unsigned(chain, self.key, *self.target(call), mend)

    def signed(self, made: Unsigned, call: Call, consent: Consent | None = None) -> bytes:
        """The bytes that any node takes. Raises WalletError, before anything is sent, unless they are the key's over
        exactly that; and what the signer raises."""
        signature = self.signer.sign_transaction(made, call, consent)
        try:
            is_own = recover(made.digest(), signature) == self.key
        except ProtocolError as error:
            raise WalletError(f"the signer gave no usable signature: {error.detail}") from error
        if not is_own:
            hint = "are account and form (PADDOCK_AGENT_ACCOUNT, _ACCOUNT_FORM) the same at the signer?"
            raise WalletError("the signer signed another transaction than was asked for; nothing is sent", hint)
        return made.raw(signature)

    def send(self, chain: Chain, clock: Clock, call: Call, what: str, mend: str) -> str:
        """Make, sign and send it; see sending.carried."""
        return carried(chain, clock, self.signed(self.unsigned(chain, call, mend), call), what, mend)


def local_signer(settings: Settings) -> LocalSigner:
    """The key in this process, for itself or for the account that it owns. Raises SettingsError and WalletError."""
    if not settings.account:
        return LocalSigner(settings.owner())
    return OwnerSigner(settings.owner(), *_account_of(settings))


def signing_for(settings: Settings, owner: Signer, chain: Chain) -> Signer:
    """The signer of the account that the settings name; the given one where they name none. Raises SettingsError."""
    making = making_of(settings)
    return AccountSigner(owner, _account_of(settings)[0], chain, making) if settings.account else owner


def sending_for(settings: Settings, signer: Signer) -> Sender:
    """Who sends the chain transactions of the wallet that the settings name. Raises SettingsError."""
    return Sender(signer, _account_of(settings)[1]) if settings.account else Sender(signer)


def _account_of(settings: Settings) -> tuple[str, Form]:
    try:
        address = parse_address(settings.account, "PADDOCK_AGENT_ACCOUNT")
    except ProtocolError as error:
        raise SettingsError(error.detail, "the address of the account that pays") from error
    form = next((one for one in FORMS if one.name == settings.account_form), None)
    if form is None:
        known = ", ".join(one.name for one in FORMS)
        raise SettingsError(f"PADDOCK_AGENT_ACCOUNT_FORM is {settings.account_form!r}", f"it is one of: {known}")
    return address, form
