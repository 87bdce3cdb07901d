"""The headers that every response carries: what a browser may do with it, and what a cache may."""

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from protocol import headers

PAID = "/v1/"
"""What the paths of paid routes begin with."""
PAGE_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; img-src 'self'"
)
"""Only what this origin serves: no inline script or style, no frame around us, no form to anywhere else."""
OTHER_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""For everything that is no page: an answer that somebody opens in a browser runs nothing."""
PAID_VARY = f"Accept, {headers.PAYMENT_SIGNATURE}, {headers.X_PAYMENT}"
"""For caches that store what they are told not to: an answer belongs to the payment that came with the request."""
_EVERYWHERE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def guards(path: str, content_type: str) -> dict[str, str]:
    """The headers of a response at a path, unless its handler set its own."""
    paid = path.startswith(PAID)
    is_page = content_type.startswith("text/html") and not paid
    policy = {"Content-Security-Policy": PAGE_POLICY if is_page else OTHER_POLICY}
    return _EVERYWHERE | ({"Vary": PAID_VARY} if paid else {}) | policy


async def guard(message: Message, scope: Scope) -> None:
    """Litestar's before_send hook."""
    if message["type"] != "http.response.start":
        return
    found = MutableScopeHeaders.from_message(message)
    for name, value in guards(scope["path"], found.get("content-type", "")).items():
        found.setdefault(name, value)
