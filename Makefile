# Cloudtill's commands. Needs Python 3.11 or newer, make and a package registry; nothing else, not even root.

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
ONLY ?=

.PHONY: help demo up test lint bench shots audit constraints

# Every purpose has a state folder of its own: database, queue, logs, secrets.
demo: export CLOUDTILL_STATE := $(CURDIR)/var/demo
up: export CLOUDTILL_STATE := $(CURDIR)/var/up
test: export PYTHONDONTWRITEBYTECODE := # workers and the many processes they start need not compile all anew
test lint: export CLOUDTILL_STATE := $(CURDIR)/var/test
bench: export CLOUDTILL_STATE := $(CURDIR)/var/bench
shots: export CLOUDTILL_STATE := $(CURDIR)/var/shots

help: ## Show these lines
	@awk -F ':.*## ' '/^[a-z.]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Carry orders from the shop page to the issued invoice, print what happened, stop
	$(PYTHON) -m config.demo

up: $(READY) ## Run everything with demo data until Ctrl-C; data survives in var/up
	$(PYTHON) manage.py up

test: lint ## Run lint, types, import contracts, migrations check and every test
	$(PYTHON) -m pytest -n 2

lint: $(READY) ## Run everything of `test` but the tests themselves
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	DJANGO_SETTINGS_MODULE=config.settings_test $(PYTHON) manage.py makemigrations --check --dry-run

bench: $(READY) ## Measure how fast it is, as JSON lines; ONLY=billing measures what begins so
	$(PYTHON) -m benchmarks $(ONLY)

shots: $(READY) ## Take screenshots of the pages, desktop and phone, into var/shots
	$(PYTHON) -m tests.browser.shots

audit: $(READY) ## Look for known holes in the pinned dependencies
	$(VENV)/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

constraints: ## Renew constraints.txt with the newest versions that pyproject.toml allows
	rm -rf var/constraints && $(FIND_PYTHON) && "$$python" -m venv var/constraints
	var/constraints/bin/pip install --quiet --upgrade -e '.[dev]'
	var/constraints/bin/pip freeze --exclude-editable > constraints.txt
	rm -rf var/constraints

.venv: $(READY) ## Set up the virtual environment; again only when pyproject.toml or constraints.txt has changed

# A stamp instead of the folder: an installation that was interrupted is not taken for a finished one.
$(READY): pyproject.toml constraints.txt
	@$(FIND_PYTHON); "$$python" -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt -e '.[dev]'
	@touch $@

FIND_PYTHON = for python in python3.11 python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; done; \
	test -n "$$python" || { echo 'Cloudtill needs Python 3.11 or newer.' >&2; exit 1; }
