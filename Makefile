# kortkiosk: set up, show, check and test. `make` alone lists the targets.
# PYTHON=/path/to/python3.X chooses the interpreter at setup; ARGS=... is handed to the program of a target.

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench gallery lock clean
MAKEFLAGS += --no-print-directory
PY := .venv/bin/python

# A window takes its options from the program, never from the command line or a file in the home directory.
export KIVY_NO_ARGS := 1
export KIVY_NO_CONFIG := 1

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s  %s\n", $$1, $$2 }' Makefile

setup: ## install what is missing: Debian packages, the virtual environment, the locked requirements
	@scripts/setup.sh

demo: setup ## station, bench window and dashboard on made-up cards; without a display, a scripted pick-up in pictures
	@.venv/bin/kortkiosk demo $(ARGS)

test: setup ## run all tests (ARGS="tests/drivers -k pin" for some of them)
	@$(PY) -m pytest $(ARGS)

check: setup ## format, lint, types, import rules, lengths of files
	@$(PY) -m ruff format --quiet --check --diff .
	@$(PY) -m ruff check --quiet --output-format concise .
	@$(PY) -m mypy --no-error-summary
	@said=$$(.venv/bin/lint-imports --no-logo) || { echo "$$said"; exit 1; }
	@$(PY) scripts/check_lengths.py
	@echo "Checks are clean."

bench: setup ## measure: how soon, how many, how much
	@$(PY) -m benches $(ARGS)

gallery: setup ## every screen in every size, theme and language, as pictures
	@.venv/bin/kortkiosk gallery $(ARGS)

lock: setup ## write the locked requirements again (ARGS=--upgrade takes newer versions)
	@scripts/lock.sh $(ARGS)

clean: ## remove what can be made again: environment, caches, demo data
	@rm -rf .venv build dist demo-data htmlcov .coverage ./*.egg-info \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
