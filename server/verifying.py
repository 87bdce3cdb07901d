"""`paddock verify`: what of a receipt or a chain holds, offline, and with an RPC what of it stands on chain."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from eth_abi.exceptions import DecodingError

from protocol.audits import batches_in, check_chain, check_length
from protocol.bundles import Anchored, Batch, Bundle, Page
from protocol.errors import ProtocolError
from protocol.headers import decode_json
from protocol.networks import caip2
from protocol.order_proofs import OrderProof, check_order_proof, read_order_proof
from protocol.receipts import ZERO_HASH, Receipt
from protocol.signatures import parse_address
from protocol.verification import Report, check_bundle
from server.adapters.chain import EvmChain
from server.domain.anchors import read_stream, root_of, stream_call
from server.domain.errors import Reverted
from server.domain.evidence import TRANSFER, Mined, topic, transfer_at
from server.domain.outages import ChainUnavailable
from server.ports import Call


def add_options(parser: argparse.ArgumentParser) -> None:
    """What `paddock verify` may be told."""
    parser.add_argument("receipt", nargs="?", help="file with a receipt, its bundle, or an order's proof (JSON)")
    parser.add_argument("--chain", nargs="+", metavar="FILE", help="the pages of a merchant's chain, in order")
    parser.add_argument(
        "--signer",
        action="append",
        default=[],
        help="a key of receiptSigners in the marketplace's /.well-known/x402; give it once for each key",
    )
    parser.add_argument("--rpc", help="JSON-RPC of the chain: also look for the root and the payment there")
    parser.add_argument("--contract", help="ProofAnchor's address, as /.well-known/x402 gives it; else the file's own")
    parser.add_argument("--publisher", help="who anchors, as /.well-known/x402 gives it; else the file's own")


def verify(arguments: argparse.Namespace) -> int:
    """Check a receipt or a chain with no one's help, and say what was checked; 1 when it is not good."""
    try:
        options = _options(arguments)
        if arguments.chain:
            pages = [decode_json(Path(name).read_bytes(), Page) for name in arguments.chain]
            return _tell(f"the chain of {pages[0].merchant!r}", asyncio.run(_chain(pages, options)))
        if not arguments.receipt:
            say("nothing to check: name a receipt's file, or pages after --chain")
            return 1
        given = Path(arguments.receipt).read_bytes()
        if proof := read_order_proof(given):
            what = f"order {proof.payload.order_id}, {proof.payload.amount_wei} atomic units"
            return _tell(what, asyncio.run(_order_proof(proof, options)), vouched=bool(options.signers))
        bundle = decode_json(given, Bundle)
        report = asyncio.run(_receipt(bundle, options))
        what = f"order {bundle.receipt.order_id}, {bundle.receipt.amount} atomic units paid by {bundle.receipt.payer}"
        return _tell(what, report, vouched=bool(options.signers))
    except (OSError, ProtocolError, ChainUnavailable) as error:
        say(f"it cannot be checked: {error}")
        return 1


def _options(given: argparse.Namespace) -> argparse.Namespace:
    """The addresses among the options, checksummed."""
    names = ("contract", "publisher")
    addresses = {name: parse_address(getattr(given, name), f"--{name}") for name in names if getattr(given, name)}
    signers = [parse_address(one, "--signer") for one in given.signer]
    return argparse.Namespace(**dict.fromkeys(names) | {"rpc": given.rpc, "signers": signers} | addresses)


def _tell(what: str, report: Report, *, vouched: bool = True) -> int:
    for label, lines in (("checked", report.checked), ("NOT checked", report.unchecked), ("WRONG", report.wrong)):
        for line in lines:
            say(f"{label}: {line}")
    if report.wrong:
        say(f"not good: {report.wrong[0]}")
    elif not vouched:
        say("undecided: anybody can sign a receipt; give --signer, the key of the marketplace that you bought from")
    else:
        say(f"good: {what}")
    return 1 if report.wrong or not vouched else 0


async def _receipt(bundle: Bundle, options: argparse.Namespace) -> Report:
    report = check_bundle(bundle, *options.signers)
    if bundle.anchor:
        _check_site(report, bundle.anchor, options)
    if report.wrong or not options.rpc:
        why = "the file itself is not good" if report.wrong else "give --rpc"
        report.unchecked.append(f"that the payment and the root stand on chain: {why}")
        return report
    async with _reading(options.rpc) as (chain, network):
        receipt = bundle.receipt
        if receipt.amount == "0" and receipt.transaction == ZERO_HASH:
            report.checked.append("nothing was charged: there is no payment to look for on chain")
        elif receipt.network == network:
            _check_payment(report, receipt, await chain.mined(receipt.transaction))
        else:
            report.unchecked.append(f"the payment, which is on {receipt.network}: this RPC serves {network}")
        if bundle.chain and bundle.anchor:
            await _check_root(report, chain, network, bundle.chain.merchant, bundle.anchor)
    return report


