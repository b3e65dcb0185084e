# One command for each thing one does here; everything works as root, without a terminal, twice in a row.
PYTHON := .venv/bin/python

.PHONY: setup demo test check bench-core bench-network proof

setup:
	@bash scripts/setup

demo: setup
	@$(PYTHON) -m demo

test: setup
	@$(PYTHON) -m pytest

bench-core: setup
	@$(PYTHON) -m bench.core

bench-network: setup
	@$(PYTHON) -m bench.network

proof: setup
	@$(PYTHON) -m proof $(PROOF)

check: setup
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports
