"""What service pages give to copy does what the pages say of it."""

import asyncio
import os
import sys

import httpx
import pytest

from scripts.accounts import account
from tests.stack.node_clients import FOLDER
from tests.stack.page import Read

PYTHON, NODE, SHELL = (sys.executable, "-c"), ("node", "--input-type=module", "-e"), ("bash", "-c")


@pytest.mark.usefixtures("node_clients")
@pytest.mark.parametrize(
    ("service", "language", "command", "says"),
    [
        ("market-signal", "Python", PYTHON, "200 {"),
        ("market-signal", "JavaScript", NODE, "200 {"),
        ("contract-risk", "Python", PYTHON, "200 {"),
        ("contract-risk", "JavaScript", NODE, "200 {"),
        ("market-signal", "MCP", PYTHON, "5000 of {asset} to {merchant}"),
        ("contract-risk", "MCP", PYTHON, "50000 of {asset} to {merchant}"),
        ("market-signal", "curl", SHELL, '"payTo": "{merchant}"'),
        ("contract-risk", "curl", SHELL, '"payTo": "{merchant}"'),
    ],
)
async def test_a_snippet_runs_and_does_what_its_page_says(place, market, service, language, command, says):
    async with httpx.AsyncClient(timeout=60) as client:
        snippet = Read(await client.get(f"{place.url}/services/{service}")).code[language]
    process = await asyncio.create_subprocess_exec(
        *command,
        snippet,
        env=os.environ | {"BUYER_KEY": account("foreign_buyer").key.hex()},
        cwd=FOLDER,  # the official JavaScript clients are installed there
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    wanted = says.replace("{asset}", market.asset.address).replace("{merchant}", account("merchant").address)
    assert wanted in said.decode(), said
