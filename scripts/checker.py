"""A checker that trusts nobody: given an RPC and a buyer's evidence, it recomputes every Transfer, mint and refund.

It imports nothing of the server or the agent; of `protocol` only the receipt's digest and signature recovery.
"""

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
from eth_utils.address import to_checksum_address

from protocol.hashing import keccak
from protocol.receipts import SignedReceipt

TRANSFER = "0x" + keccak(b"Transfer(address,address,uint256)").hex()
NO_TRANSFER = "the settlement does not show exactly this Transfer"
OWNER_OF = keccak(b"ownerOf(uint256)")[:4].hex()
ZERO = str(to_checksum_address("0x" + "00" * 20))


@dataclass(frozen=True, slots=True)
class Moved:
    """One Transfer event: of a fungible token (`value` is an amount) or a pass (`value` is its id)."""

    transaction: str
    contract: str
    sender: str
    recipient: str
    value: int


@dataclass(slots=True)
class Verdict:
    """What was found wrong with one purchase; nothing found means verified."""

    purchase: str
    order_id: str | None
    wrong: list[str] = field(default_factory=list)

    def expect(self, right: bool, what: str) -> None:
        """Note `what` unless it is right."""
        if not right:
            self.wrong.append(what)


class Chain:
    """Plain JSON-RPC."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, method: str, *params: Any) -> Any:
        """The result; raises RuntimeError with the node's words."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = httpx.post(self._url, json=body, timeout=20).json()
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def moves(self, transaction: str | None) -> list[Moved]:
        """All Transfer events of a successful transaction; none for a failed or unknown one."""
        receipt = self.ask("eth_getTransactionReceipt", transaction) if transaction else None
        if not receipt or receipt["status"] != "0x1":
            return []
        return [move for log in receipt["logs"] if (move := read_move(log))]

    def spent_by(self, asset: str, payer: str) -> list[Moved]:
        """Every Transfer of the asset away from the payer, since the first block."""
        topics = [TRANSFER, "0x" + payer[2:].lower().rjust(64, "0")]
        logs = self.ask("eth_getLogs", {"address": asset, "fromBlock": "0x0", "topics": topics})
        return [move for log in logs if (move := read_move(log))]

    def owner(self, contract: str, token: int) -> str:
        """Who holds a pass now."""
        data = "0x" + OWNER_OF + token.to_bytes(32, "big").hex()
        return address(self.ask("eth_call", {"to": contract, "data": data}, "latest"))


def read_move(log: dict[str, Any]) -> Moved | None:
    """A Transfer event of ERC-20 (amount in the data) or ERC-721 (id in a topic)."""
    topics = log["topics"]
    if topics[0] != TRANSFER or len(topics) not in (3, 4):
        return None
    value = topics[3] if len(topics) == 4 else log["data"]
    contract = to_checksum_address(log["address"])
    return Moved(log["transactionHash"], contract, address(topics[1]), address(topics[2]), int(value, 16))


def address(word: str) -> str:
    """The address in a 32-byte word, checksummed."""
    return str(to_checksum_address("0x" + word[-40:]))


def check_delivered(chain: Chain, payer: str, signer: str, record: dict[str, Any]) -> Verdict:
    """Signature, settlement, and for DELEGATE the payout and the mint."""
    verdict = Verdict(record["purchase_id"], record["order_id"])
    extensions = (record["payment_response"] or {}).get("extensions") or {}
    if "paddock-receipt" not in extensions:
        verdict.wrong.append("no signed receipt was kept")
        return verdict
    signed = msgspec.convert(extensions["paddock-receipt"]["info"], SignedReceipt)
    receipt = signed.receipt
    verdict.expect(signed.signer() == signer, f"the receipt is signed by {signed.signer()}, not by {signer}")
    verdict.expect(receipt.payer == payer, "the receipt names another payer")
    verdict.expect(receipt.order_id == record["order_id"], "the receipt is for another order")
    verdict.expect(receipt.body_hash == record["body_hash"], "the receipt is for other bytes than those delivered")
    verdict.expect(receipt.status == "completed", f"the receipt's status is {receipt.status}")
    paid = Moved(receipt.transaction, receipt.asset, payer, receipt.pay_to, int(receipt.amount))
    verdict.expect(chain.moves(receipt.transaction).count(paid) == 1, NO_TRANSFER)
    if receipt.mode == "DELEGATE":
        check_callback(chain, verdict, receipt.callback_transaction, receipt.asset, receipt.pay_to, payer, paid.value)
    return verdict


