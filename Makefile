# `make` lists the targets. Python 3.11 to 3.13, make and git are enough: everything else is installed
# into .venv from the hashed locks in requirements/, or by infra/install-debian-packages.

PYTHON ?= python3
ARGS   ?=
TESTS  ?=

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.stamp
# All tests: on every core, each file on one of them. Some tests: in one process, as a debugger wants it.
SHARED := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
CODE  := trustwright tasks flows deployments tests bench demo requirements

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test pythons check lint types imports locks bench up down lock format clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; \
	  do printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: $(STAMP) ## make .venv from the locks (every other target does it by itself)
	@:

$(STAMP): requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "Trustwright needs Python 3.11, 3.12 or 3.13; '$(PYTHON)' is $$($(PYTHON) -V 2>&1 || true). Name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "setup: virtual environment"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "'$(PYTHON) -m venv' failed; on Debian it needs the package python3-venv." >&2; exit 2; }
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/bootstrap.txt
	@echo "setup: dependencies, pinned and hashed"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@echo "setup: trustwright, editable"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## two environments on this machine, from an empty root to real handshakes (ARGS=…)
	@infra/install-debian-packages demo
	@$(BIN)/python -m demo $(ARGS)

test: $(STAMP) ## all tests, or some of them (TESTS="tests/unit -k digest")
	@infra/install-debian-packages demo tests
	@$(BIN)/pytest $(or $(TESTS),$(SHARED))

pythons: $(STAMP) ## unit and property tests under each of Python 3.11 to 3.13 that is here (TESTS=…)
	@requirements/pythons $(TESTS)

check: lint types imports locks ## lint, format, types, import contracts, locks

lint: $(STAMP)
	@echo "check: lint"
	@$(BIN)/ruff check --quiet .
	@echo "check: format"
	@$(BIN)/ruff format --quiet --check .
	@echo "check: spelling"
	@$(BIN)/codespell $(CODE) docs infra *.md

types: $(STAMP)
	@echo "check: types"
	@$(BIN)/mypy --no-error-summary

imports: $(STAMP)
	@echo "check: import contracts"
	@log=$$(mktemp); $(BIN)/lint-imports >"$$log" 2>&1 || { cat "$$log" >&2; rm -f "$$log"; exit 1; }; rm -f "$$log"

locks: $(STAMP)
	@echo "check: locks"
	@$(BIN)/python requirements/lock.py --check

bench: $(STAMP) ## times and throughput, measured on this machine (ARGS=…)
	@$(BIN)/python -m bench $(ARGS)

up: $(STAMP) ## start OpenBao and Prefect on this machine (ARGS=…)
	@$(BIN)/trustwright up $(ARGS)

down: $(STAMP) ## stop what `make up` started (ARGS=…)
	@$(BIN)/trustwright down $(ARGS)

lock: $(STAMP) ## resolve the dependencies again (ARGS=--upgrade takes the newest)
	@$(BIN)/python requirements/lock.py $(ARGS)

format: $(STAMP) ## format and mend what can be mended
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

clean: ## remove the virtual environment and what was built or cached
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
