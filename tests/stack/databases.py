"""Databases as `paddock migrate` leaves them: newest tables, and the devnet's merchant."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from alembic import command
from alembic.config import Config

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.merchant_rows import put_merchant
from server.domain.market import Merchant, key_digest
from server.settings import load
from tests.stack.processes import ROOT


def migrate(url: str) -> None:
    """Bring a database to the newest form, and enter the merchant of the devnet's settings."""
    with ThreadPoolExecutor(1) as apart:  # Alembic's environment runs an event loop, and so may the caller's thread
        apart.submit(_upgrade, url).result()
        apart.submit(asyncio.run, _enter_merchant(url)).result()


def devnet_merchant() -> Merchant:
    """The one merchant of a devnet."""
    settings = load({"PADDOCK_DEVNET": "1"})
    digest = key_digest(settings.merchant_key)
    return Merchant(settings.merchant_id, settings.merchant_name, settings.merchant_pay_to, digest)


def _upgrade(url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "server" / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


async def _enter_merchant(url: str) -> None:
    clock = SystemClock()
    database = SqlDatabase(url, clock)
    async with database.change() as connection:
        await put_merchant(connection, devnet_merchant(), clock.now())
    await database.close()
