"""G1–G8 of the threat model, held against the database and the chain after a test, a crash or a simulated run."""

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from protocol.payment import Method
from protocol.typed_data import order_nonce
from server.application.paddock import Ground
from server.domain.anchors import Kind
from server.domain.evidence import Spend, TransferLog, that_moved
from server.domain.holds import holds_call
from server.domain.ledger import Entry, standing
from server.domain.orders import Order
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.ports import Call, Database, Event
from server.settings import DEVNET_SECRETS

Log = tuple[str, int]
"""A Transfer log by its block's hash and its index there."""


class Place(NamedTuple):
    """One asset on one network."""

    network: str
    asset: str


ESCROW = "EscrowRelease"
"""The name of the contract that holds payments among the deployments."""
NOT_PAID = (PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED)
SETTLED_WELL = (MoneyBackState.REFUNDED, MoneyBackState.BLOCKED)


class Stage(Protocol):
    """What is looked at: a `Paddock`, or a process's `Parts`."""

    @property
    def db(self) -> Database: ...
    @property
    def grounds(self) -> Mapping[str, Ground]: ...


@dataclass(frozen=True)
class Opening:
    """Where books and chain began, for a chain that others used before: later blocks and these balances count."""

    blocks: Mapping[str, int] = field(default_factory=dict)
    balances: Mapping[tuple[Place, str], int] = field(default_factory=dict)


async def opening(stage: Stage) -> Opening:
    """Now. Call it before the first purchase of a test on a shared devnet."""
    balances: dict[tuple[Place, str], int] = {}
    for place in _places(stage):
        chain = stage.grounds[place.network].chain
        for wallet in {*_wallets(stage).values(), *_contracts(stage, place.network).values()}:
            balances[place, wallet] = await chain.token_balance(place.asset, wallet)
    blocks = {network: await ground.chain.block_number() + 1 for network, ground in stage.grounds.items()}
    return Opening(blocks, balances)


async def assert_invariants(
    stage: Stage,
    *,
    paid: int | None = None,
    ended: bool = True,
    since: Opening | None = None,
    foreign: Collection[str] = (),
) -> None:
    """Raises AssertionError that lists every violation.

    `paid`: how many orders must be settled. `ended`: everything had time to end (G2). `since`: what was there before
    does not count. `foreign`: chain transactions by which a stranger moved money to or from our wallets.
    """
    look = _Look(stage, since or Opening(), frozenset(foreign))
    await look.read()
    for order in look.orders:
        await look.check_order(order, ended=ended)
    await look.check_books()
    settled = [order for order in look.orders if order.payment is PaymentState.SETTLED]
    if paid is not None and len(settled) != paid:
        look.wrong.append(f"G2: {len(settled)} orders are settled and {paid} were paid")
    assert not look.wrong, "\n".join(["invariants do not hold:", *look.wrong])


def assert_no_secrets(text: str, payments: Iterable[str | Mapping[str, Any]] = (), keys: Iterable[str] = ()) -> None:
    """G8: a log, an answer or a metric holds no signed payment (header or JSON values) and no key.

    The devnet's own keys are always looked for; `keys` are further ones.
    """
    lower = text.lower()
    secrets = {"key": {*map(_bare, DEVNET_SECRETS.values()), *map(_bare, keys)}, "signature": set(), "payment": set()}
    for payment in payments:
        values = json.loads(base64.b64decode(payment)) if isinstance(payment, str) else payment
        signature = _bare(values["payload"]["signature"])
        secrets["signature"] |= {signature[:64], signature[64:128]}
        if isinstance(payment, str):
            secrets["payment"].add(payment.lower())
    for kind, found in secrets.items():
        for secret in found:
            where = lower.find(secret)
            assert where < 0, f"G8: a {kind} stands in the text after {text[max(0, where - 120) : where]!r}"


def _bare(secret: str) -> str:
    """Without the prefix that may be written differently: `0x`, or a quote key's id."""
    return secret.lower().removeprefix("0x").rpartition(":")[2]


