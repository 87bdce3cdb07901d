"""The ASGI entry points: `uvicorn --factory server.asgi:server` or `server.asgi:facilitator`."""

from litestar import Litestar

from server.bootstrap import open_facilitator, open_server
from server.heap import freeze_heap
from server.setting_values import split
from server.settings import load
from server.web.app import create_app, create_facilitator_app
from server.web.credentials import Credentials, digest


def server() -> Litestar:
    """The marketplace, from the environment's settings."""
    settings = load()
    operator, *also = map(digest, split(settings.operator_token) or ("",))
    credentials = Credentials(operator, tuple(also))
    app = create_app(lambda: open_server(settings), credentials, facilitator=settings.embedded_facilitator)
    freeze_heap()
    return app


def facilitator() -> Litestar:
    """The facilitator alone, from the environment's settings."""
    settings = load(role="facilitator")
    app = create_facilitator_app(lambda: open_facilitator(settings))
    freeze_heap()
    return app
