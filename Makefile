# Needs python3 (3.11 or later), make and a package index; sets up everything else in .venv, once.

PYTHON ?= python3
BENCH  ?= full
ARGS   ?=

BIN   := .venv/bin
READY := .venv/.ready
PIP   := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq

export NO_MKDOCS_2_WARNING := 1

define CHECK_PYTHON
@command -v $(PYTHON) >/dev/null 2>&1 || { echo "$(PYTHON) not found: Python 3.11 or later is needed" >&2; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo "$(PYTHON) is $$($(PYTHON) --version 2>&1): 3.11 or later is needed, say make PYTHON=python3.11" >&2; exit 1; }
endef

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-long check format bench docs lock clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1~/p' $(firstword $(MAKEFILE_LIST)) | awk -F '~' '{ printf "%-18s %s\n", $$1, $$2 }'

demo: $(READY) ## Prove and verify a margin claim, with every step shown
	@$(BIN)/zkmargin demo $(ARGS)

test: $(READY) ## Run the fast tests (ARGS="-k name" for some of them)
	@$(BIN)/python -m pytest $(ARGS)

test-long: $(READY) ## Run the slow tests, and every law on many more inputs
	@$(BIN)/python -m pytest -m "long or hypothesis" --hypothesis-profile=long --timeout=900 $(ARGS)

check: $(READY) ## Check style, types, direction of imports and the documentation
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy --strict zkmargin circuits verifier_api
	$(BIN)/lint-imports --no-logo
	$(BIN)/mkdocs build --strict # never with --quiet: it silences the warnings that --strict counts

format: $(READY) ## Put the code into the house format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

bench: $(READY) ## Measure the proofs (BENCH=smoke for the reference workload alone)
ifeq ($(BENCH),smoke)
	@$(BIN)/zkmargin bench --workload W --json $(ARGS)
else
	@$(BIN)/zkmargin bench $(ARGS)
	@$(BIN)/python -m pytest benchmarks -o addopts= --import-mode=importlib --benchmark-only
endif

docs: $(READY) ## Build the documentation into build/site
	@$(BIN)/mkdocs build --strict

# Only wheels, only the locked versions, only the locked bytes; the project itself is built with the locked builder.
$(READY): requirements.lock pyproject.toml
	$(CHECK_PYTHON)
	@echo "Setting up .venv: a minute or two, once ..."
	@$(PYTHON) -m venv .venv
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# The resolver reads its index from UV_DEFAULT_INDEX, not from the configuration of pip. Locked versions stay unless
# ARGS=--upgrade, or ARGS="--upgrade-package NAME".
lock: ## Lock the dependencies again after a change in pyproject.toml
	$(CHECK_PYTHON)
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip --disable-pip-version-check -qq install "uv>=0.5,<1"
	@build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	  --only-binary :all: --no-annotate --custom-compile-command "make lock" --extra dev $(ARGS) \
	  --output-file requirements.lock pyproject.toml

clean: ## Remove everything that make and the tools have made
	@rm -rf .venv build dist site .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
