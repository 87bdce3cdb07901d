"""The Litestar applications: the marketplace, and the facilitator on its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig

from protocol import headers
from server.application.paddock import Paddock, Settling
from server.services.arguments import MAX_BODY
from server.web import api, discovery, health, metrics, pages, paywall, receipts_api, statements, transfer_api
from server.web.access import permit
from server.web.buyer_keys_api import BUYER_KEYS
from server.web.calldata_api import CALLDATA_API
from server.web.case_api import CASE_API
from server.web.console import CONSOLE
from server.web.credentials import Credentials
from server.web.facilitator_api import facilitator_router
from server.web.given import started
from server.web.guards import guard
from server.web.join_api import JOIN_API
from server.web.live import close_streams
from server.web.marketplace import Marketplace
from server.web.member_pages import MEMBERS_API
from server.web.order_api import ORDER_API
from server.web.problem_pages import PROBLEM_PAGES
from server.web.problems import HANDLERS
from server.web.reference import PricedJson
from server.web.refund_api import REFUND_API
from server.web.reputation_api import REPUTATION_API
from server.web.storefront import storefront
from server.web.tools import mcp_endpoint, tool_sessions
from server.web.upstream_api import UPSTREAMS
from server.web.webhooks_api import WEBHOOKS

CORS = CORSConfig(
    allow_origins=["*"],
    allow_methods=["GET", "POST"],
    expose_headers=[headers.PAYMENT_REQUIRED, headers.PAYMENT_RESPONSE, headers.X_PAYMENT_RESPONSE],
)
OPENAPI = OpenAPIConfig(
    title="Paddock",
    version="1.0.0",
    path="/openapi.json",
    render_plugins=[PricedJson()],
    use_handler_docstrings=True,
)
Opened = tuple[Paddock, Settling | None]


MARKETPLACE: tuple[Any, ...] = (
    paywall.paid_route,
    api.services,
    api.order,
    api.proof,
    api.cancel_order,
    receipts_api.receipt,
    receipts_api.chain,
    statements.merchant_statement,
    *CASE_API,
    *PROBLEM_PAGES,
    *REFUND_API,
    *CALLDATA_API,
    *REPUTATION_API,
    *BUYER_KEYS,
    transfer_api.create,
    discovery.resources,
    discovery.search,
    discovery.well_known,
    discovery.llms,
    health.live,
    health.ready,
    metrics.metrics,
    storefront,
    pages.service_page,
    pages.reference_page,
    pages.STATIC_FILES,
    CONSOLE,
    ORDER_API,
    WEBHOOKS,
    UPSTREAMS,
    *JOIN_API,
    *MEMBERS_API,
    mcp_endpoint,
)


def create_app(
    opened: Callable[[], AbstractAsyncContextManager[Opened]], credentials: Credentials, *, facilitator: bool
) -> Litestar:
    """The marketplace. `opened` puts the process together when the application starts; with `facilitator` it also
    answers under /facilitator."""
    handlers: list[Any] = [*MARKETPLACE]
    if facilitator:
        handlers.append(facilitator_router("/facilitator"))
    return Marketplace(
        handlers,
        lifespan=[_lifespan(opened), close_streams, tool_sessions],
        before_send=[guard],
        guards=[permit],
        state=State({"credentials": credentials}),
        template_config=pages.TEMPLATE_CONFIG,
        dependencies={
            "paddock": Provide(_paddock, sync_to_thread=False),
            "settling": Provide(_settling, sync_to_thread=False),
            "credentials": Provide(lambda: credentials, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        logging_config=None,
        cors_config=CORS,
        request_max_body_size=MAX_BODY,
        openapi_config=OPENAPI,
    )


def create_facilitator_app(opened: Callable[[], AbstractAsyncContextManager[Settling]]) -> Litestar:
    """The facilitator in a process of its own."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with opened() as settling:
            app.state.settling = settling
            yield

    return Litestar(
        [facilitator_router("/facilitator"), health.live, metrics.metrics],
        lifespan=[lifespan],
        dependencies={"settling": Provide(_settling, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        logging_config=None,
        request_max_body_size=MAX_BODY,
        openapi_config=None,
    )


def _lifespan(
    opened: Callable[[], AbstractAsyncContextManager[Opened]],
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with opened() as (paddock, settling):
            app.state.paddock, app.state.settling = paddock, settling
            yield

    return lifespan


def _paddock(state: State) -> Paddock:
    return started(state, "paddock", Paddock)


def _settling(state: State) -> Settling:
    return started(state, "settling", Settling)
