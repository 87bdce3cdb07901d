#!/bin/sh
# Make the project's own environment: .venv from pinned requirements, node_modules from the lock file.
# Asks only for Python 3.11-3.13 and Node 20 or newer, and says what it is doing.
set -eu
cd "$(dirname "$0")/.."

say() { printf '  %s\n' "$*"; }
fail() { printf '\npaddock: %s\n' "$*" >&2; exit 1; }

usable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1; }

find_python() {
  for candidate in ${PYTHON:-} python3.12 python3.11 python3.13 python3; do
    if usable "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  found=$(python3 --version 2>/dev/null || echo "no python3 at all")
  fail "Python 3.11, 3.12 or 3.13 with venv is needed; this machine has $found.
  Install one (Debian: apt-get install python3.11-venv; macOS: brew install python@3.12),
  or name one: make $GOAL PYTHON=/path/to/python3.12"
}

check_node() {
  command -v node >/dev/null 2>&1 || fail "Node 20 or newer is needed (devnet and compiler come from npm) and there is none.
  Install it (Debian: apt-get install nodejs npm; macOS: brew install node) and run make $GOAL again."
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || fail "Node 20 or newer is needed; this machine has $(node --version). Install a newer one."
  command -v npm >/dev/null 2>&1 || fail "npm is missing; it usually comes with Node (Debian: apt-get install npm)."
}

install_node_modules() {
  if ! cmp -s "$1/package-lock.json" "$1/node_modules/.installed" 2>/dev/null; then
    check_node
    say "$2 ($(node --version)) ..."
    (cd "$1" && npm ci --silent --no-audit --no-fund $3)
    cp "$1/package-lock.json" "$1/node_modules/.installed"
  fi
}

GOAL=${GOAL:-demo}
started=$(date +%s)

if ! cmp -s requirements/dev.txt .venv/.installed 2>/dev/null; then
  python=$(find_python)
  say "Python packages into .venv ($("$python" --version), pinned by hash; about a minute) ..."
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
  cp requirements/dev.txt .venv/.installed
fi

install_node_modules . "devnet, compiler and contract library into node_modules" ""
case $GOAL in
  setup | test | check) install_node_modules tests/e2e/clients "official x402 clients and servers for the tests" --ignore-scripts ;;
esac

elapsed=$(($(date +%s) - started))
[ "$elapsed" -lt 3 ] || say "environment ready after ${elapsed} s"
