"""A page of ours as tests look at it, without a browser."""

from html.parser import HTMLParser

import httpx


class Read(HTMLParser):
    """A page as a test looks at it: its tags with their attributes, its text, and the text of each labelled <pre>."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.code = "", dict[str, str]()
        self._pre: str | None = None
        self.feed(response.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "pre":
            self._pre = dict(attrs)["aria-label"] or ""
            self.code[self._pre] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._pre = None
        elif tag in ("dt", "dd", "th", "td"):
            self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._pre is not None:
            self.code[self._pre] += data
