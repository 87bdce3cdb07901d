"""A signer in another process, over HTTP: it judges every wish by a policy of its own, and may refuse."""

from functools import cached_property

import httpx
import msgspec

from agent.account import Sender, local_signer, sending_for, signing_for
from agent.calls import Call, Cancellation, Consent, Unsigned
from agent.chain import Chain
from agent.errors import Refused, SettingsError, WalletError
from agent.settings import Settings
from agent.signing import SignAction, SignCommitment, SignPermit, SignTransaction, SignTransfer, Wish
from agent.terms import is_loopback, origin_of
from agent.wallet import Signer
from protocol.actions import Action
from protocol.delegate import Commitment
from protocol.errors import ProtocolError
from protocol.permit2 import Permit
from protocol.signatures import parse_address, parse_hex, recover
from protocol.typed_data import TokenDomain, Transfer


class _Said(msgspec.Struct):
    """What the service answers, of whatever kind."""

    address: str = ""
    key: str = ""
    signature: str = ""
    rule: str = "signer.refused"
    detail: str = "the signer refused, and did not say why"


class RemoteSigner:
    """Implements wallet.Signer. What its service refuses raises Refused; what cannot be asked, WalletError.

    A wish may be sent twice: the service gives the same signature, and counts it once.
    """

    def __init__(self, url: str, token: str, client: httpx.Client) -> None:
        self._url, self._headers, self._client = url.rstrip("/"), {"Authorization": f"Bearer {token}"}, client

    @property
    def address(self) -> str:
        return self._addresses[0]

    @property
    def key(self) -> str:
        return self._addresses[1]

    @cached_property
    def _addresses(self) -> tuple[str, str]:
        """For whom it signs, and the key that it does so with; asked once."""
        said = self._ask("GET", "address", b"")
        try:
            return parse_address(said.address, "address"), parse_address(said.key, "key")
        except ProtocolError as error:
            raise WalletError("the signer names no address", "is it a paddock-agent signer?") from error

    def sign_transfer(self, domain: TokenDomain, transfer: Transfer) -> bytes:
        return self._sign(
            SignTransfer(
                chain_id=domain.chain_id,
                name=domain.name,
                version=domain.version,
                token=domain.contract,
                to=transfer.to,
                amount=str(transfer.value),
                valid_after=transfer.valid_after,
                valid_before=transfer.valid_before,
                nonce="0x" + transfer.nonce.hex(),
            )
        )

    def sign_receive(self, domain: TokenDomain, committed: Commitment) -> bytes:
        return self._sign(_committed(committed, domain))

    def sign_commitment(self, committed: Commitment) -> bytes:
        return self._sign(_committed(committed, None))

    def sign_permit(self, chain: int, permit: Permit) -> bytes:
        return self._sign(
            SignPermit(
                chain_id=chain,
                token=permit.token,
                to=permit.to,
                amount=str(permit.amount),
                valid_after=permit.valid_after,
                deadline=permit.deadline,
                nonce=str(permit.nonce),
                facilitator=permit.facilitator,
            )
        )

    def sign_action(self, action: Action) -> bytes:
        return self._sign(
            SignAction(
                chain_id=action.chain_id,
                contract=action.contract,
                token=action.token,
                owner=action.owner,
                amount=str(action.amount),
                order="0x" + action.order.hex(),
                deadline=action.deadline,
                calldata="0x" + action.calldata.hex(),
                by_permit2=action.by_permit2,
            )
        )

    def sign_cancellation(self, domain: TokenDomain, nonce: bytes) -> bytes:
        return self._sign(
            Cancellation(
                chain_id=domain.chain_id,
                name=domain.name,
                version=domain.version,
                token=domain.contract,
                nonce="0x" + nonce.hex(),
            )
        )

    def sign_transaction(self, unsigned: Unsigned, call: Call, consent: Consent | None) -> bytes:
        """The service makes the transaction anew from the call: `to` and `data` are not what it goes by."""
        return self._sign(
            SignTransaction(
                chain_id=unsigned.chain_id,
                nonce=unsigned.nonce,
                gas=unsigned.gas,
                max_fee=unsigned.max_fee,
                max_tip=unsigned.max_tip,
                call=call,
                consent=consent,
            )
        )

    def verifies(self, digest: bytes, signature: bytes) -> bool:
        return recover(digest, signature) == self.address

    def _sign(self, wish: Wish) -> bytes:
        said = self._ask("POST", "sign", msgspec.json.encode(wish))
        try:
            return parse_hex(said.signature, "signature")
        except ProtocolError as error:
            raise WalletError(f"the signer gave no usable signature: {error.detail}") from error

    def _ask(self, method: str, path: str, body: bytes) -> _Said:
        try:
            response = self._client.request(method, f"{self._url}/{path}", content=body or None, headers=self._headers)
            said = msgspec.json.decode(response.content, type=_Said)
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            kind = type(error).__name__
            raise WalletError(f"the signer at {self._url} cannot be asked ({kind})", "is it running?") from error
        if response.status_code == 403:
            raise Refused(said.rule, f"the signer: {said.detail}")
        if response.status_code == 401:
            raise WalletError("the signer does not take the agent's token", "set PADDOCK_AGENT_SIGNER_TOKEN to its own")
        if response.status_code != 200:
            raise WalletError(f"the signer answers HTTP {response.status_code}: {said.detail}")
        return said


def signer_of(settings: Settings, chain: Chain) -> Signer:
    """The wallet that the settings name: a service or a key in this process, for itself or for an account on a chain.

    Raises SettingsError and WalletError.
    """
    if settings.signer:
        return signing_for(settings, _service(settings), chain)
    if settings.account and settings.load_policy().approval.approver == settings.owner().address:
        raise SettingsError("the approver of the policy is the key that signs for the account", "let a person approve")
    return signing_for(settings, local_signer(settings), chain)


def sender_of(settings: Settings, chain: Chain) -> Sender:
    """Who sends the chain transactions of the wallet that the settings name. Raises like `signer_of`."""
    return sending_for(settings, signer_of(settings, chain))


def _service(settings: Settings) -> RemoteSigner:
    url = httpx.URL(settings.signer)
    if url.scheme != "https" and not is_loopback(origin_of(url)):
        raise SettingsError(f"{settings.signer} would be asked without TLS", "give the signer TLS, or put it here")
    unkept = httpx.Limits(max_keepalive_connections=0)
    client = httpx.Client(timeout=settings.timeout, trust_env=False, limits=unkept)
    return RemoteSigner(settings.signer, settings.signer_token or "", client)


def _committed(committed: Commitment, domain: TokenDomain | None) -> SignCommitment:
    action = committed.action
    return SignCommitment(
        chain_id=committed.chain_id,
        executor=committed.executor,
        token=committed.token,
        amount=str(committed.amount),
        target=action.target,
        calldata="0x" + action.calldata.hex(),
        order="0x" + action.order.hex(),
        quote_hash="0x" + action.quote_hash.hex(),
        salt="0x" + action.salt.hex(),
        deadline=committed.deadline,
        name=None if domain is None else domain.name,
        version=None if domain is None else domain.version,
    )
