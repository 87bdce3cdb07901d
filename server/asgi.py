"""The ASGI entry points: `uvicorn --factory server.asgi:server` or `server.asgi:facilitator`."""

from litestar import Litestar

from server.bootstrap import open_facilitator, open_server
from server.settings import load
from server.web.app import create_app, create_facilitator_app
from server.web.credentials import Credentials, digest


def server() -> Litestar:
    """The marketplace, from the environment's settings."""
    settings = load()
    credentials = Credentials(digest(settings.operator_token))
    return create_app(lambda: open_server(settings), credentials, facilitator=settings.embedded_facilitator)


def facilitator() -> Litestar:
    """The facilitator alone, from the environment's settings."""
    settings = load(role="facilitator")
    return create_facilitator_app(lambda: open_facilitator(settings))
