"""Not now: errors after which the same request with the same payment is worth another try. Part of `errors`' tree.

PaddockError
├── TooBusy                 too much at once: answered with 429, nothing claimed, nothing charged
│   └── TooManyOrders, RouteBusy, TooManyRequests
└── Unavailable             try again with the same payment
    ├── SettlementInDoubt, ChainUnavailable, DatabaseUnavailable, SignerUnavailable, WalletFull
    ├── FacilitatorUnavailable: FacilitatorRefused
    └── Paused, CircuitOpen, Starting, ScreeningUnavailable, TransfersUnwatched, CoreUnavailable
"""

from server.domain.errors import PaddockError


class TooBusy(PaddockError):
    slug, title, status = "too-busy", "Too much at once", 429
    action = "Send the same request with the same payment again after Retry-After seconds; nothing was charged."
    retry_after = 1


class TooManyOrders(TooBusy):
    slug, title = "too-many-orders", "This payer has too many orders in flight"


class RouteBusy(TooBusy):
    slug, title = "route-busy", "This service answers as many requests as it can already"


class TooManyRequests(TooBusy):
    slug, title = "too-many-requests", "This buyer key has asked often enough in this minute"
    action = "Send it again after Retry-After seconds, or a request that pays: those are not counted."

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(PaddockError):
    slug, title, status = "unavailable", "Not now", 503
    action = "Send the same request with the same payment again after Retry-After seconds; it is charged once."
    retry_after = 2


class SettlementInDoubt(Unavailable):
    slug, title = "settlement-in-doubt", "The settlement's outcome is not known yet"


class ChainUnavailable(Unavailable):
    slug, title = "chain-unavailable", "The chain cannot be reached"
    action = "Wait for Retry-After seconds; the operator checks PADDOCK_RPC_URL. Nothing was charged."


class FacilitatorUnavailable(Unavailable):
    slug, title = "facilitator-unavailable", "The facilitator cannot be reached or does not answer sensibly"


class SignerUnavailable(Unavailable):
    slug, title = "signer-unavailable", "The signer cannot be reached or does not answer sensibly"


class WalletFull(Unavailable):
    slug, title = "wallet-full", "The delegate wallet holds as much as it may"


class ScreeningUnavailable(Unavailable):
    slug, title = "screening-unavailable", "It cannot be checked now whether this payment may be accepted"
    action = "Wait for Retry-After seconds and send the same again; nothing was charged."


class FacilitatorRefused(FacilitatorUnavailable):
    """It is there, and answered this one payment with a client error."""


class DatabaseUnavailable(Unavailable):
    slug, title = "database-unavailable", "The database cannot be reached"


class Paused(Unavailable):
    slug, title = "paused", "The operator has paused settlement"
    action = "Send the same request with the same payment again after Retry-After seconds, while it is valid."
    retry_after = 5


class CircuitOpen(Unavailable):
    """Something that every purchase needs has failed too often; asked again only after a while."""

    slug, title = "circuit-open", "Something that every purchase needs is not there at the moment"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TransfersUnwatched(Unavailable):
    slug, title = "transfers-unwatched", "Nobody looks for transfers at the moment"
    action = "Send nothing on chain. Wait for Retry-After seconds and ask again; the operator checks the worker."
    retry_after = 10


class CoreUnavailable(Unavailable):
    slug, title = "core-unavailable", "The Core that orders by transfer stand at cannot be reached or answers nonsense"
    action = "Send nothing on chain. Wait for Retry-After seconds and ask again; pay by x402 meanwhile."


class Starting(Unavailable):
    slug, title = "starting", "The marketplace is starting"