async def _order_proof(proof: OrderProof, options: argparse.Namespace) -> Report:
    report, payload = check_order_proof(proof, *options.signers), proof.payload
    if report.wrong or not options.rpc:
        why = "the file itself is not good" if report.wrong else "give --rpc"
        report.unchecked.append(f"that the chain holds that log: {why}")
        return report
    async with _reading(options.rpc) as (chain, network):
        if network != caip2(payload.chain_id):
            report.unchecked.append(f"that log, which is on {caip2(payload.chain_id)}: this RPC serves {network}")
            return report
        mined = await chain.mined(payload.tx_hash)
    found = transfer_at(mined, payload.log_index) if mined else None
    parties = (proof.binding.token_contract, payload.from_addr, payload.to_addr)
    wanted = (*(parse_address(text, "address") for text in parties), int(payload.amount_wei))
    right = found is not None and (found.asset, found.sender, found.recipient, found.amount) == wanted
    good = f"log {payload.log_index} of {payload.tx_hash} is that Transfer"
    report.expect(right, good, f"{payload.tx_hash} does not show that Transfer at index {payload.log_index}")
    return report


async def _chain(pages: Sequence[Page], options: argparse.Namespace) -> Report:
    report = check_chain(pages, *options.signers)
    batches = batches_in(pages)
    if batches:
        _check_site(report, batches[-1], options)
    if report.wrong or not options.rpc:
        why = "the file itself is not good" if report.wrong else "give --rpc"
        report.unchecked.append(f"that length and roots stand on chain: {why}")
        return report
    contract = options.contract or (batches[-1].contract if batches else None)
    publisher = options.publisher or (batches[-1].publisher if batches else None)
    if contract is None or publisher is None:
        report.unchecked.append("the anchor: the file names none; give --contract and --publisher")
        return report
    async with _reading(options.rpc) as (chain, network):
        for batch in batches:
            await _check_root(report, chain, network, pages[0].merchant, batch)
        await _check_stream(report, chain, pages, contract, publisher)
    return report


@asynccontextmanager
async def _reading(rpc: str) -> AsyncIterator[tuple[EvmChain, str]]:
    """The chain and its CAIP-2 name."""
    chain = EvmChain(rpc, 0)
    try:
        yield chain, caip2(await chain.chain_id())
    finally:
        await chain.close()


def _check_site(report: Report, anchor: Anchored | Batch, options: argparse.Namespace) -> None:
    """The root is where the marketplace publishes that it anchors, and not at a contract or by a key of anybody's."""
    for name in ("contract", "publisher"):
        found, wanted = parse_address(getattr(anchor, name), name), getattr(options, name)
        if wanted is None:
            report.unchecked.append(f"that {found} is the marketplace's {name}: give --{name}, see /.well-known/x402")
        else:
            good, bad = (
                f"it is anchored with the {name} {found}",
                f"it is anchored with the {name} {found}, not {wanted}",
            )
            report.expect(found == wanted, good, bad)


def _check_payment(report: Report, receipt: Receipt, mined: Mined | None) -> None:
    """One Transfer of exactly the receipt's amount, asset, payer and payee, in the transaction that it names."""
    asset, payer, payee = (parse_address(text, "address") for text in (receipt.asset, receipt.payer, receipt.pay_to))
    topics, data = (TRANSFER, topic(payer), topic(payee)), int(receipt.amount).to_bytes(32, "big")
    found = mined and [log for log in mined.logs if (log.address, log.topics, log.data) == (asset, topics, data)]
    good = f"block {mined.block if mined else ''} holds the Transfer of {receipt.amount} to {payee}"
    report.expect(bool(found), good, f"{receipt.transaction} does not show the payment's Transfer on chain")


async def _check_root(report: Report, chain: EvmChain, network: str, merchant: str, anchor: Anchored | Batch) -> None:
    name = f"batch {anchor.batch} of {anchor.publisher}"
    if anchor.network != network:
        report.unchecked.append(f"{name}, which is on {anchor.network}: this RPC serves {network}")
        return
    publisher = parse_address(anchor.publisher, "publisher")
    root = await _ask(chain, anchor.contract, root_of(publisher, merchant, anchor.batch))
    good = f"ProofAnchor holds the root of {name}"
    report.expect(
        "0x" + root.hex() == anchor.root, good, f"ProofAnchor at {anchor.contract} does not hold the root of {name}"
    )


async def _check_stream(report: Report, chain: EvmChain, pages: Sequence[Page], contract: str, publisher: str) -> None:
    """The file goes at least as far as what is anchored, and holds the anchored head there."""
    answer = await _ask(chain, contract, stream_call(parse_address(publisher, "publisher"), pages[0].merchant))
    try:
        length, head = read_stream(answer)
    except DecodingError:
        report.wrong.append(f"there is no ProofAnchor at {contract}")
        return
    check_length(report, pages, length, "ProofAnchor says")
    last = next((row for page in pages for row in page.entries if row.index == length - 1), None)
    if last:
        bad = f"entry {last.index} is bad: ProofAnchor's head there is 0x{head.hex()}"
        report.expect(last.link == "0x" + head.hex(), f"entry {last.index} is the anchored head", bad)


async def _ask(chain: EvmChain, contract: str, data: bytes) -> bytes:
    """What a contract answers; nothing where it refuses."""
    address = parse_address(contract, "contract")
    try:
        return await chain.call(Call(address, address, data))
    except Reverted:
        return b""


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
