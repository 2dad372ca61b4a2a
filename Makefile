# One command for each thing a newcomer wants to do. Works with GNU make 3.81 (macOS) and newer.
#
#   make run      installs what is missing, starts everything on this machine, prints the URL
#   make test     the static checks and all tests that CI runs
#   make help     the other commands

.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin

# Any of these will do, the plain name first; `make install PYTHON=/path/to/python` overrides the search.
PYTHON_CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
ifndef PYTHON
PYTHON := $(shell for p in $(PYTHON_CANDIDATES); do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
endif

PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet
UV_LOCK := $(BIN)/uv pip compile pyproject.toml --group build --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --custom-compile-command "make lock" --quiet

# Stamps are files inside the environment, so that removing it removes them too.
CREATED := $(VENV)/.created
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
PROJECT := $(VENV)/.project

# Two installations into one environment at a time would break it.
.NOTPARALLEL:

.PHONY: help install run test check bench crash money fuzz nemesis mutations simulate bench-cluster rolling image churn soak screenshots schema lock clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*##/ :/' | awk -F' : ' '{printf "  make %-13s %s\n", $$1, $$2}'

install: $(RUNTIME) $(PROJECT)  ## creates .venv and installs the locked dependencies and the project
	@echo "installed; make run starts it"

run: $(RUNTIME) $(PROJECT)  ## starts everything on this machine, prints the URL
	@$(BIN)/ticketing serve

test: check  ## the static checks, then all tests that CI runs
	@$(BIN)/pytest

check: $(DEVELOPMENT) $(PROJECT)  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(DEVELOPMENT) $(PROJECT)  ## the benchmarks, with their peers, as tables
	@$(BIN)/python -m benchmarks

crash: $(DEVELOPMENT) $(PROJECT)  ## the long crash rounds
	@$(BIN)/pytest tests/crash -m crash -s

money: $(DEVELOPMENT) $(PROJECT)  ## 500 purchases under every fault at once, and the race of 400 against the clock
	@$(BIN)/pytest tests/money -m money -s

# Another length than ten minutes: make fuzz SECONDS=60; another course: TICKETING_FUZZ_SEED=2 make fuzz
fuzz: $(DEVELOPMENT) $(PROJECT)  ## the API asked for whatever its description allows, and for what it does not
	@TICKETING_FUZZ_SECONDS=$(or $(SECONDS),600) TICKETING_FUZZ_SOCKETS=4000 \
		$(BIN)/pytest tests/fuzz/test_api.py tests/functional/test_live_fuzz.py -s

bench-cluster: $(DEVELOPMENT) $(PROJECT)  ## several processes against one, and what faults among them cost clients
	@$(BIN)/python -m benchmarks.cluster

rolling: $(DEVELOPMENT) $(PROJECT)  ## restarts every role twice under 200 orders a second: nobody may notice
	@$(BIN)/python -m benchmarks.rolling

image: $(DEVELOPMENT) $(PROJECT)  ## builds the image by the Dockerfile and runs every role in it (Debian, as root)
	@$(BIN)/pytest tests/ship -m image -s

# Another length than ten minutes: make nemesis SECONDS=60
nemesis: $(DEVELOPMENT) $(PROJECT)  ## three nodes, sixteen clients and every fault for ten minutes: no answer may be wrong
	@TICKETING_NEMESIS_SECONDS=$(or $(SECONDS),600) $(BIN)/pytest tests/cluster -m nemesis -s

mutations: $(DEVELOPMENT) $(PROJECT)  ## takes out each protection in turn: the nemesis must notice
	@$(BIN)/python -m tests.cluster.mutations

# One seed again: make simulate SEED=7; the bugs that it has to find: make simulate PLANTED=1
simulate: $(DEVELOPMENT) $(PROJECT)  ## 200 seeds of three nodes, people and every fault in virtual time; SEEDS=20: fewer
	@$(BIN)/python -m tests.simulation.run --seeds $(or $(SEEDS),200) $(if $(SEED),--seed $(SEED)) $(if $(PLANTED),--planted) \
		$(if $(SMALL),--small) $(if $(VISITS),--visits $(VISITS)) $(if $(SPELLS),--spells $(SPELLS)) $(if $(OFF),--off $(OFF))

churn: $(DEVELOPMENT) $(PROJECT)  ## ten minutes of actors that come and go: memory must stay flat
	@$(BIN)/python -m benchmarks.churn

# As one process: make soak MINUTES=5 SERVICES=all; as others: SERVICES=gateway+auth,tickets,...+...
soak: $(DEVELOPMENT) $(PROJECT)  ## mixed traffic and faults for MINUTES=30: nothing grows, nothing is lost
	@$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),30) $(if $(SERVICES),--roles $(SERVICES))

screenshots: $(DEVELOPMENT) $(PROJECT)  ## pictures of every page in screenshots/ (needs Chromium); README=1: those of the README too
	@$(BIN)/python -m tests.browser.screenshots $(if $(README),--readme)

schema: $(DEVELOPMENT) $(PROJECT)  ## writes migrations/schema.sql anew from the numbered migrations
	@$(BIN)/python -m migrations schema

# The locks name packages and hashes, never the host that they came from.
lock: $(DEVELOPMENT)  ## resolves the dependencies anew (needs the network)
	@test -x $(BIN)/uv || $(PIP_INSTALL) uv
	$(UV_LOCK) $(LOCK_OPTIONS) --output-file requirements.lock
	$(UV_LOCK) $(LOCK_OPTIONS) --extra otel --group dev --constraints requirements.lock --output-file requirements-dev.lock
	@! grep -nE '://|--(extra-)?index|--find-links' requirements.lock requirements-dev.lock

clean:  ## removes .venv and caches; the data in ./var stays
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find actors ticketing web migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(CREATED):
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found (tried: $(PYTHON_CANDIDATES));" \
		"install one, or name it: make install PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: expected Python 3.11 or newer, got $$("$(PYTHON)" --version 2>&1) from $(PYTHON)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) cannot create environments;" \
		"on Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(RUNTIME): requirements.lock $(CREATED)
	$(PIP_INSTALL) --require-hashes --no-deps -r requirements.lock
	@touch $@

$(DEVELOPMENT): requirements-dev.lock $(CREATED)
	$(PIP_INSTALL) --require-hashes --no-deps -r requirements-dev.lock
	@touch $@ $(RUNTIME)

# `compat` puts the project folder itself on the path: a package that is added later is found without a new install.
$(PROJECT): pyproject.toml $(CREATED) | $(RUNTIME)
	$(PIP_INSTALL) --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	@touch $@
