"""A marketplace's chain of signed receipts with anchored batches, made for tests to take apart."""

from eth_account import Account

from protocol.bundles import Anchored, Batch, Bundle, Page, Place, Revoked, Row
from protocol.chains import GENESIS, Entry, entry, merkle_proof, merkle_root
from protocol.receipts import ZERO_HASH, Receipt, SignedReceipt, x402_receipt_digest
from protocol.revocations import Revocation, SignedRevocation
from protocol.verification import content_of

MARKET, STRANGER = Account.from_key("0x" + "24" * 32), Account.from_key("0x" + "25" * 32)
SIGNER = MARKET.address
MERCHANT = "shop"
SITE = {"network": "eip155:31337", "contract": STRANGER.address, "publisher": MARKET.address}


def receipt(number: int, **changes) -> Receipt:
    values = {
        "order_id": f"order-{number}",
        "quote_id": f"order-{number}",
        "resource_url": "http://127.0.0.1:8402/v1/echo",
        "intent_hash": "0x" + "01" * 32,
        "mode": "DIRECT",
        "network": "eip155:31337",
        "asset": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
        "amount": str(50_000 + number),
        "payer": "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
        "pay_to": "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
        "payment_hash": "0x" + "02" * 32,
        "transaction": "0x" + f"{number + 1:064x}",
        "callback_transaction": ZERO_HASH,
        "body_hash": "0x" + "05" * 32,
        "body_size": 12,
        "body_type": "application/json",
        "paid_at": 1_800_000_000,
        "issued_at": 1_800_000_001,
        "status": "completed",
    }
    return Receipt(**values | changes)


def sign(digest: bytes, account=MARKET) -> str:
    return "0x" + bytes(account.unsafe_sign_hash(digest).signature).hex()


def signed(number: int, account=MARKET, **changes) -> SignedReceipt:
    made = receipt(number, **changes)
    return SignedReceipt(made, sign(made.digest(), account))


def revocation(number: int, account=MARKET, **changes) -> SignedRevocation:
    values = {
        "order_id": f"order-{number}",
        "network": "eip155:31337",
        "receipt_hash": hexed(receipt(number).digest()),
        "reason": "the payment was undone by a reorganisation",
        "revoked_at": 1_800_000_100,
    }
    made = Revocation(**values | changes)
    return SignedRevocation(made, sign(made.digest(), account))


def standard(of: Receipt, account=MARKET) -> dict:
    payload = {
        "version": 1,
        "network": of.network,
        "resourceUrl": of.resource_url,
        "payer": of.payer,
        "issuedAt": of.issued_at,
        "transaction": of.transaction,
    }
    return {"format": "eip712", "payload": payload, "signature": sign(x402_receipt_digest(payload), account)}


def chained(statements) -> list[tuple[Entry, SignedReceipt | SignedRevocation]]:
    made, previous = [], GENESIS
    for index, statement in enumerate(statements):
        made.append((entry(MERCHANT, index, previous, content_of(statement)), statement))
        previous = made[-1][0].link
    return made


def row(one: Entry, statement, *, whole: bool = True) -> Row:
    hashes = (one.index, hexed(one.previous), hexed(one.content), hexed(one.link))
    if not whole:
        return Row(*hashes)
    if isinstance(statement, SignedReceipt):
        return Row(*hashes, statement.receipt.order_id, receipt=statement)
    return Row(*hashes, statement.revocation.order_id, revocation=statement)


def batch(number: int, chain, first: int, last: int) -> Batch:
    links = [one.link for one, _ in chain[first : last + 1]]
    root, head = hexed(merkle_root(links)), hexed(links[-1])
    return Batch(**SITE, batch=number, first=first, last=last, root=root, head=head, transaction=ZERO_HASH, block=9)


def page(statements, *, whole: bool = True, spans=((0, 3), (4, 6))) -> Page:
    """One page with everything; `spans` are the anchored batches."""
    chain = chained(statements)
    batches = [batch(number, chain, *span) for number, span in enumerate(spans)]
    return Page(MERCHANT, len(chain), [row(*one, whole=whole) for one in chain], batches)


def place(one: Entry) -> Place:
    return Place(MERCHANT, one.index, hexed(one.previous), hexed(one.link))


def anchored(chain, index: int) -> Anchored:
    """In one batch over the whole chain."""
    links = [one.link for one, _ in chain]
    proof = [hexed(node) for node in merkle_proof(links, index)]
    return Anchored(**SITE, batch=0, root=hexed(merkle_root(links)), proof=proof, transaction=ZERO_HASH, block=9)


def bundle(index: int = 2, revoked: SignedRevocation | None = None) -> Bundle:
    """The receipt at an index of a chain of six, and its revocation as the seventh entry."""
    chain = chained([*(signed(number) for number in range(6)), *([revoked] if revoked else [])])
    one, statement = chain[index]
    taken = None
    if revoked:
        taken = Revoked(revoked.revocation, revoked.signature, place(chain[6][0]), anchored(chain, 6))
    own = (statement.receipt, statement.signature, standard(statement.receipt), place(one), anchored(chain, index))
    return Bundle(*own, taken)


def hexed(value: bytes) -> str:
    return "0x" + value.hex()
