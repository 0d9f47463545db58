# What a newcomer and a contributor type. `make run` and `make test` need Python 3.11-3.13, make and a package index.

VENV ?= .venv
PORT ?= 8000
ARGS ?=
BIN := $(VENV)/bin
export PORT

# The first Python that fits, whatever it is called here; TensorFlow has no wheels for others.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	if $$name -c '$(FITS)' >/dev/null 2>&1; then echo $$name; break; fi; done)

.PHONY: help run test lint format types contracts schema lock messages bench train clean

help:
	@echo "make run        start Isoline on http://localhost:$(PORT) (PORT=... for another port)"
	@echo "make test       set up and run the tests (ARGS='tests/accounts -x' for some of them)"
	@echo "make lint types contracts    the checks that CI makes beside the tests"
	@echo "make bench      measure speed and memory against the reference path"
	@echo "make train      train the shipped model's trace network (ARGS='FOLDER ...' for python -m ml train-traces)"
	@echo "make messages   collect the strings for translation (locale/) and compile them"
	@echo "make lock       make requirements*.txt from requirements*.in"
	@echo "make clean      remove the virtual environment and caches; var/, with its pages, stays"

define check_python
@test -n "$(PYTHON)" && $(PYTHON) -c '$(FITS)' 2>/dev/null || { \
	echo "Isoline needs Python 3.11, 3.12 or 3.13. Install one, or say where it is: make $@ PYTHON=/path/to/python3.12" >&2; exit 1; }
endef

# $(call install,name,requirements files): only when a lock file changed since the last time.
define install
@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	echo "Creating a virtual environment in $(VENV) ..."; \
	$(PYTHON) -m venv --clear $(VENV) || { echo "This Python cannot create virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; }
@cat $(2) > $(VENV)/wanted-$(1).txt
@cmp -s $(VENV)/wanted-$(1).txt $(VENV)/installed-$(1).txt || { \
	echo "Installing pinned requirements; the first time takes a few minutes ..."; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes $(foreach file,$(2),-r $(file)) \
	&& mv $(VENV)/wanted-$(1).txt $(VENV)/installed-$(1).txt; }
endef

run:
	$(check_python)
	@$(PYTHON) ecgsite/ports.py "$(PORT)"
	$(call install,run,requirements.txt)
	@DJANGO_SETTINGS_MODULE=ecgsite.settings.local exec $(BIN)/python manage.py run_local --port "$(PORT)"

.PHONY: dev
dev:
	$(check_python)
	$(call install,dev,requirements.txt requirements-lab.txt requirements-dev.txt)

# All of them in two processes; see ByFolder in tests/conftest.py.
test: dev
	@$(BIN)/python -m pytest $(or $(ARGS),-n 2 --no-loadscope-reorder)

lint: dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: dev
	@$(BIN)/mypy

contracts: dev
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python manage.py makemigrations --check --dry-run --settings ecgsite.settings.test

schema: dev
	@$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null --settings ecgsite.settings.test

COMPILE := $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes

lock: dev
	@$(COMPILE) requirements.in -o requirements.txt $(ARGS)
	@$(COMPILE) requirements-lab.in -o requirements-lab.txt $(ARGS)
	@$(COMPILE) requirements-dev.in -o requirements-dev.txt $(ARGS)

# Needs GNU gettext; both files are kept in the repository, so that nobody else does.
messages: dev
	@$(BIN)/python manage.py makemessages -l de --no-obsolete --no-location --no-wrap --settings ecgsite.settings.test \
		--ignore $(VENV) --ignore tests --ignore var --ignore bench --ignore runs
	@$(BIN)/python manage.py compilemessages -l de --ignore $(VENV) --settings ecgsite.settings.test

bench: dev
	@$(BIN)/python -m bench $(ARGS)

train: dev
	@$(BIN)/python -m ml train-traces $(ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
