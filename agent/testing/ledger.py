"""The accounts of a test: every payment that reached a seller or somebody else, and all that can be taken by it."""

from dataclasses import dataclass, field

import httpx
import msgspec

from protocol import schemes
from protocol.errors import ProtocolError
from protocol.headers import PAYMENT_SIGNATURE, X_PAYMENT, decode
from protocol.networks import from_v1
from protocol.payment import Payment
from protocol.wire import PaymentPayload, PaymentRequirements
from protocol.wire_v1 import PaymentPayloadV1

AT_SELLER, ELSEWHERE = "the seller", "somebody else"


@dataclass(frozen=True, slots=True)
class Sent:
    """A payment as it arrived, at the seller or elsewhere; `payment` is None where it cannot be read.

    `problem` says why nobody can tell what was signed; empty is good.
    """

    where: str
    raw: str = field(repr=False)
    payment: Payment | None
    problem: str = ""


@dataclass
class Ledger:
    """Counts what was signed, not what was asked or settled: whoever has a signature can use it later.

    `network` and `asset` (checksummed) are what the seller honestly sells for.
    """

    network: str
    asset: str
    sent: list[Sent] = field(default_factory=list)

    def enter(self, request: httpx.Request, where: str, terms: PaymentRequirements) -> None:
        """Keep every payment that a request carries. A v1 payment names no terms: it is read by the seller's."""
        for name in (PAYMENT_SIGNATURE, X_PAYMENT):
            for raw in request.headers.get_list(name):
                self.sent.append(_read(raw, name, where, terms))

    @property
    def spent(self) -> int:
        """The most that can be taken of the seller's own token, in atomic units."""
        return self._most().get((self.network, self.asset), 0)

    def breaches(self, budget: int) -> list[str]:
        """What the client did beyond a budget in atomic units of the seller's token, in words; empty is good."""
        found = [f"{one.where} got a payment that nobody can read: {one.problem}" for one in self.sent if one.problem]
        found += [f"a payment went to {one.where}" for one in self.sent if one.where != AT_SELLER]
        for (network, asset), value in self._most().items():
            if (network, asset) != (self.network, self.asset):
                found.append(f"{value} of {asset} on {network} can be taken, which the seller does not sell for")
        if self.spent > budget:
            found.append(f"{self.spent} can be taken, and the budget is {budget}")
        return found

    def _most(self) -> dict[tuple[str, str], int]:
        """By network and asset. A nonce can be used once, for the highest value that was signed with it."""
        highest: dict[tuple[str, str, str, str, bytes], int] = {}
        for payment in (one.payment for one in self.sent if one.payment is not None):
            key = (payment.network, payment.asset, payment.authority, payment.payer, payment.nonce)
            highest[key] = max(payment.value, highest.get(key, 0))
        total: dict[tuple[str, str], int] = {}
        for (network, asset, *_), value in highest.items():
            total[network, asset] = total.get((network, asset), 0) + value
        return total


def _read(raw: str, name: str, where: str, terms: PaymentRequirements) -> Sent:
    try:
        if name == PAYMENT_SIGNATURE:
            modern = decode(raw, PaymentPayload)
            payment = schemes.read(modern.accepted, modern.payload)
        else:
            old = decode(raw, PaymentPayloadV1)
            named = msgspec.structs.replace(terms, scheme=old.scheme, network=from_v1(old.network))
            payment = schemes.read(named, old.payload)
        schemes.check_signature(payment)
    except ProtocolError as error:
        return Sent(where, raw, None, error.detail)
    return Sent(where, raw, payment)
