"""W11 on real parts: bought, final, chained, anchored on anvil, verified by `paddock verify` offline and by RPC."""

import asyncio
import copy
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from scripts.accounts import account
from server import cli
from server.adapters.networks import read_deployments
from tests.stack.anvil import Anvil, run_anvil
from tests.stack.buyer import Buyer
from tests.stack.funds import fund
from tests.stack.marketplace import TOKEN, Marketplace
from tests.stack.processes import ROOT
from tests.stack.waiting import eventually

OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
STRANGER = account("stranger").address
JSON = dict[str, Any]


@dataclass(frozen=True)
class Sold:
    """What a marketplace published of its sales. It is gone by then; only the devnet is still there."""

    folder: Path
    anvil: Anvil
    published: JSON
    bundles: list[JSON]
    pages: list[JSON]
    hashes: JSON

    @property
    def signer(self) -> tuple[str, str]:
        return "--signer", self.published["receiptSigner"]

    @property
    def site(self) -> tuple[str, ...]:
        anchor = self.published["anchor"]
        return "--contract", anchor["contract"], "--publisher", anchor["publisher"]

    @property
    def everything(self) -> tuple[str, ...]:
        return *self.signer, *self.site, "--rpc", self.anvil.url

    def file(self, value: JSON, name: str = "file.json") -> str:
        path = self.folder / name
        path.write_text(json.dumps(value))
        return str(path)


@pytest.fixture(scope="module")
def sold(_devnet, _sqlite_template, tmp_path_factory):
    """Sales on a devnet of their own, once for all tests here: none of them changes anything."""
    folder = tmp_path_factory.mktemp("sold")
    shutil.copyfile(_sqlite_template, folder / "paddock.db")
    with run_anvil(folder, "sold-anvil", _devnet[2]) as anvil:
        place = Marketplace(
            folder, anvil.url, f"sqlite:///{folder}/paddock.db", _devnet[1], more={"PADDOCK_ANCHOR_SECONDS": "3"}
        )
        try:
            place.start_server()
            yield Sold(folder, anvil, *asyncio.run(sell(place, anvil)))
        finally:
            place.stop()


async def sell(place, anvil):
    """Three purchases in one batch, one in another: published document, bundles, pages, hashes."""
    async with httpx.AsyncClient(timeout=60, base_url=place.url) as client:
        buyer, bundles = Buyer(client), []
        (market,) = read_deployments([place.deployments], account("delegate").address).values()
        fund(anvil, market, buyer.account.address, 100_000_000)
        bought = [await buy(buyer, f"{place.url}/v1/market-signal?symbol=DEMO-TREND") for _ in range(3)]
        anvil.mine(5)
        place.start_worker()  # all three are final by now, and wait together
        for order_id in bought:
            bundles.append(await eventually(lambda of=order_id: anchored(client, of), 60, "it is anchored", 0.2))
        last = await buy(buyer, f"{place.url}/v1/access-pass", "POST", {})
        bundles.append(await eventually(lambda: anchored(client, last), 60, "it is anchored", 0.2))
        bundles.sort(key=lambda one: one["chain"]["index"])  # jobs of orders that became final together may overtake
        path = "/api/merchants/paddock/receipts"
        pages = [await told(client, f"{path}?limit=3"), await told(client, f"{path}?from=3")]
        hashes = (await client.get(path)).json()
        return (await client.get("/.well-known/x402")).json(), bundles, pages, hashes


async def buy(buyer, url, method="GET", body=None):
    quoted = await buyer.ask(url, method, body)
    assert (await buyer.present(quoted, buyer.pay(quoted))).status_code == 200
    return quoted.id


async def told(client, path):
    answer = await client.get(path, headers=OPERATOR)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def anchored(client, order_id):
    found = await told(client, f"/api/orders/{order_id}/receipt")
    return found if found["anchor"] else None


