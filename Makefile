# kortkiosk: set up, show, check and test. `make` alone lists the targets.
# PYTHON=/path/to/python3.X chooses the interpreter at setup; ARGS=... is handed to the program of a target.

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench fuzz state-machine interruptions gallery lock clean
MAKEFLAGS += --no-print-directory
PY := .venv/bin/python

# A window takes its options from the program, never from the command line or a file in the home directory.
export KIVY_NO_ARGS := 1
export KIVY_NO_CONFIG := 1

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s  %s\n", $$1, $$2 }' Makefile

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

fuzz: setup ## coverage-guided fuzzing of every parser, FUZZ_SECONDS=120 in all (ARGS="card tlv" for some of them)
	@$(PY) -c 'import atheris' 2>/dev/null || \
		.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	@$(PY) -m fuzz $(ARGS)

state-machine: setup ## random sequences of entries, tears, swaps and restarts, SEQUENCES=10000 of them
	@KORTKIOSK_SEQUENCES=$(or $(SEQUENCES),10000) $(PY) -m pytest tests/drivers/reader/test_state_machine.py $(ARGS)

interruptions: setup ## each card operation torn, pulled and swapped at every exchange, as tables (ARGS="B D" for some kinds)
	@$(PY) -m tests.drivers.reader.interrupted $(ARGS)

gallery: setup ## every screen in every size, theme and language, as pictures
	@.venv/bin/kortkiosk gallery $(ARGS)

lock: setup ## write the locked requirements again (ARGS=--upgrade takes newer versions)
	@scripts/lock.sh $(ARGS)

clean: ## remove what can be made again: environment, caches, demo data
	@rm -rf .venv build dist demo-data htmlcov .coverage ./*.egg-info \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
