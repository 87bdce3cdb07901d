#!/bin/sh
# Write the pinned requirements again (needs uv). Every file has the versions of dev.txt, which has them all.
set -eu
cd "$(dirname "$0")/.."
compile="uv pip compile --system-certs --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q"
$compile --extra contracts --extra dev pyproject.toml -o requirements/dev.txt "$@"
$compile -c requirements/dev.txt pyproject.toml -o requirements/server.txt
$compile --extra contracts -c requirements/dev.txt pyproject.toml -o requirements/contracts.txt
