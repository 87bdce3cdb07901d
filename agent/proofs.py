"""Proving a delivered purchase: the receipt's signer, the Transfer and the callback, each asked of its source."""

from dataclasses import dataclass

import httpx

from agent import budgets, receipts
from agent.chain import Chain, Mined
from agent.clock import Clock
from agent.models import Proof, Purchase
from agent.store import Store, change_purchase, purchase
from agent.terms import site_of
from protocol.payment import Method


@dataclass(frozen=True, slots=True)
class Proofs:
    """Checks as often as wanted: the answer's own findings never change, those of signer and chain are made anew."""

    store: Store
    client: httpx.Client
    chain: Chain
    clock: Clock

    def check(self, bought: Purchase) -> Purchase:
        """The purchase with its proof: proven, no_receipt, mismatch, or unchecked while something cannot be asked.

        Raises ChainUnavailable, and then nothing was changed.
        """
        with self.store.begin() as connection:
            kept = receipts.kept(connection, bought.id)
        signer = self._signer(bought.origin)
        findings, questions = kept.wrong(), []
        signed = kept.signed()
        if signed is not None and signer is None:
            questions.append("the seller's receipt signer could not be learnt")
        elif signed is not None and signer is not None:
            wrong = receipts.check_signer(signed, signer)
            findings += wrong and receipts.check_signer(signed, signer, *self._rotated(bought.origin, signer))
        elif signer is not None:
            findings.append("the seller publishes a receipt signer and gave no receipt")
        moved = self._settlement(bought, findings, questions)
        if bought.callback is not None and bought.contract is not None:
            mined = self.chain.transaction(bought.callback)
            if mined is None:
                questions.append("the chain does not know the callback's transaction yet")
            else:
                used = self.chain.used_in(receipts.outgoing(bought, bought.contract), mined)
                findings += receipts.check_payout(bought, bought.contract, mined, used=used)
        return self._note(bought, _proof(findings, questions, signed is None), findings, questions, moved)

    def keys(self, origin: str) -> tuple[str, ...]:
        """The keys that count for a merchant: the pinned one, and those by which it was rotated; asks the merchant.

        The first that it ever publishes is pinned. None where it publishes none, or does not answer.
        """
        pinned = self._signer(origin)
        return () if pinned is None else (pinned, *self._rotated(origin, pinned))

    def _settlement(self, bought: Purchase, findings: list[str], questions: list[str]) -> int | None:
        """What has moved; in the transaction that the seller named, if nothing is found or asked. None: nothing."""
        self.chain.require(bought.signed.network)
        mined = None if bought.settlement is None else self.chain.transaction(bought.settlement)
        if mined is not None:
            return self._moved(bought, mined, findings)
        waived = bought.charged == 0
        if self.chain.authorization_used(bought.signed):
            if waived:
                findings.append("the seller says that nothing was charged, and the permit was used")
            else:
                questions.append("the money has moved, but not in a transaction that the seller named")
            return bought.amount
        if self.chain.authorization_dead(bought.signed):
            if not waived:
                findings.append("the payment never reached the chain, whatever the seller says")
            with self.store.begin() as connection:
                budgets.move(connection, bought.id, budgets.HoldState.RELEASED)
        elif waived:
            questions.append(f"nothing was charged; the permit lapses at {bought.valid_before:%H:%M:%S} UTC")
        else:
            questions.append("the chain does not know the settlement's transaction yet")
        return None

    def _moved(self, bought: Purchase, mined: Mined, findings: list[str]) -> int | None:
        """What the transaction moved by this very authorization; None, and why in `findings`, where that is wrong."""
        signed = bought.signed
        if signed.method is Method.EIP3009:
            wrong = receipts.check_transfer(bought, mined)
            findings += wrong
            return None if wrong else bought.amount
        moved = receipts.moved_by_permit(bought, mined) if self.chain.used_in(signed, mined) else None
        if moved is None:
            findings.append(f"the transaction {mined.hash} does not show what was charged, by this purchase's permit")
        return moved

    def _signer(self, origin: str) -> str | None:
        """The merchant's pinned receipt signer; learnt and pinned where it was never asked."""
        with self.store.begin() as connection:
            pinned = receipts.pinned_signer(connection, origin)
        if pinned is not None:
            return pinned
        signer = next(iter(self._published(origin)), None)
        if signer is not None:
            with self.store.begin() as connection:
                receipts.pin_signer(connection, origin, signer, self.clock.now())
        return signer

    def _rotated(self, origin: str, pinned: str) -> tuple[str, ...]:
        """The keys that the merchant publishes now, if it still owns up to the pinned one."""
        found = self._published(origin)
        return found if pinned in found else ()

    def _published(self, origin: str) -> tuple[str, ...]:
        try:
            found = self.client.get(f"{site_of(origin)}/.well-known/x402", follow_redirects=False)
            return receipts.published_signers(found)
        except httpx.HTTPError:
            return ()

    def _note(
        self, bought: Purchase, proof: Proof, findings: list[str], questions: list[str], moved: int | None
    ) -> Purchase:
        now = self.clock.now()
        detail = "; ".join([*findings, *questions])
        if proof is Proof.NO_RECEIPT:
            detail = "unproven: the seller gives no receipt; the Transfer is on chain"
        with self.store.begin() as connection:
            receipts.checked(connection, bought.id, findings, now)
            if moved is not None:
                budgets.settle(connection, bought.id, moved)
            charged = moved if bought.metered and bought.charged is None else bought.charged
            change_purchase(connection, bought.id, now, proof=proof, detail=detail, charged=charged)
            return purchase(connection, bought.id)


def _proof(findings: list[str], questions: list[str], no_receipt: bool) -> Proof:
    if findings:
        return Proof.MISMATCH
    if questions:
        return Proof.UNCHECKED
    return Proof.NO_RECEIPT if no_receipt else Proof.PROVEN
