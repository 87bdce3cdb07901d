"""Ways to spell a path that somebody, somewhere, might take for `/v1/<slug>`."""

from collections.abc import Iterator

LOOK_ALIKES = {
    "e": ["\uff45", "\u0435", "e\u0301", "\u212f", "e\u200b", "\u202ee"],
    "c": ["\uff43", "\u0441", "\u00e7", "\u217d"],
    "h": ["\uff48", "\u04bb", "\u210e"],
    "o": ["\uff4f", "\u043e", "\u03bf", "0", "\u2134"],
    "v": ["\uff56", "\u03bd", "\u2174"],
    "1": ["\uff11", "\u00b9", "l", "\u0661"],
    "/": ["\uff0f", "\u2044", "\u2215", "\\"],
    ".": ["\uff0e", "\u2024"],
}
BEFORE = [
    "/",
    "/.",
    "/./",
    "/%2e",
    "/%2e/",
    "/x/..",
    "/x/%2e%2e",
    "/x/..%2f",
    "/x/.%2e/",
    "/;x",
    "/%00/..",
    "/static/..",
]
BETWEEN = [
    "//",
    "/./",
    "/%2f",
    "%2f",
    "%2F",
    "%252f",
    "\\",
    "%5c",
    "/;/",
    "/%20/",
    "/%09",
    "/../v1/",
    "/%2e%2e/v1/",
    "/..;/v1/",
]
AFTER = [
    "/",
    "//",
    "/.",
    "/..",
    "/../echo",
    "/%2e%2e/echo",
    "%2f",
    "%00",
    "%0a",
    "%0d%0a",
    "%09",
    "%20",
    "+",
    ".",
    "..",
    ";",
    ";x=1",
    "%3b",
    "%3f",
    "%23",
    "#",
    "#x",
    ".json",
    "%2ejson",
    "~",
    "%7f",
    "%80",
    "%ff",
    "%c0%af",
    "%c0%80",
    "%e0%80%af",
    "%u0000",
    "%",
    "%2",
    "%zz",
    "%%32%66",
    "/x",
    "/%2e",
    "*",
    "@",
    ":80",
    "&text=hi",
    "%26text=hi",
]
RAW = [
    b"\x00",
    b"\n",
    b"\r",
    b"\t",
    b" ",
    b"\x0b",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xc0\xaf",
    b"\xef\xbb\xbf",
    b"\xe2\x80\x8b",
]


def spellings(slug: str, host: str) -> list[bytes]:
    """Well over two hundred different targets, without a query; the plain one is not among them."""
    plain = f"/v1/{slug}"
    found = dict.fromkeys(one if isinstance(one, bytes) else one.encode() for one in _all(plain, slug, host))
    found.pop(plain.encode(), None)
    return list(found)


def _all(plain: str, slug: str, host: str) -> Iterator[str | bytes]:
    yield from _encoded(plain)
    yield from _looking_alike(plain)
    for before in BEFORE:
        yield before + plain
        yield before + plain.lstrip("/")
    for between in BETWEEN:
        yield f"/v1{between}{slug}"
    for after in AFTER:
        yield plain + after
    for raw in RAW:
        yield plain.encode() + raw
        yield b"/v1/" + raw + slug.encode()
        yield raw + plain.encode()
        yield plain.encode()[:5] + raw + plain.encode()[5:]
    yield from (plain.upper(), f"/V1/{slug}", f"/v1/{slug.upper()}", f"/v1/{slug.title()}", f"/v1/{slug[:-1]}")
    yield from _absolute(plain, host)
    yield from (
        f"/v1/{'x/../' * 200}{slug}",
        f"{plain}{'/' * 4000}",
        f"/{'a' * 60_000}/..{plain}",
        f"{plain}{'%00' * 5000}",
    )


def _encoded(plain: str) -> Iterator[str]:
    """One character at a time, and all of them; once, twice and three times."""
    for place, character in enumerate(plain):
        for code in dict.fromkeys((f"%{ord(character):02x}", f"%{ord(character):02X}")):
            for times in range(3):
                deeper = code.replace("%", "%" + "25" * times)
                yield plain[:place] + deeper + plain[place + 1 :]
    every = "".join(f"%{ord(character):02x}" for character in plain)
    yield every
    yield "/" + every[3:]
    yield every.replace("%", "%25")


def _looking_alike(plain: str) -> Iterator[str]:
    for place, character in enumerate(plain):
        for other in LOOK_ALIKES.get(character, []):
            spelt = plain[:place] + other + plain[place + 1 :]
            yield spelt
            yield "".join(c if c.isascii() else "".join(f"%{b:02x}" for b in c.encode()) for c in spelt)


def _absolute(plain: str, host: str) -> Iterator[str]:
    for scheme in ("http", "https", "HTTP", "ftp", "file"):
        yield f"{scheme}://{host}{plain}"
    yield from (f"http://{host.upper()}{plain}", f"http://evil.test{plain}", f"http://user@{host}{plain}")
    yield from (
        f"http://{host}:80{plain}",
        f"//{host}{plain}",
        f"//evil.test{plain}",
        f"http:{plain}",
        f"http:/{plain}",
    )
    yield from (f"{host}{plain}", plain[1:], "*", "", "?", f"?{plain}", f"/?{plain}", f"http://{host}/?{plain}")
