# kortkiosk: set up, show, check and test. `make` alone lists the targets.
# PYTHON=/path/to/python3.X chooses the interpreter at setup; ARGS=... is handed to the program of a target.

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench soak fuzz docs weight audit state-machine interruptions campaign visits blind language refused-walks kill-campaign schemathesis mutants rogue-station removals emulated printer-referee attacks gallery firmware bundle image image-tools image-test lock wheels clean
MAKEFLAGS += --no-print-directory
PY := .venv/bin/python

# A window takes its options from the program, never from the command line or a file in the home directory.
export KIVY_NO_ARGS := 1
export KIVY_NO_CONFIG := 1

# Tests start programs by the hundred: they read compiled modules, also where the environment asks that none be written.
unexport PYTHONDONTWRITEBYTECODE

# Their files lie in memory where there is some for it: else thousands of stores wait for the disk.
export PYTEST_DEBUG_TEMPROOT := $(wildcard /dev/shm)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s  %s\n", $$1, $$2 }' Makefile

setup: ## install what tests and checks lack: Debian packages, the virtual environment, the locked requirements
	@scripts/setup.sh

demo: ## station, bench window and dashboard on made-up cards; without a display, a scripted pick-up in pictures
	@scripts/setup.sh demo
	@.venv/bin/kortkiosk demo $(ARGS)

test: setup ## run all tests in three processes, which wait a good deal (JOBS=1: in one; ARGS="tests/drivers -k pin": some of them)
	@$(PY) -m pytest --numprocesses $(or $(JOBS),3) --dist loadscope --no-loadscope-reorder $(ARGS)

check: setup ## format, lint, types (the firmware's too), import rules
	@$(PY) -m ruff format --quiet --check --diff .
	@$(PY) -m ruff check --quiet --output-format concise .
	@$(PY) -m mypy --no-error-summary
	@said=$$(.venv/bin/lint-imports --no-logo) || { echo "$$said"; exit 1; }
	@scripts/check_firmware.sh
	@echo "Checks are clean."

bench: setup ## measure: how soon, how many, how much
	@$(PY) -m benches $(ARGS)

soak: setup ## a server under 1,000 hasty stations and readers for SOAK_SECONDS=120 (a day: 4320): memory, files, log, times
	@$(PY) -m benches.soak $(or $(SOAK_SECONDS),120)

docs: build/site-tools/made ## the documents as a site to read offline (build/site/index.html), and what is printed as PDFs (build/site/sv)
	@build/site-tools/bin/python -m scripts.docs_site

build/site-tools/made: requirements/docs.txt
	@python3 -m venv --clear build/site-tools
	@build/site-tools/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/docs.txt
	@touch $@

weight: ## lines of each room and words of the documents, beside the last release's
	@$(PY) -m scripts.weight $(ARGS)

audit: setup ## supply chain: static analysis, licences, SBOMs of station and server (build/audit), known vulnerabilities
	@scripts/audit.sh
	@$(PY) scripts/audit.py

fuzz: setup ## coverage-guided fuzzing of every parser, FUZZ_SECONDS=120 in all (ARGS="card tlv" for some of them)
	@$(PY) -c 'import atheris' 2>/dev/null || \
		.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	@$(PY) -m campaigns.fuzz $(ARGS)

mutants: setup ## mutation testing of what must not be wrong, SAMPLE=60 SEED=1 of each module (ARGS="roles codes" for some); goes on
	@test -x build/mutants/tools/bin/python || .venv/bin/python -m venv --clear build/mutants/tools
	@build/mutants/tools/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/mutants.txt
	@nice $(PY) -m campaigns.mutants $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) $(ARGS)

refused-walks: setup ## errands' refusals walked through pcscd on each kind of card, and on one that no profile names; all stories on cards of all shapes
	@KORTKIOSK_REFUSED_WALKS=1 $(PY) -m pytest -n0 tests/e2e/test_refused_walks.py tests/e2e/test_portal_walks.py $(ARGS)
	@KORTKIOSK_EVERY_SHAPE=1 $(PY) -m pytest tests/kiosk/errands/test_shaped_errands.py
	@$(PY) -m tests.fakes.cards.shaped_errands

state-machine: setup ## random sequences of entries, tears, swaps and restarts, SEQUENCES=10000; foreign cards, CARDS=5000 ERRANDS=300
	@KORTKIOSK_SEQUENCES=$(or $(SEQUENCES),10000) $(PY) -m pytest tests/drivers/reader/test_state_machine.py $(ARGS)
	@KORTKIOSK_FOREIGN_ERRANDS=1 $(PY) -m pytest tests/kiosk/errands/test_foreign_errands.py $(ARGS)
	@$(PY) -m tests.fakes.cards.foreign_campaign --cards $(or $(CARDS),5000) --errands $(or $(ERRANDS),300)

interruptions: setup ## each card operation torn, pulled and swapped at every exchange, as tables (ARGS="B D" for some kinds)
	@$(PY) -m tests.drivers.reader.interrupted $(ARGS)

faults: setup ## trouble at each question of each errand, as tables, and a power cut at each of the setup (ARGS="change_pin" for some, FAULTS="pull,disk full")
	@FAULTS="$(FAULTS)" $(PY) -m tests.kiosk.errands.faulty $(ARGS)
	@KORTKIOSK_EVERY_TROUBLE=1 KORTKIOSK_KILL_STEP=1 $(PY) -m pytest tests/kiosk/errands/test_errands.py \
		tests/kiosk/errands/test_pickup_interrupted.py tests/kiosk/errands/test_pickup_killed.py
	@$(PY) -m pytest tests/e2e/installed.py

