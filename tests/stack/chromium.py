"""Chromium as the machine has it: by Playwright for pages of ours, and as services run it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright, expect

from server.services import browser
from tests.conftest import missing

PATIENCE = 30_000
"""Milliseconds in which a page must come to show what a test expects of it: a busy machine is slow, and not wrong."""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def for_services() -> browser.Browser:
    """As services run it: a document each, without network."""
    found = browser.find_browser(None, devnet=True)
    return found or missing("no Chromium: install one (Debian: apt-get install chromium)")


@asynccontextmanager
async def run_chromium() -> AsyncIterator[Browser]:
    """A browser until the end of the block, by Playwright; its profile is gone afterwards."""
    path = for_services().path
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        yield chromium
        await chromium.close()
