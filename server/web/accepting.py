"""Who asks for a page: what a browser says when somebody goes to a URL, and no program's client does."""

from collections.abc import Iterable

ACCEPT, HTML = b"accept", b"html"
"""The header that says it, and what stands in it in lower case wherever it may: what has that is worth reading."""
_HTML, _JSON = "text/html", "application/json"


def wants_page(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether HTML is named and liked better than JSON (RFC 9110, section 12.5.1); no preference is none for pages."""
    accepted = b",".join(value for name, value in headers if name == ACCEPT).decode("latin-1").lower()
    if _HTML not in accepted:
        return False
    liked = dict(map(_liked, accepted.split(",")))
    json = next((liked[kind] for kind in (_JSON, "application/*", "*/*") if kind in liked), 0.0)
    return liked.get(_HTML, 0.0) > json


def _liked(item: str) -> tuple[str, float]:
    """A media range and its weight; a weight that cannot be read is none at all."""
    kind, *parameters = (part.strip() for part in item.split(";"))
    weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return kind, float(weight)
    except ValueError:
        return kind, 0.0
