# Paddock. `make demo` shows it, `make test` proves it; each target makes the environment it needs.
.DEFAULT_GOAL := help
.PHONY: help setup demo tour test check check-static check-contracts bench bench-privacy soak mutation up down compose-test scale-test format clean
export GOAL = $(firstword $(MAKECMDGOALS))
PY := .venv/bin/python

help:            ## show this list
	@grep -E '^[a-z-]+: .*##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

setup:           ## make .venv and node_modules, from pinned versions
	@sh scripts/setup.sh

demo: setup      ## run the whole loop and leave the marketplace up (DEMO_EXIT=1 ends it after the loop)
	@$(PY) -m scripts.demo

tour: setup      ## buy one of everything on sale, by the commands that anybody may type, and account for it
	@$(PY) -m scripts.tour

test: setup      ## every test that needs only Python and Node
	$(PY) -m pytest

check: check-static test ## format, lint, types, import rules, limits, tests

check-static: setup ## the part of check that runs no test
	.venv/bin/ruff format --check --quiet protocol server agent scripts tests
	.venv/bin/ruff check --quiet protocol server agent scripts tests
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PY) -m scripts.limits

check-contracts: setup ## the contracts' suites, the battery, their coverage, a million random calls, slither, and every guard's test (an hour)
	$(PY) -m pytest tests/contracts
	$(PY) -m scripts.proof.coverage
	FOUNDRY_PROFILE=deep $(PY) -m scripts.solc.foundry test --match-path 'tests/contracts/forge/invariant/*'
	$(PY) -m scripts.proof.slither
	$(PY) -m scripts.proof.mutants

bench: setup     ## measure beside the official SDKs, on one core (ONLY=P1 takes one figure)
	@$(PY) -m scripts.bench $(if $(ONLY),--only $(ONLY))

bench-privacy: setup ## how much of what is personal the agent's filter finds, by label, and how long it takes
	@$(PY) -m tests.privacy

soak: setup      ## kill -9 of every process at every point, 50 seeds each (DATABASE, SEEDS and POINTS choose)
	@$(PY) -m tests.soak

mutation: setup  ## disable defences of the payment core one at a time: do tests notice? (SAMPLE, SEED and ONLY choose)
	@$(PY) -m tests.mutation

up: setup        ## the stack in the background; writes var/stack.json
	@$(PY) -m scripts.stack up

down:            ## end what `make up` started
	@$(PY) -m scripts.stack down

compose-test: setup ## `docker compose up` to the end of the loop, on the engine that DOCKER_HOST names
	@$(PY) -m scripts.compose_test

scale-test: setup ## several of each process in Compose, one of each kind killed under load (SEED, PURCHASES, PAYERS and ROUNDS choose)
	@$(PY) -m tests.scale

format: setup    ## put the code into its format
	.venv/bin/ruff check --fix --quiet protocol server agent scripts tests
	.venv/bin/ruff format --quiet protocol server agent scripts tests

clean: down      ## remove everything that was made here
	rm -rf .venv node_modules tests/e2e/clients/node_modules var deployments/31337.json