printer-referee: setup ## what the printer is sent, judged by an independent ESC/POS printer (needs Python 3.13)
	@scripts/printer_referee.sh
	@$(PY) -m pytest tests/drivers/printer/test_referee.py $(ARGS)

attacks: setup ## rogue cards, stations, brokers and people against the whole, one line each (ARGS="-k broker" for some)
	@$(PY) -m pytest --quiet --no-header -p no:cacheprovider --attacks tests/attacks $(ARGS)

rogue-station: setup ## what a dishonest station, one PIN in it and one administrator's log-in do within a minute, as a table (minutes)
	@nice $(PY) -m tests.attacks.running.rogue_station

removals: setup ## defences taken out one at a time, COUNT=6 of them SEED=1 (ARGS=--all, or names): do attacks alone notice?
	@nice $(PY) -m campaigns.removals $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED)) $(ARGS)

campaign: setup ## every single fault, judged: PART=single SEED=1 COUNT=500 JOBS=2, ARGS=ID repeats one case; goes on where it was cut off
	@nice $(PY) -m campaigns.faults $(PART) $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT)) $(if $(JOBS),--jobs $(JOBS)) $(ARGS)

visits: setup ## what visitors leave with, by kind of issuer: VISITS=10000 SEED=1, MIX=FILE, ARGS=--verbose
	@nice $(PY) -m campaigns.visits $(if $(VISITS),--visits $(VISITS)) $(if $(SEED),--seed $(SEED)) $(if $(MIX),--mix $(MIX)) $(ARGS)

blind: setup ## every story of every errand by keypad and speech alone, on the real window (ARGS="TITLE" for some)
	@nice $(PY) -m tests.fakes.screens.blind $(ARGS)

language: setup ## a language pack: whole, and no text of it cut on any panel at any size (ARGS=languages/fi)
	@nice $(PY) -m tests.fakes.screens.pack_fit $(ARGS)

kill-campaign: setup ## server, broker and database killed KILLS=20 times while stations send, then compared (STORE=postgresql, BROKER=rabbitmq)
	@$(PY) -m campaigns.faults.kill_campaign

schemathesis: setup ## `/api/v1` against its own description, fit and unfit requests, ARGS=200 examples of each route
	@nice $(PY) -m tests.fleet.server.app.schema_campaign $(ARGS)

cluster: setup ## three RabbitMQ nodes, PostgreSQL, two workers, two web processes; stations send while one of each is killed
	@$(PY) -m campaigns.faults.cluster_run

emulated: setup ## the cabinet's image on an emulated Pico: a hung program, a silent host, a power cut (minutes)
	@$(PY) -m pytest tests/drivers/cabinet/emulated_long.py $(ARGS)

gallery: setup ## every screen in every size, theme and language, and every page of the dashboard, as pictures
	@KORTKIOSK_PICTURES=$(CURDIR)/gallery/1440x900 $(PY) -m pytest --quiet tests/fleet/server/app/test_page_appearance.py
	@.venv/bin/kortkiosk gallery $(ARGS)

firmware: setup ## the cabinet's image for the Pico, from Debian's sources (ARGS=--keep puts it where tests and `flash` take it)
	@scripts/firmware.sh $(ARGS)

image-tools: ## install what an image is built with, ARCH=amd64 or arm64 (as root; image/debian-packages.txt)
	@image/install_tools.sh $(ARCH)

image: setup image-tools ## the station's disk, ARCH=amd64 or arm64 (as root; minutes; goes on where it was cut off; ACCEPT=1 takes changed packages)
	@nice $(PY) -m image --architecture $(or $(ARCH),amd64) $(if $(ACCEPT),--accept) $(if $(VERSION),--version $(VERSION)) $(if $(SIGNER),--signer $(SIGNER)) $(if $(UPDATE_CA),--update-ca $(UPDATE_CA)) $(if $(SECURE_BOOT_KEYS),--secure-boot-keys $(SECURE_BOOT_KEYS)) $(ARGS)

image-test: image ## that disk started in an emulated PC, or ARCH=arm64, and touched there (many minutes a part; goes on where it was cut off), pictures in build/image/test
	@$(MAKE) $(patsubst %,build/image/test/%.passed,$(if $(filter arm64,$(ARCH)),booted_arm,booted attacked stick secured counted first_start not_opened damaged installed renewed updated cut))

build/image/test/%.passed: tests/image/%.py build/image/$(or $(ARCH),amd64)/kortkiosk-$(or $(ARCH),amd64).img
	@mkdir -p $(@D)
	@nice $(PY) -m pytest -n0 -p no:cacheprovider $< $(ARGS)
	@touch $@

bundle: setup ## a signed update bundle of an image (ARGS: those of kortkiosk-provision bundle, see docs/updates.md)
	@.venv/bin/kortkiosk-provision bundle $(ARGS)

lock: setup ## write the locked requirements again (ARGS=--upgrade takes newer versions)
	@scripts/lock.sh $(ARGS)

wheels: setup ## the wheels of release VERSION=0.1.0, built from its commit (build/releases)
	@$(PY) -m scripts.releases $(VERSION)

clean: ## remove what can be made again: environment, caches, demo data
	@rm -rf .venv build dist demo-data htmlcov .coverage ./*.egg-info \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
