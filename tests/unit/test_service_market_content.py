"""Article, archive and chart of the bundled series: what they say is what the files say."""

import hashlib
import io
import json
import re
import zipfile
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest

from server.services import market_archive, market_article, market_chart
from server.services.arguments import parse_arguments
from server.services.service import ServiceError
from tests.unit import services_oracle_market as oracle
from tests.unit.services_oracle_context import context

SVG = "{http://www.w3.org/2000/svg}"


async def ask(service, query=""):
    return await service.run(parse_arguments(service, query.encode(), b"", ""), context())


# -------------------------------------------------------------------------------------------------------------- article


async def article(symbol):
    answer = await ask(market_article.SERVICE, f"symbol={symbol}")
    assert answer.content_type == "text/markdown"
    return answer.body.decode("ascii")


def quarters(symbol):
    """Rows of the table, from the file: months 1 to 3 are the first quarter."""
    parts = {}
    for row in oracle.table(symbol):
        year, month, _ = row["date"].split("-")
        parts.setdefault(f"{year} Q{-(-int(month) // 3)}", []).append(row)
    for name, rows in parts.items():
        prices = [float(row["close"]) for row in rows]
        yield (
            name,
            rows[0]["open"],
            max((row["high"] for row in rows), key=float),
            min((row["low"] for row in rows), key=float),
            rows[-1]["close"],
            f"{100 * (prices[-1] / float(rows[0]['open']) - 1):+.1f}%",
            f"{100 * oracle.volatility(prices, len(prices) - 1):.1f}%",
            f"{sum(int(row['volume']) for row in rows):,}",
        )


@pytest.mark.parametrize("symbol", oracle.SYMBOLS)
async def test_the_articles_table_is_what_the_file_says_of_each_quarter(symbol):
    lines = (await article(symbol)).splitlines()
    table = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("| 20")]
    assert table == list(quarters(symbol))
    assert len(table) == 8


@pytest.mark.parametrize("symbol", oracle.SYMBOLS)
async def test_the_articles_words_have_the_figures_of_the_whole_series(symbol):
    text = await article(symbol)
    rows, closes = oracle.table(symbol), [float(price) for price in oracle.closes(symbol)]
    change = closes[-1] / float(rows[0]["open"]) - 1
    way = "above" if change > 0 else "below"
    assert f"closed at {rows[-1]['close']} on {rows[-1]['date']}, {100 * abs(change):.1f}% {way} the" in text
    assert f"volatility over a year is {100 * oracle.volatility(closes, 729):.1f}%" in text
    worst = oracle.worst_drawdown(closes)
    fell = re.search(r"From a close of ([\d.]+) on (\S+) it fell to ([\d.]+) on (\S+): ([\d.]+)% in (\d+) days", text)
    peak, first, trough, last, percent, days = fell.groups()
    assert percent == f"{100 * worst:.1f}"
    assert (peak, trough) == tuple(next(row["close"] for row in rows if row["date"] == day) for day in (first, last))
    assert date.fromisoformat(last) - date.fromisoformat(first) == timedelta(int(days))
    again = [row["date"] for row in rows if row["date"] > last and float(row["close"]) >= float(peak)]
    assert (f"higher again on {again[0]}." if again else "has not closed there again") in text


@pytest.mark.parametrize("symbol", oracle.SYMBOLS)
async def test_the_article_names_the_calmest_and_the_wildest_quarter_and_says_what_it_is_about(symbol):
    text = await article(symbol)
    moved = {row[0]: float(row[6][:-1]) for row in quarters(symbol)}
    assert f"calmest quarter was {min(moved, key=moved.get)} with" in text
    assert f"wildest {max(moved, key=moved.get)} with" in text
    assert text.startswith(f"# {symbol}, from 2024-01-01 to 2025-12-30\n\n> A synthetic")


# -------------------------------------------------------------------------------------------------------------- archive