def _wallets(stage: Stage) -> dict[str, str]:
    """Account → address of the wallets that are ours."""
    merchants = getattr(stage, "merchants", None)
    if merchants is None:
        settings: Any = getattr(stage, "settings")  # noqa: B009 - Parts have them, Paddock has merchants
        found = {settings.merchant_id: settings.merchant_pay_to}
    else:
        found = {name: merchant.pay_to for name, merchant in merchants.items()}
    delegate = next(iter(stage.grounds.values())).market.delegate
    return {f"delegate:{delegate}": delegate} | {f"merchant:{name}": pay_to for name, pay_to in found.items()}


def _contracts(stage: Stage, network: str) -> dict[str, str]:
    """Account → address of everything deployed."""
    contracts = stage.grounds[network].market.contracts.values()
    return {f"callback:{contract.address}": contract.address for contract in contracts}


def _places(stage: Stage) -> list[Place]:
    return [Place(name, asset.address) for name, ground in stage.grounds.items() for asset in ground.market.assets]


@dataclass
class _Look:
    """One look at everything; `wrong` gathers what does not hold."""

    stage: Stage
    since: Opening
    foreign: frozenset[str]
    orders: list[Order] = field(default_factory=list)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    proven: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    revoked: dict[str, bool] = field(default_factory=dict)
    payments: dict[Log, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    async def read(self) -> None:
        async with self.stage.db.read() as view:
            self.orders = list(await view.orders.recent(1_000_000))
            for order in self.orders:
                self.entries[order.id] = list(await view.ledger.of(order.id))
                self.events[order.id] = list(await view.orders.timeline(order.id))
                delivery = await view.deliveries.get(order.id)
                receipt = await view.receipts.get(order.id)
                self.proven[order.id] = (delivery is not None, receipt is not None)
                self.revoked[order.id] = any(
                    entry.kind is Kind.REVOKED for entry in await view.receipt_chain.of(order.id)
                )

    async def check_order(self, order: Order, *, ended: bool) -> None:
        if order.by_transfer:
            self._check_transfers(order, ended)
            if order.terms.mode.calls_contract:
                await self._check_payout(order, ended)
            return
        transfer = await self._payment_of(order)
        self._check_grant(order, transfer)
        self._check_ending(order, transfer, ended)
        self._check_entries(order, transfer)
        if order.terms.mode.calls_contract:
            await self._check_payout(order, ended)
        if order.payment in NOT_PAID:
            await self._check_failure(order, transfer)

    async def check_books(self) -> None:
        """G3, G4: the Transfer logs of every wallet of ours are the ledger's rows, and its balance their sum."""
        everything = [row for entries in self.entries.values() for row in standing(entries)]
        for place in _places(self.stage):
            chain = self.stage.grounds[place.network].chain
            rows = [row for row in everything if (row.network, row.asset) == place]
            for account, address in _wallets(self.stage).items():
                logs = await chain.transfers(place.asset, address, self.since.blocks.get(place.network, 0))
                own = [log for log in logs if log.transaction not in self.foreign]
                self._compare(account, address, own, [row for row in rows if account in (row.debit, row.credit)])
                for log in own:
                    if log.recipient == address and _key(log) not in self.payments:
                        self._say("G3", f"{log.amount} came to {account} for no order, in {log.transaction}")
                await self._check_balance(place, account, address, logs)
            for account, address in _contracts(self.stage, place.network).items():
                booked, held = _sum(account, rows), await self._held(place, address)
                if booked != held:
                    self._say("G4", f"{account} holds {held} and the ledger says {booked}")

    async def _payment_of(self, order: Order) -> TransferLog | None:
        """The Transfer that the order's authorization caused, if it pays the order."""
        chain, since = self.stage.grounds[order.terms.network].chain, self.since.blocks.get(order.terms.network, 0)
        shown = await chain.spent_in(order.spend, since) if await chain.nonce_used(order.spend) else []
        found = that_moved(shown, order.spend, order.price)
        booked = {
            (row.block_hash, row.log_index) for row in standing(self.entries[order.id]) if row.kind == "settlement"
        }
        transfer = next((one for one in found if _key(one) in booked), found[0] if found else None)
        if transfer is None:
            return None
        if _key(transfer) in self.payments:
            self._say("G1", f"orders {order.id} and {self.payments[_key(transfer)]} were granted for one Transfer")
        self.payments[_key(transfer)] = order.id
        return transfer

    def _check_grant(self, order: Order, transfer: TransferLog | None) -> None:
        """G1: released only for a Transfer that the chain shows, after it was written down, with answer and receipt."""
        released = order.fulfilment is FulfilmentState.RELEASED
        has_delivery, has_receipt = self.proven[order.id]
        if self._is_debt(order):
            return
        if order.waived and (transfer or order.settlement_tx):
            self._say("G1", f"order {order.id} cost nothing, and money moved for it")
        if released and not order.waived and (transfer is None or transfer.transaction != order.settlement_tx):
            self._say("G1", f"order {order.id} is released and the chain shows no payment of it")
        if released and not (has_delivery and has_receipt):
            self._say("G1", f"order {order.id} is released without a stored answer or receipt")
        if has_receipt and not released and not order.round:
            self._say("G1", f"order {order.id} has a receipt and is not released")
        moves = [event.new for event in self.events[order.id] if event.what in ("payment", "fulfilment")]
        if released and [move for move in moves if move in ("settled", "released")][:1] != ["settled"]:
            self._say("G1", f"order {order.id} was released before it was settled")
        if moves.count("released") > 1 + order.round or moves.count("settled") > 1 + order.round:
            self._say("G6", f"order {order.id} was settled or released more than once")

    def _check_ending(self, order: Order, transfer: TransferLog | None, ended: bool) -> None:
        """G2: what was paid is delivered, refunded, or blocked and owed; DIRECT may be delivered and refunded."""
        if transfer and ended and order.payment is not PaymentState.SETTLED:
            self._say("G2", f"order {order.id} was paid in {transfer.transaction} and is {order.payment}")
        if order.payment is not PaymentState.SETTLED or not ended:
            return
        if order.fulfilment is not FulfilmentState.RELEASED and order.money_back not in SETTLED_WELL:
            self._say("G2", f"order {order.id} was paid and is {order.fulfilment}, money back {order.money_back}")
        kept = (MoneyBackState.NONE, *(() if order.terms.mode.held else SETTLED_WELL))
        if order.fulfilment is FulfilmentState.RELEASED and order.money_back not in kept:
            self._say("G2", f"order {order.id} is released and money back {order.money_back}")

    def _check_entries(self, order: Order, transfer: TransferLog | None) -> None:
        """G4: each row stands for what the order says, and for its whole amount."""
        rows = {row.kind: row for row in standing(self.entries[order.id])}
        expected = {
            "settlement": order.payment is PaymentState.SETTLED and not order.waived,
            "refund": order.money_back is MoneyBackState.REFUNDED,
            "payout": order.terms.mode.calls_contract
            and (order.fulfilment is FulfilmentState.RELEASED or self._given_to_hold(order)),
        }
        for kind, wanted in expected.items():
            if (kind in rows) != wanted:
                self._say("G4", f"order {order.id}: a {kind} row is {'missing' if wanted else 'there for no reason'}")
        for row in rows.values():
            whole = row.amount == order.price
            part = row.kind == "refund" and order.fulfilment is FulfilmentState.RELEASED and row.amount < order.price
            if (row.network, row.asset) != (order.terms.network, order.terms.asset) or not (whole or part):
                self._say("G4", f"order {order.id}: its {row.kind} row is not over its terms")
        booked = rows.get("settlement")
        found = _key(transfer) if transfer else None
        if booked and (booked.block_hash, booked.log_index) != found:
            self._say("G4", f"order {order.id} is booked with {booked.transaction}, which is not its Transfer")

    def _check_transfers(self, order: Order, ended: bool) -> None:
        """G1, G2, G4 for an order that plain transfers pay: what came, went back and is kept adds up."""
        rows = standing(self.entries[order.id])
        came, back = ([row for row in rows if row.kind == kind] for kind in ("settlement", "refund"))
        self.payments |= {(row.block_hash, row.log_index): order.id for row in came}
        if sum(row.amount for row in came) != order.received or sum(row.amount for row in back) != order.returned:
            self._say("G4", f"order {order.id} says {order.received}/{order.returned}, and its rows say otherwise")
        if any(row.asset != order.terms.asset for row in rows) or len(back) != order.refunds:
            self._say("G4", f"order {order.id}: its rows are not over its terms")
        if order.returned > (order.received or 0):
            self._say("G4", f"order {order.id} got {order.received} and returned {order.returned}")
        released = order.fulfilment is FulfilmentState.RELEASED
        debt = released and order.payment in NOT_PAID and order.round > 0 and self.revoked[order.id]
        if released and not debt and (order.payment is not PaymentState.SETTLED or (order.received or 0) < order.price):
            self._say("G1", f"order {order.id} is released for {order.received} of {order.price}")
        if released != all(self.proven[order.id]):
            self._say("G1", f"order {order.id} is {order.fulfilment}; answer and receipt: {self.proven[order.id]}")
        if not ended or order.payment in (PaymentState.CREATED, *NOT_PAID):
            if ended and not debt and (order.received or 0) > order.returned and order.payment in NOT_PAID:
                self._say("G2", f"order {order.id} is {order.payment} and keeps {order.received}")
            return
        if order.fulfilment not in (FulfilmentState.RELEASED, FulfilmentState.FAILED):
            self._say("G2", f"order {order.id} was paid and is {order.fulfilment}")
        if order.due_back and order.money_back is not MoneyBackState.BLOCKED:
            self._say("G2", f"order {order.id} owes {order.due_back} and money back is {order.money_back}")

    async def _check_payout(self, order: Order, ended: bool) -> None:
        """G6: the delegate wallet gave an order's money away at most once, and where the order says."""
        ground = self.stage.grounds[order.terms.network]
        since = self.since.blocks.get(order.terms.network, 0)
        if order.atomic:
            self._check_atomic(order)
            return
        asset, payer = ground.market.asset_at(order.terms.asset), order.authorization.payer
        assert asset is not None
        nonce, most = order_nonce(order.id), max(order.price, order.received or 0)
        elsewhere = [contract.address for contract in ground.market.contracts.values()]
        found = []
        for to in (payer, *(elsewhere if asset.method is Method.PERMIT2 else ())):  # EIP-3009 finds it by its nonce
            spend = Spend(asset.method, asset.address, ground.market.delegate, nonce, to, most)
            found += await ground.chain.spent_in(spend, since)
        out = found[0] if found else None
        released = order.fulfilment is FulfilmentState.RELEASED
        refunded = order.money_back is MoneyBackState.REFUNDED and not released
        if (refunded or released) and out is None:
            self._say("G4", f"order {order.id} is {order.fulfilment}/{order.money_back}, and no money left for it")
        if self._given_to_hold(order):
            await self._check_hold(order, ended)
            return
        if out and refunded and out.recipient != order.authorization.payer:
            self._say("G4", f"order {order.id} is refunded, and the money went to {out.recipient}")
        if out and released and f"callback:{out.recipient}" not in _contracts(self.stage, order.terms.network):
            self._say("G4", f"order {order.id} is released, and the money went to {out.recipient}")

    def _given_to_hold(self, order: Order) -> bool:
        """Whether the order's payment reached the escrow, by the books."""
        escrow = self.stage.grounds[order.terms.network].market.contracts.get(ESCROW)
        rows = standing(self.entries[order.id])
        return any(escrow and row.debit == f"callback:{escrow.address}" for row in rows if row.kind == "payout")

    async def _check_hold(self, order: Order, ended: bool) -> None:
        """G2, G4: what the escrow keeps is what the order says, and what it gave back came from it."""
        ground = self.stage.grounds[order.terms.network]
        escrow = ground.market.contracts[ESCROW].address
        told = await ground.chain.call(Call(escrow, escrow, holds_call(order.id)))
        held = int.from_bytes(told[32:64], "big")
        owed = order.price if order.money_back is MoneyBackState.BLOCKED else 0
        if ended and held != owed:
            self._say("G2", f"order {order.id} has ended, and the escrow keeps {held} for it")
        back = [row for row in standing(self.entries[order.id]) if row.kind == "refund"]
        if any(row.credit != f"callback:{escrow}" for row in back):
            self._say("G4", f"order {order.id} was held, and was refunded by {back[0].credit}")

    def _check_atomic(self, order: Order) -> None:
        """G6: payment and action stand in one chain transaction, and nothing of it is left at the executor."""
        rows = {row.kind: row for row in standing(self.entries[order.id])}
        if order.payment is not PaymentState.SETTLED:
            return
        kept = {name: (row.transaction, row.amount) for name, row in rows.items()}
        if order.money_back is not MoneyBackState.NONE or kept.keys() != {"settlement", "payout"}:
            self._say("G4", f"order {order.id} is atomic, paid, and has {sorted(kept)}, {order.money_back}")
        elif kept["settlement"] != kept["payout"]:
            self._say("G6", f"order {order.id} was paid by {kept['settlement']} and acted by {kept['payout']}")

    async def _check_failure(self, order: Order, transfer: TransferLog | None) -> None:
        """G7: not paid is what the chain says too; out of doubt only by what a final block says."""
        if transfer:
            self._say("G7", f"order {order.id} is {order.payment}, and {transfer.transaction} paid it")
        moves = [(event.old, event.new) for event in self.events[order.id] if event.what == "payment"]
        if ("in_doubt", "failed") not in moves:
            return
        chain = self.stage.grounds[order.terms.network].chain
        final = await chain.final_block()
        used = await chain.nonce_used(order.spend, block=final)
        over = await chain.block_time(final) >= order.authorization.valid_before.timestamp()
        if not used and not over:
            self._say("G7", f"order {order.id} went from doubt to failed while its authorization can still be used")

    def _compare(self, account: str, address: str, logs: list[TransferLog], rows: list[Entry]) -> None:
        seen = {_key(log): _signed(log.amount, log.recipient == address) for log in logs}
        booked = {(row.block_hash, row.log_index): _signed(row.amount, row.debit == account) for row in rows}
        for key in seen.keys() | booked.keys():
            if seen.get(key) != booked.get(key):
                self._say("G4", f"{account}: {key} moved {seen.get(key)} on chain and {booked.get(key)} in the books")

    async def _check_balance(self, place: Place, account: str, address: str, logs: list[TransferLog]) -> None:
        moved = sum(_signed(log.amount, log.recipient == address) for log in logs if log.sender != log.recipient)
        held = await self._held(place, address)
        if moved != held:
            self._say("G4", f"{account}: its Transfers add up to {moved}, and its balance changed by {held}")

    async def _held(self, place: Place, address: str) -> int:
        """What an address holds beyond what it held before."""
        held = await self.stage.grounds[place.network].chain.token_balance(place.asset, address)
        return held - self.since.balances.get((place, address), 0)

    def _is_debt(self, order: Order) -> bool:
        """Delivered, then a reorganisation took the payment back for good: the receipt has to be revoked."""
        unpaid = order.round > 0 and order.payment is PaymentState.FAILED
        debt = unpaid and order.fulfilment is FulfilmentState.RELEASED
        if debt and not self.revoked[order.id]:
            self._say("G1", f"order {order.id} is delivered and unpaid, and its receipt stands")
        return debt

    def _say(self, invariant: str, what: str) -> None:
        self.wrong.append(f"{invariant}: {what}")


def _key(log: TransferLog) -> Log:
    return log.block_hash, log.log_index


def _signed(amount: int, incoming: bool) -> int:
    return amount if incoming else -amount


def _sum(account: str, rows: list[Entry]) -> int:
    arrived = sum(row.amount for row in rows if row.debit == account)
    return arrived - sum(row.amount for row in rows if row.credit == account)