@pytest.fixture
def paddock(capsys):
    """`paddock verify …` in this process: its exit status and its words."""

    def run(*arguments):
        given = cli.parser().parse_args(["verify", *arguments])
        status = given.does(given)
        return status, capsys.readouterr().out

    return run


def changed(value: JSON, path: str, new: Any) -> JSON:
    made = copy.deepcopy(value)
    *way, last = path.split(".")
    inside = made
    for name in way:
        inside = inside[int(name) if isinstance(inside, list) else name]
    inside[int(last) if isinstance(inside, list) else last] = new
    return made


def place_of(bundle: JSON) -> str:
    """As the words name it; orders become final in jobs that run at once, so it need not be the order of purchase."""
    return f"entry {bundle['chain']['index']} of the chain of 'paddock'"


def batch_of(bundle: JSON) -> str:
    return f"batch {bundle['anchor']['batch']}"


def flipped(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


# ------------------------------------------------------------------------------------------------------ one receipt


def test_a_receipt_is_verified_offline(sold):
    """By the command itself, in a process of its own."""
    command = [sys.executable, "-m", "server.cli", "verify", sold.file(sold.bundles[1]), *sold.signer]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    words = done.stdout
    assert f"checked: the receipt is signed by {sold.signer[1]}, the marketplace's key" in words
    assert f"checked: the receipt is {place_of(sold.bundles[1])}" in words
    assert f"is in the Merkle root of {batch_of(sold.bundles[1])}" in words
    assert "NOT checked: that the payment and the root stand on chain: give --rpc" in words
    assert "NOT checked: whether the receipt was revoked after this file was written" in words
    assert words.splitlines()[-1].startswith(f"good: order {sold.bundles[1]['receipt']['orderId']}")


def test_a_receipt_is_verified_on_chain(paddock, sold):
    for bundle in sold.bundles:
        status, words = paddock(sold.file(bundle), *sold.everything)
        assert status == 0, words
        assert f"holds the Transfer of {bundle['receipt']['amount']} to {bundle['receipt']['payTo']}" in words
        assert f"ProofAnchor holds the root of {batch_of(bundle)}" in words
        assert words.count("NOT checked") == 1


def test_the_contract_itself_verifies_the_proof(sold):
    for bundle in sold.bundles:
        anchor, link = bundle["anchor"], bundle["chain"]["link"]
        assert verify_on_chain(sold, anchor, link)
        assert not verify_on_chain(sold, anchor, flipped(link))


def verify_on_chain(sold, anchor, link):
    values = [bytes.fromhex(one[2:]) for one in (anchor["root"], link, *anchor["proof"])]
    data = keccak(b"verify(bytes32,bytes32,bytes32[])")[:4]
    data += encode(["bytes32", "bytes32", "bytes32[]"], [values[0], values[1], values[2:]])
    answer = sold.anvil.rpc("eth_call", {"to": anchor["contract"], "data": "0x" + data.hex()}, "latest")
    return int(answer, 16) == 1


def test_a_later_batch_costs_less_than_sixty_thousand_gas(sold):
    """Measured: 92,368 for the first batch of a stream, 58,180 for a later one."""
    transactions = [sold.bundles[number]["anchor"]["transaction"] for number in (0, 3)]
    first, later = (int(sold.anvil.rpc("eth_getTransactionReceipt", one)["gasUsed"], 16) for one in transactions)
    assert later < 60_000, (first, later)
    assert later < first < 100_000, (first, later)


def test_a_bare_receipt_is_checked_by_its_signature(paddock, sold):
    bare = {name: sold.bundles[1][name] for name in ("receipt", "signature")}
    status, words = paddock(sold.file(bare), *sold.signer)
    assert status == 0
    assert "NOT checked: the chain: the receipt was not in it yet" in words


def test_without_the_marketplaces_key_nothing_is_called_good(paddock, sold):
    status, words = paddock(sold.file(sold.bundles[1]))
    assert status == 1
    assert words.splitlines()[-1].startswith("undecided:")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("receipt.bodyHash", "not good: the receipt is signed by"),
        ("chain.link", "not good: {entry} is bad: its link does not follow from the receipt"),
        ("chain.previous", "not good: {entry} is bad"),
        ("anchor.root", "not good: {entry} is not in the Merkle root of {batch}"),
        ("anchor.proof.0", "not good: {entry} is not in the Merkle root of {batch}"),
    ],
)
def test_w11_a_tampered_receipt_is_not_good_and_the_words_say_what_is_wrong(paddock, sold, path, words):
    value: Any = sold.bundles[1]
    for name in path.split("."):
        value = value[int(name) if isinstance(value, list) else name]
    status, said = paddock(sold.file(changed(sold.bundles[1], path, flipped(value))), *sold.signer)
    assert status == 1
    assert words.format(entry=place_of(sold.bundles[1]), batch=batch_of(sold.bundles[1])) in said


