"""A rule-based machine buys, meddles and breaks things in any order, and holds the marketplace to the model."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from eth_abi.abi import encode
from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from protocol.payment import PERMIT2, Method
from protocol.wire import SCHEME_DELEGATE
from server.adapters.signers import LocalSigner
from server.application.cancel import cancel
from server.application.decide import Decision, decide
from server.application.paddock import Limits
from server.application.pause import turn
from server.application.refund_by_hand import refund_by_hand
from server.application.send import prepare
from server.domain.cases import CaseKind, Opening, Outcome
from server.domain.errors import PaddockError
from server.domain.evidence import that_moved
from server.domain.states import FulfilmentState, PaymentState
from server.services.service import Answer, Fulfilment, Meter, ServiceError, TryAgain
from tests.conformance.worlds import cancel_call
from tests.fakes.chain import DAI_ASSET, DOLLAR
from tests.fakes.evm import selector
from tests.fakes.facilitator import How
from tests.fakes.moody import Moody
from tests.fakes.passes import LAUNCH
from tests.simulation.depth import DEEP, looks, patient
from tests.simulation.order_model import Handler, Purchase, Seen, seen
from tests.simulation.world import open_world, read_payment, service
from tests.stack.atomic import pay_atomic
from tests.stack.buyer import JSON, Quoted, mutations, read_header, write_header

FINALITY = 4
MOST, CHARGE = 30_000, 20_000
PAYERS_OWN = 10**24
DAI = replace(DAI_ASSET, decimals=6)
"""The fake passes' prices are of six decimals."""
KINDS = ("work", "effect", "metered", "access-pass", "launch-pass")
MOODS = [How.REFUSES, How.DOWN, How.DOWN_AFTER, How.PENDING_AND_NEVER, How.NO_TRANSACTION, How.REFUSES_AND_SETTLES]
DEATHS = ["claim", "ready", "refused", "in doubt", "performing", "performed", "callback signed", "callback done"]
DEATHS += ["callback failed", "refund signed", "refunded", "failed by evidence", "reversed", "take over"]


class Died(BaseException):
    """The process ends here."""


