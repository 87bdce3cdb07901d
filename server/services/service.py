"""What a service is: one thing on sale, described so that a program knows cost and answer before it pays."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

import msgspec

from protocol.wire import SCHEME_EXACT, SCHEME_UPTO
from server.domain.errors import HandlerFailed
from server.ports import ChainReader, Clock
from server.services.browser import Browser
from server.services.tariffs import Tariff

MOST_FREE = 100
"""Free calls that a wallet may have a day."""


class Fulfilment(StrEnum):
    """When the handler runs. In both, no byte of the answer leaves before settlement."""

    AFTER_VERIFICATION = "after_verification"
    """verify → run → settle → release: for pure work; an error costs the buyer nothing."""
    AFTER_SETTLEMENT = "after_settlement"
    """settle → run: for side effects; retried by a worker, then refunded."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A callback that ran on chain for this order. `events` holds its decoded logs, by event name."""

    transaction: str
    contract: str
    events: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may use. `payer` is a checksummed address, `asset` the token paid in.

    `order` is the order's id, the same however often the handler runs for it; empty for who does not pay. `paid_at` is
    when its payment was seen, where the handler runs after it.
    """

    chain: ChainReader
    clock: Clock
    payer: str
    asset: str
    asset_symbol: str
    asset_decimals: int
    execution: Execution | None = None
    order: str = ""
    paid_at: datetime | None = None
    browser: Browser | None = None

    def require_browser(self) -> Browser:
        """The browser. Raises HandlerFailed where this process has none."""
        if self.browser is None:
            raise HandlerFailed("this process has no browser")
        return self.browser


@dataclass(frozen=True, slots=True)
class Answer:
    """A handler's answer: never empty.

    `charge` is what it costs where the service is metered: from 0 to `amount`, in millionths of a dollar.
    """

    body: bytes
    content_type: str = "application/json"
    charge: int | None = None


class ServiceError(Exception):
    """The request cannot be answered; `status` is 4xx (the buyer's input) and the buyer is not charged."""

    def __init__(self, detail: str, status: int = 422) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


class TryAgain(Exception):
    """Nothing has happened and the same call may succeed later: a worker runs the handler again, then refunds."""


@dataclass(frozen=True, slots=True)
class Meter:
    """What a metered service counts, and what it asks for it: `price` millionths of a dollar for `per` of `unit`."""

    unit: str
    price: int
    per: int = 1

    def charge(self, used: int) -> int:
        """Millionths of a dollar for so many; what is not a whole millionth is the buyer's, and nothing costs nothing.

        Exact for any size, since it multiplies first.
        """
        return used * self.price // self.per


def words_of(text: str) -> frozenset[str]:
    """Runs of letters and digits, in lower case."""
    return frozenset(re.findall(r"[a-z0-9]+", text.lower()))


def json_answer(value: object) -> Answer:
    """A struct or builtin as a JSON answer with a stable order of keys."""
    return Answer(msgspec.json.encode(value, order="deterministic"))


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service on sale.

    `amount` is the price of one `unit` in atomic units of the asset (6 decimals). `arguments` is a msgspec Struct: the
    query parameters of a GET, the JSON body of a POST; its JSON Schema is published, and `example` must satisfy it.
    `answers` is a Struct published as the answer's schema, or a media type. `run` must be pure for AFTER_VERIFICATION.
    `mode` names one of `MODES`; where it calls a contract (DELEGATE), `callback` names the deployed one, and `run` is
    called after the callback succeeded.
    One with a `meter` is sold by scheme upto: `amount` is the most that a call costs, and each answer says what it did
    cost. `actions` are the functions of the callback (canonical signatures) that a buyer may choose instead of what it
    does by itself; `arguments` then has the member `calldata`. With `atomic` the callback also takes payments
    from an executor (scheme delegate). With `held_seconds` it keeps a payment for at most so long (EscrowRelease.sol):
    `run` is a task, which raises TryAgain while it is not done; a worker releases the payment when it answers, and has
    it given back when it fails. Who holds a live pass or subscription of a contract in `opened_by` (names of
    deployments) signs in and does not pay. `symbols` are the assets that it is sold for; all that are configured if
    there are none. What is not `on_sale` can still be asked for with a payment that was claimed before.
    What `needs_browser` is not on sale where there is none that may be used.
    With a `tariff` the price follows from a call's arguments, and `amount` is the most that it may be.
    So many `free_calls` a day (UTC) has each wallet that signs in; so it is for what costs little to answer.
    One payment for what is `for_ever` unlocks it: its buyer gets the stored answer whenever it signs in or sends that
    payment again; of others, as long as answers are kept.
    """

    slug: str
    title: str
    summary: str
    kind: str
    unit: str
    amount: int
    arguments: type[msgspec.Struct]
    answers: type[msgspec.Struct] | str
    example: dict[str, Any]
    run: Callable[[Any, Context], Awaitable[Answer]]
    method: Literal["GET", "POST"] = "GET"
    mode: str = "DIRECT"
    fulfilment: Fulfilment = Fulfilment.AFTER_VERIFICATION
    callback: str | None = None
    merchant: str = "paddock"
    tags: tuple[str, ...] = field(default=())
    timeout: float = 10.0
    quote_seconds: int = 120
    meter: Meter | None = None
    symbols: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    atomic: bool = False
    held_seconds: int = 0
    opened_by: tuple[str, ...] = ()
    on_sale: bool = True
    for_ever: bool = False
    tariff: Tariff | None = None
    free_calls: int = 0
    needs_browser: bool = False

    def __post_init__(self) -> None:
        if self.metered and (self.settles_first or self.callback):
            raise ValueError(f"{self.slug}: what a call costs is known after it ran, so it cannot be paid first")
        if self.metered and self.tariff:
            raise ValueError(f"{self.slug}: its price follows from what it used, or from what was asked for")
        if (self.opened_by or self.free_calls) and (self.metered or self.settles_first):
            raise ValueError(f"{self.slug}: only pure work with a fixed price is given to who does not pay")
        if self.held_seconds and (not self.callback or self.atomic or self.actions):
            raise ValueError(f"{self.slug}: a payment is held by a callback that does nothing else, in two steps")
        if not 0 <= self.free_calls <= MOST_FREE:
            raise ValueError(f"{self.slug}: 0 to {MOST_FREE} calls a day are free")
        chosen_in_body = self.method == "POST" and "calldata" in self.arguments.__struct_fields__
        if self.actions and not (self.callback and chosen_in_body):
            raise ValueError(f"{self.slug}: an action is a callback's, chosen by the member `calldata` of the body")

    @cached_property
    def described(self) -> str:
        """All that is said of it, in lower case, for searches by parts of words."""
        said = (self.slug, self.title, self.summary, self.kind, self.unit, self.mode, *self.tags)
        return " ".join(said).lower()

    @cached_property
    def words(self) -> frozenset[str]:
        """Each word of that once: repeating one gains nothing in a search."""
        return words_of(self.described)

    @property
    def metered(self) -> bool:
        """Whether a call costs what it used, up to `amount`."""
        return self.meter is not None

    @property
    def scheme(self) -> str:
        """The x402 scheme that it is paid by."""
        return SCHEME_UPTO if self.metered else SCHEME_EXACT

    @property
    def settles_first(self) -> bool:
        """Whether the money has to be there before anything is done for it."""
        return self.fulfilment is Fulfilment.AFTER_SETTLEMENT

    @property
    def media_type(self) -> str:
        """The answer's media type."""
        return self.answers if isinstance(self.answers, str) else "application/json"