@pytest.mark.parametrize("text", ["", "{}", "[]", "no JSON", '{"receipt": {}, "signature": "0x"}', "[" * 99])
def test_what_is_no_receipt_is_told(paddock, sold, text):
    path = sold.folder / "other.json"
    path.write_text(text)
    status, said = paddock(str(path), *sold.signer)
    assert status == 1
    assert said.startswith("it cannot be checked: ")


def test_a_missing_file_and_a_bad_address_are_told(paddock, sold):
    assert paddock("nowhere.json", *sold.signer) == (
        1, "it cannot be checked: [Errno 2] No such file or directory: 'nowhere.json'\n",
    )  # fmt: skip
    status, said = paddock(sold.file(sold.bundles[1]), "--signer", "0x12")
    assert (status, "--signer must be a 20-byte address" in said) == (1, True)
    status, said = paddock(sold.file(sold.bundles[1]), *sold.signer, "--rpc", "http://127.0.0.1:9")
    assert (status, "did not get through" in said) == (1, True)
    assert paddock()[0] == 1


def test_w11_a_root_that_somebody_else_anchored_is_not_the_marketplaces(paddock, sold):
    """A forger's own contract or publisher makes a perfect file: only what the marketplace publishes tells."""
    foreign = changed(sold.bundles[1], "anchor.publisher", STRANGER)
    status, said = paddock(sold.file(foreign), *sold.signer, *sold.site)
    assert (status, f"not good: it is anchored with the publisher {STRANGER}, not" in said) == (1, True)
    status, said = paddock(sold.file(foreign), *sold.signer, "--rpc", sold.anvil.url)
    assert (status, f"does not hold the root of {batch_of(foreign)}" in said) == (1, True)
    nowhere = changed(sold.bundles[1], "anchor.contract", STRANGER)
    status, said = paddock(sold.file(nowhere), *sold.signer, "--rpc", sold.anvil.url)
    assert (status, f"ProofAnchor at {STRANGER} does not hold the root" in said) == (1, True)


def test_w11_a_root_of_another_batch_is_not_the_one_on_chain(paddock, sold):
    other = changed(sold.bundles[3], "anchor.batch", sold.bundles[0]["anchor"]["batch"])
    status, said = paddock(sold.file(other), *sold.everything)
    assert (status, f"does not hold the root of {batch_of(other)}" in said) == (1, True)


def test_what_is_on_another_network_is_said_to_be_unchecked(paddock, sold):
    other = changed(sold.bundles[1], "anchor.network", "eip155:1")
    status, said = paddock(sold.file(other), *sold.everything)
    assert status == 0
    assert f"NOT checked: {batch_of(other)} of" in said
    assert "which is on eip155:1: this RPC serves eip155:31337" in said


def test_w11_a_payment_that_is_not_on_chain_is_not_good(paddock, sold, tmp_path):
    with run_anvil(tmp_path, "elsewhere") as empty:
        status, said = paddock(sold.file(sold.bundles[1]), *sold.signer, *sold.site, "--rpc", empty.url)
    assert status == 1
    assert "does not show the payment's Transfer on chain" in said