class OrderMachine(RuleBasedStateMachine):
    """One buyer, five services, two assets; every rule is something that happens to a marketplace."""

    purchases = Bundle("purchases")

    @initialize(target=purchases, by_permit2=st.booleans(), seconds=st.tuples(*[st.booleans()] * len(KINDS)))
    def opens(self, by_permit2: bool, seconds: tuple[bool, ...]) -> Any:
        """The marketplace; passes are sold for the first of its assets, which may have no EIP-3009.

        One of everything is asked for, so that every rule has something to happen to.
        """
        self.runner = asyncio.Runner()
        self.all: dict[str, Purchase] = {}
        self.broken = self.paused = self.taken = False
        self.context = open_world(
            service("work", self._handle),
            service("effect", self._handle, fulfilment=Fulfilment.AFTER_SETTLEMENT),
            service("metered", self._handle, amount=MOST, meter=Meter("word", 1)),
            assets=(DAI, DOLLAR) if by_permit2 else (DOLLAR, DAI),
            finality=FINALITY,
        )
        self.world = self.run(self.context.__aenter__())
        self.moody = Moody(self.world.paddock.facilitator)
        limits = Limits(wait_for_callback=4.0, wait_for_other=2.0)
        self.world.paddock = replace(self.world.paddock, facilitator=self.moody, limits=limits)
        self.world.app.state.paddock = self.world.paddock
        payer = self.world.buyer.account.address
        self.world.chain.give(payer, PAYERS_OWN, DAI.address)
        for asset in (DOLLAR, DAI):
            self.world.chain.allow(payer, PERMIT2, 2**255, asset.address)
        self.world.chain.allow(self.world.paddock.market.delegate, PERMIT2, 2**255, DAI.address)
        asked = zip(KINDS, seconds, strict=True)
        return multiple(*[self.asks_for(kind, second, Handler.ANSWERS) for kind, second in asked])

    def run(self, what: Coroutine[Any, Any, Any]) -> Any:
        try:
            return self.runner.run(what)
        except BaseException:
            self.broken = True
            raise

    # --------------------------------------------------------------------------------------------------- the buyer

    @rule(target=purchases, kind=st.sampled_from(KINDS), second=st.booleans(), handler=st.sampled_from(Handler))
    def asks(self, kind: str, second: bool, handler: Handler) -> Any:
        return self.asks_for(kind, second, handler)

    def asks_for(self, kind: str, second: bool, handler: Handler) -> Any:
        """`second`: it is paid by the other entry than the first."""
        return self.run(self._ask(kind, f"order-{len(self.all)}", second, handler))

    @rule(target=purchases, kind=st.sampled_from(KINDS), second=st.booleans(), staffed=st.booleans())
    def buys(self, kind: str, second: bool, staffed: bool) -> Any:
        """Asks, and pays at once."""
        text = self.asks_for(kind, second, Handler.ANSWERS)
        self.present(text, staffed)
        return text

    async def _ask(self, kind: str, text: str, second: bool, handler: Handler) -> Any:
        world, delegate = self.world, kind.endswith("-pass")
        query = {"json_body": {}, "method": "POST"} if delegate else {}
        quoted = await world.buyer.ask(world.url(kind, "" if delegate else f"?text={text}"), **query)
        entry = quoted.required["accepts"][-1 if second else 0]
        header = self._signed(quoted, entry)
        made = Purchase(kind, text, quoted, header, read_payment(header), float(entry["extra"]["expiresAt"]))
        made.handler = Handler.ANSWERS if delegate else handler
        made.settles_first, made.on_chain = delegate or kind == "effect", delegate
        made.atomic = entry["scheme"] == SCHEME_DELEGATE
        self.all[text] = made
        return text

    def _signed(self, quoted: Quoted, entry: JSON) -> str:
        buyer = self.world.buyer
        if entry["scheme"] == SCHEME_DELEGATE:
            buyer.signed.append(write_header(pay_atomic(buyer.account, quoted, int(self._now()) + 120)))
            return buyer.signed[-1]
        by_permit2 = entry["extra"].get("assetTransferMethod") == "permit2"
        return (buyer.permit if by_permit2 else buyer.pay)(quoted, entry)

    @rule(text=purchases, staffed=st.booleans())
    def pays(self, text: str, staffed: bool) -> None:
        self.present(text, staffed)

    def present(self, text: str, staffed: bool) -> None:
        self.run(self._present(self.all[text], staffed))

    async def _present(self, bought: Purchase, staffed: bool) -> None:
        world, now = self.world, self._now()
        sold = [one for one in self.all.values() if one.service == "launch-pass" and one.sent]
        bought.sold_out = bought.service == "launch-pass" and (bool(sold) or self.taken)
        allowed = bought.may_see(now=now, fair=self._fair(), staffed=staffed)
        if bought.service == "launch-pass" and sold and bought not in sold:
            # nobody knows whether an earlier one got the last pass
            allowed |= {Seen.DELIVERED if staffed or not bought.atomic else Seen.RUNNING}
        hooks = bool(world.db.hooks)
        fails, held = bought.atomic and self._alone(bought), await self._spent()
        try:
            if staffed:
                async with world.workers():
                    answer = await world.buyer.present(bought.quoted, bought.header)
            else:
                answer = await world.buyer.present(bought.quoted, bought.header)
        except Died:
            bought.sent = True
            return
        if self._cools_off(answer):
            allowed.add(Seen.TERMS)
        assert hooks or seen(answer) in allowed, f"{bought} got {answer.status_code} {answer.text[:300]}, not {allowed}"
        bought.saw(answer, self._now())
        event(f"{bought.payment.scheme} for {bought.service} by {bought.payment.method}: {bought.told[-1].name}")
        if fails and bought.told[-1] is Seen.TERMS:
            assert await self._spent() == held, f"{bought.text} failed, and its buyer's balance is another one"
        if answer.status_code == 200:
            assert bought.shaken or await self._moved(bought), f"{bought.text} is delivered, and nothing moved"
        else:
            assert bought.secret() not in answer.content, "a body left without its payment"

    @rule(text=purchases, data=st.data())
    def pays_with_a_changed_payment(self, text: str, data: st.DataObject) -> None:
        """Any one leaf of payload or terms changed or removed."""
        bought = self.all[text]
        paid = read_header(bought.header)
        told = [pair for part in ("payload", "accepted") for pair in mutations(paid, part)]
        what, other = data.draw(st.sampled_from(told))
        self.run(self._refused(bought, bought.quoted.url, write_header(other), what))

    @rule(text=purchases, query=st.sampled_from(["?text=another", "?text=order-0&text=order-1", "?"]))
    def pays_for_another_resource(self, text: str, query: str) -> None:
        bought = self.all[text]
        url = bought.quoted.url.split("?")[0] + query
        if url.rstrip("?") != bought.quoted.url:  # a server is not told of a query without anything in it
            self.run(self._refused(bought, url, bought.header, query))

    async def _refused(self, bought: Purchase, url: str, header: str, what: str) -> None:
        runs, held = bought.runs, await self._spent()
        try:
            answer = await self.world.buyer.present(replace(bought.quoted, url=url), header)
        except Died:
            return
        assert answer.status_code in (400, 402, 409, 422, 503), f"{what}: {answer.status_code} {answer.text[:300]}"
        assert bought.secret() not in answer.content
        assert (bought.runs, await self._spent()) == (runs, held), f"{what}: it ran or was paid"

    @rule(text=purchases)
    def cancels_the_authorization(self, text: str) -> None:
        """On chain, by the payer: its nonce is used and nothing is paid."""
        bought = self.all[text]
        bought.meddled = True
        account, signed = self.world.buyer.account, bought.payment
        if signed.method is Method.EIP3009:
            to, data = signed.asset, cancel_call(account, bought.quoted.entry, "0x" + signed.nonce.hex())
        else:
            number = int.from_bytes(signed.nonce, "big")
            mask = encode(["uint256", "uint256"], [number >> 8, 1 << (number & 255)])
            to, data = PERMIT2, selector("invalidateUnorderedNonces(uint256,uint256)") + mask
        self.run(self._transact(LocalSigner(account.key.hex()), to, data))

    # ------------------------------------------------------------------------------------------------ other people

    @rule(text=purchases)
    def a_stranger_submits_the_authorization(self, text: str) -> None:
        """An atomic one that nobody has ordered would be a purchase of the contract's alone: no order, no row."""
        bought = self.all[text]
        if bought.atomic and bought.quoted.id not in self.world.db.tables.orders:
            return
        bought.meddled = True
        self.run(self._attempt(self.world.submit_as_stranger(bought.header)))

    @precondition(lambda self: self.world.chain.state.minted.get(LAUNCH, 0) == 0)
    @rule()
    def somebody_else_buys_the_last_pass(self) -> None:
        """Of another marketplace. What is on its way then fails when it is mined."""
        self.world.chain.state.minted[LAUNCH] = 1
        self.taken = True

    @rule(text=purchases)
    def the_operator_cancels(self, text: str) -> None:
        self.all[text].meddled = True
        self.run(self._attempt(cancel(self.world.paddock, self.all[text].quoted.id, "by the machine")))

    @rule(text=purchases)
    def a_refund_is_asked_for(self, text: str) -> None:
        self.run(self._attempt(refund_by_hand(self.world.paddock, self.all[text].quoted.id, retry=True)))

    @rule(text=purchases)
    def a_dispute_is_decided_by_delivering_again(self, text: str) -> None:
        self.run(self._attempt(self._redeliver(self.all[text])))

    async def _redeliver(self, bought: Purchase) -> None:
        opening = Opening(CaseKind.DISPUTED, bought.quoted.id, "where is it", bought.quoted.id, "paddock")
        async with self.world.db.read() as view:
            if await view.orders.get(bought.quoted.id) is None:
                return
        async with self.world.db.begin("test") as work:
            case = await work.cases.open(opening)
        await decide(self.world.paddock, case.id, Decision(Outcome.REDELIVERY, "here it is"))
        bought.helped = True

    # --------------------------------------------------------------------------------------------------- the world

    @rule(text=purchases, handler=st.sampled_from(Handler))
    def the_handler_changes_its_mind(self, text: str, handler: Handler) -> None:
        if not self.all[text].on_chain:
            self.all[text].handler = handler

    @rule(seconds=st.sampled_from([0.5, 3, 20]))
    def workers_work(self, seconds: float) -> None:
        self.run(self._attempt(self.world.work(seconds)))

    @rule(seconds=st.sampled_from([1, 10, 50, 130, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule(how=st.sampled_from(MOODS))
    def the_facilitator_misbehaves_once(self, how: How) -> None:
        self.moody.script.append(how)

    @rule(away=st.booleans())
    def the_chain_is_away_or_back(self, away: bool) -> None:
        self.world.chain.unavailable = away

    @rule(still=st.booleans())
    def blocks_stop_or_go_on(self, still: bool) -> None:
        self.world.chain.automine, self.world.chain.block_seconds = not still, 10**6 if still else 1

    @rule(depth=st.integers(1, FINALITY), keep=st.booleans())
    def the_chain_reorganises(self, depth: int, keep: bool) -> None:
        for bought in self.all.values():
            bought.shaken |= bought.sent
        self.world.chain.reorganise(depth, keep)
        minted = self.world.chain.state.minted
        minted[LAUNCH] = max(minted.get(LAUNCH, 0), int(self.taken))

    @rule(on=st.booleans())
    def settlement_is_paused_or_resumed(self, on: bool) -> None:
        self.paused = on
        self.run(turn(self.world.db, self.world.clock, on=on, reason="the machine", by="test"))

    @rule(label=st.sampled_from(DEATHS), when=st.sampled_from(["begin", "commit", "committed"]))
    def a_process_will_die_at(self, label: str, when: str) -> None:
        def die(name: str, moment: str) -> None:
            if (name, moment) == (label, when):
                self.world.db.hooks.clear()
                raise Died

        self.world.db.hooks[:] = [die]

    # -------------------------------------------------------------------------------------------- what always holds

    @invariant()
    def nothing_is_released_unpaid_and_nothing_is_done_twice(self) -> None:
        self.run(self._look())

    async def _look(self) -> None:
        for bought in self.all.values():
            assert bought.effects <= 1, f"{bought.text} was done {bought.effects} times"
            row = self.world.db.tables.orders.get(bought.quoted.id)
            if row is not None and not bought.shaken and row.fulfilment is FulfilmentState.RELEASED:
                assert row.payment is PaymentState.SETTLED
                assert await self._moved(bought), f"{bought.text} is released, and nothing moved"

    def teardown(self) -> None:
        try:
            if self.broken:
                self.runner.run(self._abandon())
            else:
                self.runner.run(self._end())
        finally:
            self.runner.close()

    async def _end(self) -> None:
        """The weather clears, everything has time to end, G1–G8 hold, and every purchase ended as the model says."""
        world = self.world
        world.db.hooks.clear()
        self.moody.script.clear()
        world.chain.unavailable, world.chain.automine, world.chain.block_seconds = False, True, 1
        await turn(world.db, world.clock, on=False, reason="", by="test")
        for _ in range(3):
            await world.work(90)
        world.foreign -= {order.settlement_tx for order in await world.orders()}
        orders = {order.id: order for order in await world.orders()}
        wrong = [
            said
            for bought in self.all.values()
            for said in bought.ending(orders.get(bought.quoted.id), len(await self._moved(bought)))
        ]
        try:
            assert not wrong, "\n".join(wrong)
        except AssertionError:
            await self._abandon()
            raise
        await self.context.__aexit__(None, None, None)

    async def _abandon(self) -> None:
        with suppress(RuntimeError):
            await self.context.__aexit__(RuntimeError, RuntimeError("abandoned"), None)

    # ----------------------------------------------------------------------------------------------------- helpers

    async def _handle(self, arguments: Any, _context: Any) -> Answer:
        bought = self.all[arguments.text]
        bought.runs += 1
        if bought.handler is Handler.REFUSES:
            raise ServiceError("not so", 422)
        if bought.handler is Handler.FAILS:
            raise ValueError("out of order")
        if bought.handler is Handler.LATER:
            raise TryAgain("not yet")
        if bought.settles_first:
            bought.effects += 1
        return Answer(bought.secret(), "text/plain", CHARGE if bought.service == "metered" else None)

    def _alone(self, bought: Purchase) -> bool:
        """Nobody else's money can move at this moment, and nobody has sent this one's."""
        others = [one for one in self.all.values() if one is not bought]
        return not (bought.sent or bought.meddled or any(one.sent or one.meddled for one in others))

    def _fair(self) -> bool:
        """No fault is about, and no breaker open: then the model knows the answer."""
        world = self.world
        breakers = world.paddock.admission.breakers.values()
        away = world.chain.unavailable or not world.chain.automine or world.chain.pending
        return not (away or self.paused or self.moody.script or world.db.hooks or any(one.open for one in breakers))

    def _cools_off(self, answer: Any) -> bool:
        told = answer.headers.get("payment-response") if answer.status_code == 402 else None
        return bool(told) and read_header(told)["errorReason"] == "payer_cooling_off"

    async def _moved(self, bought: Purchase) -> list[Any]:
        """The Transfers that the purchase's own authorization made, by the chain's own books."""
        order = self.world.db.tables.orders.get(bought.quoted.id)
        if order is None:
            return []
        away, self.world.chain.unavailable = self.world.chain.unavailable, False
        used = await self.world.chain.nonce_used(order.spend)
        found = await self.world.chain.spent_in(order.spend, 0) if used else []
        self.world.chain.unavailable = away
        return that_moved(found, order.spend, order.price)

    async def _spent(self) -> int:
        payer, state = self.world.buyer.account.address, self.world.chain.state
        return sum(state.books(asset.address).money.get(payer, 0) for asset in (DOLLAR, DAI))

    async def _transact(self, signer: LocalSigner, to: str, data: bytes) -> None:
        chain = self.world.chain

        async def send() -> None:
            prepared = await prepare(chain, signer, to, data)
            signed = await signer.sign(chain.id, prepared.chain_nonce, prepared.call, prepared.gas, prepared.fees)
            await chain.send(signed.raw)

        await self._attempt(send())

    async def _attempt(self, what: Coroutine[Any, Any, Any]) -> None:
        """What is refused is refused: only the invariants count."""
        with suppress(PaddockError, Died):
            await what

    def _now(self) -> float:
        return self.world.clock.now().timestamp()


TestOrders = patient(OrderMachine.TestCase)
TestOrders.settings = looks(60, 1_000, stateful_step_count=50 if DEEP else 25)
