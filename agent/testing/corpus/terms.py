"""Hostile terms: a 402 whose fields, encoding or choice of offers is not what it should be."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from agent.testing.corpus.cases import CONTRACT, STRANGER, Case, Json, Prepare, altered, reencoded, rewritten

ZERO = "0x" + "0" * 40


def cases() -> list[Case]:
    """All of them."""
    return [*_fields(), *_encodings(), *_offers()]


_BAD_AMOUNTS: list[Any] = [
    *("1000001", "-1", "-50000", "+50000", "5e4", "0", "00", "50000.0", "50000.", " 50000", "50000 ", "50_000"),
    *("0x10", "", "NaN", "Infinity", "1e400", "\u0665\u0660", "50,000", "50000\u0000", str(2**256), "9" * 400),
    *(50000, 50000.0, None, True, [], {}, ["50000"]),
]
_BAD_ADDRESSES: list[Any] = [
    *(
        ZERO,
        "",
        "0x",
        "merchant.eth",
        "0x" + "12" * 19,
        "0x" + "12" * 21,
        "0x" + "zz" * 20,
        " " + STRANGER,
        None,
        7,
        [],
    ),
]
_BAD_NETWORKS = [
    "eip155:1",
    "eip155:-1",
    "base",
    "",
    "solana:mainnet",
]
_MISSPELLED = ["eip155:0{}", "EIP155:{}", " eip155:{}"]
_BAD_TIMEOUTS = [-1, 0, 5, "60", None, 60.5]
_BAD_SCHEMES = ["", "Exact", "exact ", "upto", "streaming", None, 1]
_BAD_EXTRAS: list[Json] = [
    {"name": "TestUSD "},
    {"name": "USD Coin"},
    {"name": None},
    {"name": 1},
    {"version": "9"},
    {"version": ""},
    {"decimals": "18"},
    {"decimals": "six"},
    {"decimals": -6},
    {"expiresAt": "1700000000"},
    {"expiresAt": "soon"},
    {"expiresAt": "1772366402"},
    {"mode": "ESCROW"},
    {"mode": 1},
    {"mode": "DELEGATE"},
    {"mode": "DELEGATE", "flow": "ERC20_3009", "callback": STRANGER},
    {"mode": "DELEGATE", "flow": "ERC20_3009", "callback": CONTRACT, "beneficiary": STRANGER},
    {"mode": "DELEGATE", "flow": "ERC20_3009", "callback": CONTRACT, "calldata": "0x12345678"},
    {"mode": "DELEGATE", "flow": "NONE", "callback": CONTRACT},
    {"callback": CONTRACT},
    {"assetTransferMethod": "cheque"},
    {"assetTransferMethod": None},
]


def _fields() -> Iterator[Case]:
    """One member of the only entry is not as it should be."""
    values: dict[str, list[Any]] = {
        "amount": _BAD_AMOUNTS,
        "asset": [*_BAD_ADDRESSES, STRANGER],
        "payTo": _BAD_ADDRESSES,
        "network": _BAD_NETWORKS,
        "maxTimeoutSeconds": _BAD_TIMEOUTS,
        "scheme": _BAD_SCHEMES,
    }
    for name, bad in values.items():
        for number, value in enumerate(bad):
            yield Case(f"{name} {number}: {value!r:.40}", altered({name: value}))
    for number, extra in enumerate(_BAD_EXTRAS):
        yield Case(f"extra {number}: {extra!r:.60}", altered({}, extra))
    for spelling in _MISSPELLED:
        yield Case(f"network spelled {spelling!r}", rewritten(partial(_misspell, spelling)))


def _misspell(spelling: str, required: Json) -> None:
    entry = required["accepts"][0]
    entry["network"] = spelling.format(entry["network"].rpartition(":")[2])


def _encodings() -> Iterator[Case]:
    """Headers that are no padded base64 of a JSON object of that shape."""

    def text(required: Json) -> bytes:
        return json.dumps(required).encode()

    b64 = base64.b64encode
    ways: dict[str, Callable[[Json], bytes]] = {
        "nothing": lambda _: b"",
        "no base64": text,
        "no padding": lambda required: b64(text(required) + b" " * (3 - len(text(required)) % 3 + 1)).rstrip(b"="),
        "url-safe with dashes": lambda _: b"--__",
        "line breaks": lambda required: b64(text(required))[:40] + b" " + b64(text(required))[40:],
        "half": lambda required: b64(text(required)[: len(text(required)) // 2]),
        "a list": lambda required: b64(json.dumps([required]).encode()),
        "a string": lambda required: b64(json.dumps(json.dumps(required)).encode()),
        "null": lambda _: b64(b"null"),
        "utf-16": lambda required: b64(json.dumps(required).encode("utf-16")),
        "a byte order mark": lambda required: b64(b"\xef\xbb\xbf" + text(required)),
        "bytes that are no utf-8": lambda required: b64(text(required).replace(b"USD", b"US\xff\xfe")),
        "gzip": lambda required: b64(gzip.compress(text(required))),
        "twice base64": lambda required: b64(b64(text(required))),
        "nested deep": lambda required: b64(text(required)[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}"),
        "very long": lambda required: b64(text(required)[:-1] + b',"x":"' + b"y" * 20_000 + b'"}'),
        "comments": lambda required: b64(b"/* free */" + text(required)),
        "trailing": lambda required: b64(text(required) + b"{}"),
        "version 3": lambda required: b64(json.dumps(required | {"x402Version": 3}).encode()),
        "version as text": lambda required: b64(json.dumps(required | {"x402Version": "2"}).encode()),
        "no accepts": lambda required: b64(json.dumps(required | {"accepts": []}).encode()),
        "accepts null": lambda required: b64(json.dumps(required | {"accepts": None}).encode()),
        "accepts an object": lambda required: b64(json.dumps(required | {"accepts": {}}).encode()),
        "no resource": lambda required: b64(json.dumps({**required, "resource": None}).encode()),
        "another resource": lambda required: b64(text(_about(required, f"{required['resource']['url']}2"))),
        "a resource that climbs": lambda required: b64(
            text(_about(required, f"{required['resource']['url']}/../x/../other"))
        ),
        "a resource that is no URL": lambda required: b64(text(_about(required, "http://[::1"))),
    }
    for name, encode in ways.items():
        yield Case(f"encoding: {name}", reencoded(encode))


def _about(required: Json, url: str) -> Json:
    return required | {"resource": {"url": url}}


def _offers() -> Iterator[Case]:
    """Several entries: what cannot be paid in front, what may not be paid behind it."""

    def repeated(*changes: Json) -> Prepare:
        def change(required: Json) -> None:
            (entry,) = required["accepts"]
            required["accepts"] = [entry | one for one in changes]

        return rewritten(change)

    yield Case("a thousand dear entries", repeated(*[{"amount": "2000000"}] * 40))
    yield Case(
        "cheap in an unknown token, dear in ours", repeated({"asset": STRANGER, "amount": "1"}, {"amount": "9999999"})
    )
    yield Case("cheap on another chain, dear on ours", repeated({"network": "eip155:1"}, {"amount": "9999999"}))
    yield Case("to the merchant too dear, to nobody cheap", repeated({"amount": "9999999"}, {"payTo": ZERO}))
    yield Case("dear behind sixteen that nobody can pay", repeated(*[{"asset": STRANGER}] * 16, {"amount": "9999999"}))
    yield Case("cheap behind sixteen that nobody can pay", repeated(*[{"asset": STRANGER}] * 16, {}))
    yield Case("metered without a ceiling that fits", repeated({"scheme": "upto", "amount": str(2**255)}))
    yield Case("atomic by nobody", repeated({"scheme": "delegate"}))
    yield Case("by Permit2", altered({}, {"assetTransferMethod": "permit2"}), signs=True)