# ------------------------------------------------------------------------------------------------------------ chains


def test_a_chain_is_verified_against_its_anchor(paddock, sold):
    pages = [sold.file(page, f"page-{number}.json") for number, page in enumerate(sold.pages)]
    status, words = paddock("--chain", *pages, *sold.everything)
    assert status == 0, words
    assert "checked: entries 0 to 3 of the chain of 'paddock' follow from each other" in words
    assert f"checked: every entry is signed by {sold.signer[1]}" in words
    assert "checked: no tail is cut off: ProofAnchor says that the chain has 4 entries" in words
    assert "checked: entry 3 is the anchored head" in words
    assert "NOT checked" not in words
    status, words = paddock("--chain", *pages, *sold.signer)
    assert (status, "NOT checked: that length and roots stand on chain: give --rpc" in words) == (0, True)


def test_anybody_verifies_the_hashes_of_a_chain(paddock, sold):
    status, words = paddock("--chain", sold.file(sold.hashes), *sold.site, "--rpc", sold.anvil.url)
    assert status == 0, words
    assert "NOT checked: signatures" in words
    assert words.splitlines()[-1] == "good: the chain of 'paddock'"


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("field", ["content", "link", "previous"])
def test_w11_the_first_bad_entry_of_a_chain_is_named(paddock, sold, at, field):
    text = sold.hashes["entries"][at][field]
    status, said = paddock("--chain", sold.file(changed(sold.hashes, f"entries.{at}.{field}", flipped(text))))
    assert status == 1
    assert f"not good: entry {at} is bad" in said


def test_w11_a_cut_tail_shows_offline_and_by_the_anchor_even_if_the_file_lies(paddock, sold):
    cut = changed(sold.hashes, "entries", sold.hashes["entries"][:2])
    status, said = paddock("--chain", sold.file(cut))
    assert (status, "not good: the tail is cut off at entry 2: the file says that the chain has 4 entries" in said) == (
        1, True,
    )  # fmt: skip
    lied = cut | {"length": 2, "anchors": []}
    assert paddock("--chain", sold.file(lied))[0] == 0, "a cut chain is a good chain: only the anchor shows it"
    status, said = paddock("--chain", sold.file(lied), *sold.site, "--rpc", sold.anvil.url)
    assert status == 1
    assert "not good: the tail is cut off at entry 2: ProofAnchor says that the chain has 4 entries" in said
    status, said = paddock("--chain", sold.file(lied), "--rpc", sold.anvil.url)
    assert (status, "NOT checked: the anchor: the file names none" in said) == (0, True)


def test_w11_a_chain_that_was_written_anew_is_not_the_anchored_one(paddock, sold):
    """Every link follows, length and root agree with the file's own anchors, and ProofAnchor holds another head."""
    from_here = copy.deepcopy(sold.hashes)
    from_here["merchant"] = "paddock"
    status, said = paddock("--chain", sold.file(rewritten(from_here)), *sold.site, "--rpc", sold.anvil.url)
    assert status == 1
    assert "not good: entry 3 is bad: ProofAnchor's head there is" in said
    assert "WRONG: " in said


def rewritten(page: JSON) -> JSON:
    """The same chain with the first entry's content exchanged, linked anew, and no anchors told."""
    previous, tag = bytes(32), keccak(b"Paddock receipt chain, link, version 1")
    for index, row in enumerate(page["entries"]):
        content = keccak(b"forged") if index == 0 else bytes.fromhex(row["content"][2:])
        link = keccak(tag + keccak(page["merchant"].encode()) + index.to_bytes(32, "big") + previous + content)
        row |= {"previous": "0x" + previous.hex(), "content": "0x" + content.hex(), "link": "0x" + link.hex()}
        previous = link
    return page | {"anchors": []}