async def test_the_archive_holds_every_file_as_its_manifest_says():
    answer = await ask(market_archive.SERVICE)
    assert answer.content_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.body)) as file:
        assert file.testzip() is None
        held = {name: file.read(name) for name in file.namelist()}
    manifest = json.loads(held.pop("manifest.json"))
    assert "synthetic" in manifest["source"]
    assert held == {f"{symbol}.csv": (oracle.DATA / f"{symbol}.csv").read_bytes() for symbol in oracle.SYMBOLS}
    assert [member["name"] for member in manifest["members"]] == list(held)
    for member in manifest["members"]:
        content = held[member["name"]]
        rows = oracle.table(member["name"].removesuffix(".csv"))
        assert (member["size"], member["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert (member["records"], member["first"], member["last"]) == (730, rows[0]["date"], rows[-1]["date"])


async def test_the_archives_bytes_do_not_tell_when_they_were_packed():
    before = market_archive.archive()
    market_archive.archive.cache_clear()
    assert market_archive.archive() == before
    with zipfile.ZipFile(io.BytesIO(before)) as file:
        assert {about.date_time for about in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


# ---------------------------------------------------------------------------------------------------------------- chart


async def chart(query):
    answer = await ask(market_chart.SERVICE, query)
    assert answer.content_type == "image/svg+xml"
    return ElementTree.fromstring(answer.body)


def labels(picture, anchor):
    """Where each text of an axis is, and what it says."""
    (group,) = (one for one in picture.iter(f"{SVG}g") if one.get("text-anchor") == anchor)
    return [(float(one.get("x")), float(one.get("y")), one.text) for one in group]


@pytest.mark.parametrize(
    ("symbol", "start", "end"),
    [
        ("DEMO-TREND", "2024-01-01", "2025-12-30"),
        ("DEMO-STORM", "2024-10-01", "2025-03-31"),
        ("DEMO-RANGE", "2024-02-28", "2024-03-01"),
    ],
)
async def test_the_line_read_off_by_the_labels_of_its_axes_is_the_files_closes(symbol, start, end):
    picture = await chart(f"symbol={symbol}&start={start}&end={end}")
    prices = [(y, float(text)) for _, y, text in labels(picture, "end")]
    dates = [(x, date.fromisoformat(text).toordinal()) for x, _, text in labels(picture, "middle")]
    (y0, low), (y1, high) = prices[0], prices[-1]
    (x0, first), (x1, last) = dates[0], dates[-1]
    (line,) = picture.iter(f"{SVG}polyline")
    rows = [row for row in oracle.table(symbol) if start <= row["date"] <= end]
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    assert len(points) == len(rows)
    for (x, y), row in zip(points, rows, strict=True):
        day = first + (x - x0) * (last - first) / (x1 - x0)
        assert date.fromordinal(round(day)).isoformat() == row["date"]
        assert low + (y - y0) * (high - low) / (y1 - y0) == pytest.approx(float(row["close"]), abs=(high - low) / 1e4)
    for y, price in prices:
        assert low + (y - y0) * (high - low) / (y1 - y0) == pytest.approx(price, abs=(high - low) / 1e4)
    assert 2 <= len(prices) <= 8


async def test_the_picture_is_within_its_frame_says_what_it_shows_and_refers_to_nothing():
    picture = await chart("symbol=DEMO-CYCLE")
    _, _, width, height = map(int, picture.get("viewBox").split())
    (line,) = picture.iter(f"{SVG}polyline")
    for point in line.get("points").split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= width
        assert 0 <= y <= height
    assert "DEMO-CYCLE" in picture.find(f"{SVG}title").text
    assert "synthetic" in picture.find(f"{SVG}desc").text
    assert {one.tag.removeprefix(SVG) for one in picture.iter()} == {
        *("svg", "title", "desc", "rect", "text", "g", "path", "polyline"),
    }
    assert not any("href" in name or name.startswith("on") for one in picture.iter() for name in one.attrib)


async def test_a_theme_changes_colours_and_nothing_else():
    light, dark = [await ask(market_chart.SERVICE, f"symbol=DEMO-CYCLE&theme={one}") for one in ("light", "dark")]
    plain = [re.sub(rb"#[0-9a-f]{6}", b"", answer.body) for answer in (light, dark)]
    assert plain[0] == plain[1]
    assert light.body != dark.body


@pytest.mark.parametrize(
    ("least", "most", "written"),
    [
        (10.5, 19.5, [10, 12, 14, 16, 18, 20]),
        (0.9, 1.1, [0.9, 0.95, 1, 1.05, 1.1, 1.15]),
        (240, 560, [200, 300, 400, 500, 600]),
        (7, 7, [6, 8]),
    ],
)
def test_prices_are_written_at_round_steps(least, most, written):
    assert market_chart.ticks(least, most) == pytest.approx(written)


@pytest.mark.parametrize(
    ("service", "query", "says"),
    [
        (market_article.SERVICE, "symbol=BTC", "symbol"),
        (market_archive.SERVICE, "symbol=DEMO-TREND", "symbol.: unknown"),
        (market_chart.SERVICE, "symbol=DEMO-TREND&theme=pink", "theme"),
        (market_chart.SERVICE, "symbol=DEMO-TREND&start=2025-12-29", "2 days of the series"),
        (market_chart.SERVICE, "symbol=DEMO-TREND&start=2025-03-01&end=2025-02-01", "end: it is before start"),
    ],
)
async def test_bad_input_is_refused_with_the_field(service, query, says):
    with pytest.raises(ServiceError, match=says) as refused:
        await ask(service, query)
    assert refused.value.status == 422


@pytest.mark.parametrize("module", [market_article, market_archive, market_chart])
def test_one_payment_unlocks_an_asset_for_ever(module):
    assert module.SERVICE.for_ever
