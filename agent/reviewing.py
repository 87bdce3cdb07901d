"""`paddock-agent review`: say how good a purchase was, in the registry where that can be paid for, else signed."""

from argparse import Namespace
from typing import NamedTuple

import httpx
import msgspec
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount

from agent.clock import Clock, SystemClock
from agent.commands import Shell
from agent.errors import AgentError, ChainUnavailable, NoGas, SellerUnavailable
from agent.models import Purchase
from agent.policy_file import PolicyFile
from agent.sending import send
from agent.store import purchase
from agent.terms import origin_of
from agent.wallet import sign_digest
from protocol.errors import ProtocolError
from protocol.feedback import ACTION, BEST, GIVE_FEEDBACK, FeedbackFile, PaymentProof, as_uri, file_hash
from protocol.hashing import keccak
from protocol.headers import decode_json
from protocol.networks import chain_id
from protocol.requests import SignedRequest, new_request
from protocol.signatures import parse_address

_KINDS = ("uint256", "int128", "uint8", "string", "string", "string", "string", "bytes32")


class Subject(msgspec.Struct, rename="camel"):
    """What the marketplace says that feedback on an order is about: nothing of it moves money."""

    agent_registry: str | None = None
    agent_id: int | None = None
    reputation_registry: str | None = None


class Place(NamedTuple):
    """Where words about an order go: below its URL; and the payment behind it."""

    url: str
    order_id: str
    bought: Purchase


def review(shell: Shell, args: Namespace) -> int:
    """Say how good a purchase was; it counts when the marketplace finds the payment on chain."""
    account = shell.settings.payer()
    with shell.store().begin() as connection:
        place = place_of(purchase(connection, args.id))
    if not 0 <= args.score <= BEST:
        raise AgentError(f"a score goes from 0 to {BEST}")
    clock = SystemClock()
    with shell.client() as client:
        subject = _subject(client, place)
        content = written(place.bought, subject, args.score, clock)
        registry = None if args.signed else allowed_registry(shell.settings.load_policy(), place.bought, subject)
        transaction = None
        if registry:
            try:
                transaction = _give(shell, client, clock, account, registry, subject, args.score, content)
            except (NoGas, ChainUnavailable) as error:
                shell.err.print(f"[yellow]{error}: signed for the marketplace instead[/]", soft_wrap=True)
        if transaction is None:
            _hand_in(client, place, account, content, clock)
    where = f"in the registry, by {transaction}" if transaction else "signed for the marketplace"
    shell.out.print(f"{args.score} of {BEST} for {place.order_id}, {where}", soft_wrap=True)
    return 0


def written(bought: Purchase, subject: Subject, score: int, clock: Clock) -> bytes:
    """The feedback file, from the agent's own records of the payment."""
    signed = bought.signed
    assert bought.settlement is not None
    proof = PaymentProof(
        from_address=signed.payer,
        to_address=signed.pay_to,
        chain_id=str(chain_id(signed.network)),
        tx_hash=bought.settlement,
    )
    return FeedbackFile(
        agent_registry=subject.agent_registry,
        agent_id=subject.agent_id,
        client_address=f"{signed.network}:{signed.payer}",
        created_at=clock.now().isoformat(timespec="seconds"),
        value=score,
        tag1="paid",
        proof_of_payment=proof,
    ).encode()


def allowed_registry(policy: PolicyFile, bought: Purchase, subject: Subject) -> str | None:
    """The address of the registry to call, if the policy lists the one that the marketplace names; else None."""
    network, _, address = (subject.reputation_registry or "").rpartition(":")
    if subject.agent_id is None or network != bought.network:
        return None
    try:
        found = parse_address(address, "reputationRegistry")
    except ProtocolError:
        return None
    return found if f"{network}:{found}" in policy.standing.registries else None


def _give(
    shell: Shell,
    client: httpx.Client,
    clock: Clock,
    account: LocalAccount,
    registry: str,
    subject: Subject,
    score: int,
    content: bytes,
) -> str:
    values = (subject.agent_id, score, 0, "paid", "", "", as_uri(content), bytes.fromhex(file_hash(content)[2:]))
    data = "0x" + (keccak(GIVE_FEEDBACK.encode())[:4] + encode(_KINDS, values)).hex()
    chain = shell.chain(client)
    chain.require((subject.reputation_registry or "").rpartition(":")[0])
    return send(chain, clock, account, registry, data, "the feedback", "try again with --signed")


def place_of(bought: Purchase) -> Place:
    """The order of a purchase. Raises AgentError where there is none, or where it would be asked about elsewhere."""
    if bought.settlement is None or bought.order_id is None:
        raise AgentError(f"{bought.id} was not paid for on chain, as far as is known", "see: paddock-agent resume")
    url = httpx.URL(bought.url).join(bought.status_url or f"/api/orders/{bought.order_id}")
    if origin_of(url) != bought.origin:
        raise AgentError(f"{bought.id} has its status at another host than it was bought from")
    return Place(str(url.copy_with(query=None)), bought.order_id, bought)


def _subject(client: httpx.Client, place: Place) -> Subject:
    response = answered(client, "GET", f"{place.url}/feedback")
    try:
        return decode_json(response.content, Subject)
    except ProtocolError as error:
        raise SellerUnavailable(
            f"{place.url} answers something else than feedback's subject: {error.detail}"
        ) from error


def _hand_in(client: httpx.Client, place: Place, account: LocalAccount, content: bytes, clock: Clock) -> None:
    header = signed_header(ACTION, place, account, file_hash(content), clock)
    answered(client, "POST", f"{place.url}/feedback", content=content, headers={"Authorization": header})


def signed_header(action: str, place: Place, account: LocalAccount, reason: str, clock: Clock) -> str:
    """The Authorization of one action on an order, by its payer."""
    request = new_request(action, place.order_id, int(clock.now().timestamp()), reason)
    signature = sign_digest(account, request.digest(chain_id(place.bought.signed.network)))
    return SignedRequest(request, "0x" + signature.hex()).header()


def answered(client: httpx.Client, method: str, url: str, **given: object) -> httpx.Response:
    """Raises SellerUnavailable for everything but success, in the seller's words where it has any."""
    try:
        response = client.request(method, url, follow_redirects=False, **given)  # type: ignore[arg-type]
    except httpx.HTTPError as error:
        raise SellerUnavailable(f"{url} does not answer ({type(error).__name__})", "try again later") from error
    if not response.is_success:
        try:
            told = decode_json(response.content, _Problem)
        except ProtocolError:
            told = _Problem()
        raise SellerUnavailable(f"{url} answers HTTP {response.status_code}: {told.detail}", told.action)
    return response


class _Problem(msgspec.Struct):
    """What is read of problem+json."""

    detail: str = ""
    action: str = ""
