#!/bin/sh
# Write the pinned requirements again (needs uv). Every file has the versions of dev.txt; bench.txt, the environment of
# the bench's peers, has packages beside them.
set -eu
cd "$(dirname "$0")/.."
compile="uv pip compile --system-certs --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q"
$compile --extra bench --extra contracts --extra dev --extra langchain --extra pydantic-ai --extra traces \
  pyproject.toml -o requirements/dev.txt "$@"
$compile --extra traces -c requirements/dev.txt pyproject.toml -o requirements/server.txt
$compile --extra contracts -c requirements/dev.txt pyproject.toml -o requirements/contracts.txt
printf '%s\n' 'x402[evm,httpx]>=2.25,<2.26' 'coincurve>=21' 'fastapi>=0.115' 'uvicorn[standard]>=0.38' |
  $compile -c requirements/dev.txt - -o requirements/bench.txt
