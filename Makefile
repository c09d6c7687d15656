# Shortcuts for those who work on apilog; CONTRIBUTING.md says more. `make` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup test test-all coverage lint types docs bench

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make the virtual environment, with the versions that are known to work together
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -e '.[dev]' -c constraints.txt

test: ## Run the tests of every kind; long variations are left out
	$(BIN)/pytest -n auto

test-all: ## Run all tests, long variations too
	$(BIN)/pytest -n auto -m 'not benchmark'

coverage: ## Run the tests and print which branches they leave out
	$(BIN)/pytest -n auto --cov --cov-report=term:skip-covered

lint: ## Check style, formatting and the layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: ## Check the types of the package and of its tests
	$(BIN)/mypy

docs: ## Write the generated parts of the documentation anew
	$(BIN)/python -m tests.make_docs

bench: ## Compare the speed of a report with that of DuckDB and of a plain scan
	$(BIN)/python tests/benchmarks/report.py
