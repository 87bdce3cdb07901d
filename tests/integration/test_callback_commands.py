"""`paddock callbacks` on SQLite and a devnet: what it prints is what the owner of the contract sends."""

import asyncio

from scripts.accounts import account
from server.application.allowlist import shown_on_chain
from server.bootstrap import open_parts
from server.domain.allowlists import ActionState
from server.settings import load
from tests.integration.test_case_commands import Shell


async def rows_and_chain():
    async with open_parts(load(role="support")) as parts:
        async with parts.db.read() as view:
            rows = list(await view.allowlists.all())
            changes = list(await view.allowlists.changes(10))
        return rows, changes, [await shown_on_chain(parts.home.chain, row) for row in rows]


def test_c2_the_printed_transaction_of_a_change_is_the_owners(own_anvil, deployments, sqlite_url, monkeypatch, capsys):
    given = {"DEVNET": "1", "RPC_URL": own_anvil.url, "DEPLOYMENTS": str(deployments), "DATABASE_URL": sqlite_url}
    for name, value in given.items():
        monkeypatch.setenv(f"PADDOCK_{name}", value)
    shell = Shell(sqlite_url, monkeypatch, capsys)
    status, output, _ = shell.run("callbacks", "remove", "AccessPass", "mintTo(address)")
    assert status == 0
    assert "mintTo(address)" in output
    rows, changes, shown = asyncio.run(rows_and_chain())
    assert [(row.state, on_chain) for row, on_chain in zip(rows, shown, strict=True)] == [(ActionState.REMOVING, False)]
    assert changes[0].by.startswith("command line, ")
    to, data = (line.split()[1] for line in output.splitlines()[-2:])
    call = {"from": account("merchant").address, "to": to, "data": data}
    receipt = None
    transaction = own_anvil.rpc("eth_sendTransaction", call)
    while receipt is None:
        receipt = own_anvil.rpc("eth_getTransactionReceipt", transaction)
    assert receipt["status"] == "0x1"
    assert asyncio.run(rows_and_chain())[2] == [True]
    status, output, _ = shell.run("callbacks", "log")
    assert (status, "→ removing" in output) == (0, True)
    status, output, _ = shell.run("callbacks", "list")
    assert (status, "removing" in output) == (0, True)
    status, _, errors = shell.run("callbacks", "add", "AccessPass", "mintTo", "--minimum", "1", "--maximum", "2")
    assert (status, "mintTo(address)" in errors) == (2, True)
    status, _, errors = shell.run("callbacks", "remove", "Nowhere", "mintTo(address)")
    assert (status, "not among the deployments" in errors) == (2, True)
