"""On sale: every bundled daily series in one ZIP file, with a manifest that each member can be checked by."""

import hashlib
import io
import zipfile
from functools import cache
from typing import get_args

import msgspec
from msgspec import Struct

from server.services.arguments import NoArguments
from server.services.series import ORIGIN, Symbol, csv_bytes, records
from server.services.service import Answer, Context, Service

MEDIA_TYPE = "application/zip"
MANIFEST = "manifest.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP file can say: the same content makes the same bytes."""
SYMBOLS: tuple[str, ...] = get_args(get_args(Symbol)[0])


class Member(Struct):
    """A file of the archive: bytes, SHA-256 in hex, and the days that it holds."""

    name: str
    size: int
    sha256: str
    records: int
    first: str
    last: str


class Manifest(Struct):
    """What is in the archive beside the manifest itself."""

    source: str
    members: list[Member]


async def run(_arguments: NoArguments, _context: Context) -> Answer:
    """The same bytes each time."""
    return Answer(archive(), MEDIA_TYPE)


@cache
def archive() -> bytes:
    """The ZIP file: `manifest.json`, then a CSV file for each series."""
    contents = {f"{symbol}.csv": csv_bytes(symbol) for symbol in SYMBOLS}
    manifest = Manifest(ORIGIN, [_member(symbol, contents[f"{symbol}.csv"]) for symbol in SYMBOLS])
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in ({MANIFEST: msgspec.json.format(msgspec.json.encode(manifest))} | contents).items():
            about = zipfile.ZipInfo(name, EPOCH)
            about.external_attr = 0o644 << 16
            file.writestr(about, content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def _member(symbol: str, content: bytes) -> Member:
    days = records(symbol)
    digest = hashlib.sha256(content).hexdigest()
    return Member(f"{symbol}.csv", len(content), digest, len(days), str(days[0].date), str(days[-1].date))


SERVICE = Service(
    slug="market-archive",
    title="Market archive (synthetic series)",
    summary="All four demonstration series as one ZIP file of CSVs, with a manifest of sizes, hashes and periods.",
    kind="digital content",
    unit="file",
    amount=14_000_000,
    arguments=NoArguments,
    answers=MEDIA_TYPE,
    example={},
    run=run,
    tags=("market", "archive", "zip", "csv", "synthetic"),
    for_ever=True,
)
