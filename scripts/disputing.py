"""The demo's act about a case: the buyer disputes a delivered order, the merchant decides, and the money comes back."""

import time
from collections.abc import Sequence
from typing import Any

import httpx
from eth_typing import Hash32
from rich.console import Console

from protocol.requests import SignedRequest, new_request
from scripts.accounts import account
from scripts.lasting import MERCHANT
from scripts.rpc import call
from scripts.story import Place, Told, short

PATIENCE = 60.0
"""Seconds for finality and the refund."""
DISPUTED = "signal"
COMPLAINT = "the signal is not what the series says"
DECISION = "you are right: the signal came late; here is your money"


def show_dispute(console: Console, place: Place, story: Sequence[Told]) -> bool:
    """Whether the case went from the buyer's complaint to its money, seen on chain and at the order's own page."""
    order_id = next(told.outcome.order_id for told in story if told.step.name == DISPUTED)
    with httpx.Client(base_url=place.server, timeout=20) as client:
        case = client.post(f"/api/orders/{order_id}/dispute", headers=_complaint(place, order_id or ""))
        opened = case.raise_for_status().json()
        console.print(f"  buyer       disputes {(order_id or '')[:8]}… by a signed request: “{COMPLAINT}”")
        console.print(f"  case        {opened['id']} is open; operator and merchant see quote, payment and timeline")
        before = _balance(place)
        decided = client.post(
            f"/api/cases/{opened['id']}/resolve", headers=MERCHANT, json={"outcome": "refund", "reason": DECISION}
        )
        decided.raise_for_status()
        console.print(f"  merchant    decides for a refund: “{DECISION}”")
        shown = _await_refund(client, order_id or "")
    came = _balance(place) - before
    told = shown["money_back"], shown["charged"], shown["case"]["reason"]
    ok = told == ("refunded", str(came), DECISION)
    refund = shown["transactions"]["refund"]
    colour = "green" if ok else "red"
    console.print(f"  money back  [{colour}]{shown['money_back']}[/]: {came} atomic units in {short(refund)}")
    return ok


def _complaint(place: Place, order_id: str) -> dict[str, str]:
    """The Authorization header that only the order's payer can make."""
    request = new_request("dispute", order_id, int(time.time()), COMPLAINT)
    digest = request.digest(place.deployed()["chain_id"])
    signature = account("buyer").unsafe_sign_hash(Hash32(digest)).signature
    return {"Authorization": SignedRequest(request, "0x" + bytes(signature).hex()).header()}


def _await_refund(client: httpx.Client, order_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while True:
        shown: dict[str, Any] = client.get(f"/api/orders/{order_id}").raise_for_status().json()
        if shown["money_back"] == "refunded" or time.monotonic() > deadline:
            return shown
        time.sleep(0.5)


def _balance(place: Place) -> int:
    """What the buyer holds of the first asset, by the chain's word."""
    token, holder = place.deployed()["assets"][0]["address"], account("buyer").address
    data = "0x70a08231" + holder[2:].lower().rjust(64, "0")
    return int(call(place.rpc, "eth_call", {"to": token, "data": data}, "latest"), 16)
