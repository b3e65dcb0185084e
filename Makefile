# One command for each thing one does here; everything works as root, without a terminal, twice in a row.
PYTHON := .venv/bin/python

.PHONY: setup demo test check mutants bench-core outgrow

setup:
	@bash scripts/setup

demo: setup
	@$(PYTHON) -m demo

test: setup
	@$(PYTHON) -m pytest

# every deliberate fault in the core must be noticed; make mutants SAMPLE=10 tries ten
mutants: setup
	@$(PYTHON) -m tests.mutants.run --sample $(or $(SAMPLE),0)

# a stack moves to a real Swarm cluster of three nodes, made and removed here; SHORT=1 for the short form
outgrow: setup
	@$(PYTHON) -m tests.outgrow $(if $(SHORT),--short)

bench-core: setup
	@$(PYTHON) -m bench.core

check: setup
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports
