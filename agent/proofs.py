"""Proving a delivered purchase: the receipt's signer, the Transfer and the callback, each asked of its source."""

from dataclasses import dataclass

import httpx

from agent import budgets, receipts
from agent.chain import Chain
from agent.clock import Clock
from agent.models import Proof, Purchase
from agent.store import Store, change_purchase, purchase


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
                findings += receipts.check_payout(bought, bought.contract, mined)
        return self._note(bought, _proof(findings, questions, signed is None), findings, questions, moved)

    def _settlement(self, bought: Purchase, findings: list[str], questions: list[str]) -> bool:
        """Whether the money has moved; in the transaction that the seller named, if nothing is found or asked."""
        self.chain.require(bought.signed.network)
        mined = None if bought.settlement is None else self.chain.transaction(bought.settlement)
        if mined is not None:
            wrong = receipts.check_transfer(bought, mined)
            findings += wrong
            return not wrong
        if self.chain.authorization_used(bought.signed):
            questions.append("the money has moved, but not in a transaction that the seller named")
            return True
        if self.chain.authorization_dead(bought.signed):
            findings.append("the payment never reached the chain, whatever the seller says")
            with self.store.begin() as connection:
                budgets.move(connection, bought.id, budgets.HoldState.RELEASED)
        else:
            questions.append("the chain does not know the settlement's transaction yet")
        return False

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
            return receipts.published_signers(self.client.get(f"{origin}/.well-known/x402", follow_redirects=False))
        except httpx.HTTPError:
            return ()

    def _note(self, bought: Purchase, proof: Proof, findings: list[str], questions: list[str], moved: bool) -> Purchase:
        now = self.clock.now()
        detail = "; ".join([*findings, *questions])
        if proof is Proof.NO_RECEIPT:
            detail = "unproven: the seller gives no receipt; the Transfer is on chain"
        with self.store.begin() as connection:
            receipts.checked(connection, bought.id, findings, now)
            if moved:
                budgets.move(connection, bought.id, budgets.HoldState.SETTLED)
            change_purchase(connection, bought.id, now, proof=proof, detail=detail)
            return purchase(connection, bought.id)


def _proof(findings: list[str], questions: list[str], no_receipt: bool) -> Proof:
    if findings:
        return Proof.MISMATCH
    if questions:
        return Proof.UNCHECKED
    return Proof.NO_RECEIPT if no_receipt else Proof.PROVEN