def check_callback(
    chain: Chain, verdict: Verdict, transaction: str, asset: str, delegate: str, payer: str, amount: int
) -> None:
    """The delegate wallet paid one contract exactly the amount, and that contract minted one pass to the payer."""
    moves = chain.moves(transaction)
    payouts = [move for move in moves if (move.contract, move.sender, move.value) == (asset, delegate, amount)]
    verdict.expect(len(payouts) == 1, "the callback's transaction does not show exactly one payout of the amount")
    for payout in payouts:
        wanted = (payout.recipient, ZERO, payer)
        minted = [move for move in moves if (move.contract, move.sender, move.recipient) == wanted]
        verdict.expect(len(minted) == 1, "the callback minted no pass to the payer")
        for mint in minted:
            verdict.expect(chain.owner(mint.contract, mint.value) == payer, "the payer does not hold the pass")


def check_refunded(chain: Chain, payer: str, record: dict[str, Any]) -> Verdict:
    """What was paid came back: the same amount, from where it went, and nothing was minted for it."""
    verdict = Verdict(record["purchase_id"], record["order_id"])
    asset, amount, pay_to = record["asset"], int(record["amount"]), record["pay_to"]
    paid = Moved(record["settlement"], asset, payer, pay_to, amount)
    back = Moved(record["refund"], asset, pay_to, payer, amount)
    verdict.expect(chain.moves(record["settlement"]).count(paid) == 1, NO_TRANSFER)
    verdict.expect(chain.moves(record["refund"]).count(back) == 1, "the refund does not show exactly this Transfer")
    return verdict


def check_nothing_else(chain: Chain, payer: str, records: list[dict[str, Any]]) -> Verdict:
    """The payer's wallet paid for exactly these purchases: each settlement once, and nothing besides."""
    verdict = Verdict("all", None)
    for asset in {record["asset"] for record in records}:
        settlements = sorted(record["settlement"] for record in records if record["asset"] == asset)
        spent = sorted(move.transaction for move in chain.spent_by(asset, payer))
        verdict.expect(spent == settlements, f"{len(spent)} Transfers left the wallet for {len(settlements)} purchases")
    return verdict


def check(rpc: str, payer: str, signer: str, records: list[dict[str, Any]]) -> list[Verdict]:
    """A verdict for each purchase that moved money, and one for the wallet as a whole."""
    chain = Chain(rpc)
    moved = [record for record in records if record["status"] in ("delivered", "refunded")]
    verdicts = [
        check_delivered(chain, payer, signer, record)
        if record["status"] == "delivered"
        else check_refunded(chain, payer, record)
        for record in moved
    ]
    return [*verdicts, check_nothing_else(chain, payer, moved)]


def main() -> None:
    """Print the verdicts as JSON; exit status 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("evidence", type=Path, help="the buyer's purchases with their receipts (JSON)")
    parser.add_argument("--rpc", required=True)
    parser.add_argument("--payer", required=True, help="the buyer's address")
    parser.add_argument("--signer", required=True, help="the marketplace's published receipt key")
    given = parser.parse_args()
    verdicts = check(given.rpc, given.payer, given.signer, json.loads(given.evidence.read_text()))
    shown = [
        {"purchase": v.purchase, "order_id": v.order_id, "verified": not v.wrong, "wrong": v.wrong} for v in verdicts
    ]
    print(json.dumps(shown, indent=2))
    sys.exit(1 if any(v.wrong for v in verdicts) else 0)


if __name__ == "__main__":
    main()
