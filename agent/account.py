"""A wallet that is a contract (ERC-1271): a key of its owner signs for it, and the chain says whether that counts."""

from typing import Protocol

from eth_account.signers.local import LocalAccount

from agent.chain import Chain, encode_call
from agent.clock import Clock
from agent.errors import Refused, Reverted, SettingsError, WalletError
from agent.sending import send
from agent.settings import Settings
from agent.wallet import LocalSigner, Signer, sign_digest
from protocol.actions import Action
from protocol.delegate import Commitment
from protocol.errors import ProtocolError
from protocol.hashing import keccak
from protocol.networks import caip2
from protocol.permit2 import Permit
from protocol.signatures import parse_address
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

    def __init__(self, owner: Signer, account: str, chain: Chain) -> None:
        self._owner, self._account, self._chain = owner, account, chain
        self._takes_bytes: set[str] = set()

    @property
    def address(self) -> str:
        return self._account

    def sign_transfer(self, domain: TokenDomain, transfer: Transfer) -> bytes:
        self._require_token(domain)
        return self._owner.sign_transfer(domain, transfer)

    def sign_receive(self, domain: TokenDomain, committed: Commitment) -> bytes:
        self._require_token(domain)
        return self._owner.sign_receive(domain, committed)

    def sign_permit(self, chain: int, permit: Permit) -> bytes:
        self._require_own(chain)
        return self._owner.sign_permit(chain, permit)

    def sign_commitment(self, committed: Commitment) -> bytes:
        self._require_own(committed.chain_id)
        return self._owner.sign_commitment(committed)

    def sign_action(self, action: Action) -> bytes:
        self._require_own(action.chain_id)
        return self._owner.sign_action(action)

    def verifies(self, digest: bytes, signature: bytes) -> bool:
        data = "0x" + encode_call("isValidSignature(bytes32,bytes)", digest, signature).hex()
        try:
            said = self._chain.call(self._account, data)
        except Reverted:
            said = "0x"
        if said.lower() != _YES:
            hint = "is it deployed there, is the key its owner's, and is PADDOCK_AGENT_ACCOUNT_FORM right?"
            raise WalletError(
                f"the account {self._account} does not call that signature its own; nothing is sent", hint
            )
        return True

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
    """Who sends the wallet's own chain transactions: a key, for itself or for the account that it owns."""

    def __init__(self, key: LocalAccount, account: str = "", form: Form | None = None) -> None:
        self.key, self.address, self._form = key, account or str(key.address), form

    @property
    def is_account(self) -> bool:
        """Whether a contract pays, and the key only speaks for it."""
        return self._form is not None

    def envelope(self, to: str, data: str) -> tuple[str, str]:
        """Whom the key's transaction calls, and with what, so that the wallet calls `to` with `data`. Raises
        WalletError."""
        if self._form is None:
            return to, data
        wrapped = self._form.call(to, data)
        if wrapped is None:
            hint = f"let {self.address} do it by the means it has"
            raise WalletError(f"an account of the form {self._form.name} cannot be told by its owner to call", hint)
        return self.address, wrapped

    def send(self, chain: Chain, clock: Clock, to: str, data: str, what: str, mend: str) -> str:
        """See sending.send."""
        return send(chain, clock, self.key, *self.envelope(to, data), what, mend)

    def sign(self, chain: int, digest: bytes) -> bytes:
        """The wallet's signature over a digest."""
        message = digest if self._form is None else self._form.message(self.address, chain, digest)
        return sign_digest(self.key, message)


def sender_of(settings: Settings) -> Sender:
    """The key that can send transactions. Raises WalletError where a signer of its own has it."""
    if settings.signer:
        raise WalletError("a signer of its own has the key, and signs payments only", "do it where the key is")
    return Sender(settings.owner(), *_account_of(settings)) if settings.account else Sender(settings.owner())


def local_signer(settings: Settings) -> LocalSigner:
    """The key in this process, for itself or for the account that it owns. Raises SettingsError and WalletError."""
    if not settings.account:
        return LocalSigner(settings.owner())
    return OwnerSigner(settings.owner(), *_account_of(settings))


def signing_for(settings: Settings, owner: Signer, chain: Chain) -> Signer:
    """The signer of the account that the settings name; the given one where they name none. Raises SettingsError."""
    return AccountSigner(owner, _account_of(settings)[0], chain) if settings.account else owner


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
