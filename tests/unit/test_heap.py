"""What a process starts with is never gone through again by the collector, while somebody waits."""

import subprocess
import sys

import pytest

STARTS = {
    "server": "asgi.load = lambda: given; asgi.server()",
    "facilitator": "asgi.load = lambda role: given; asgi.facilitator()",
    "worker": "worker.Worker = report; worker.run(given)",
}
CODE = """
import gc, types
import server.asgi as asgi, server.worker as worker
given = types.SimpleNamespace(operator_token="", embedded_facilitator=True, broker_url="", metrics_port=0)

def report(*_, **__):
    print(gc.get_freeze_count(), len(gc.get_objects()))
    raise SystemExit

{start}
report()
"""


@pytest.mark.parametrize("role", STARTS)
def test_what_is_imported_is_out_of_the_collectors_sight(role):
    code = CODE.format(start=STARTS[role])
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    frozen, seen = map(int, run.stdout.split())
    assert frozen > 100_000
    assert seen < frozen / 20
