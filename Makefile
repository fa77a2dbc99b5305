# `make run` and `make test` set up everything they need; the rest is for those who change the code.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
TEST_PROCESSES ?= 3
CATALOGS := $(patsubst %.po,%.mo,$(wildcard almoner/shell/locale/*/LC_MESSAGES/django.po))

.PHONY: run test check format bench faults tour requirements clean frontend chromium gettext messages

run: $(STAMP) frontend $(CATALOGS)
	@exec $(BIN)/almoner up

test: $(STAMP) frontend $(CATALOGS) chromium gettext
	$(BIN)/python -W ignore::UserWarning -m pytest -n $(TEST_PROCESSES) --dist worksteal

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/almoner check-migrations
	$(BIN)/almoner openapi --check

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# Takes the pictures of docs/tour.md anew.
tour: $(STAMP) frontend chromium
	ALMONER_TOUR=docs/images/tour $(BIN)/python -W ignore::UserWarning -m pytest tests/browser/test_tour.py -n 2

faults: $(STAMP)
	$(BIN)/python -m benchmarks.faults
	$(BIN)/python -m benchmarks.faults --nights

# Brings the translators' files up to date with the texts of the code.
messages: $(STAMP) gettext
	$(BIN)/python -W ignore -m tests.support.messages

# Pins every requirement to the versions that were tested; lock files name no registry.
requirements: $(STAMP)
	for name in base dev; do \
	    $(BIN)/uv pip compile -q --upgrade --no-emit-index-url --no-emit-find-links --no-header \
	        --python-version 3.11 requirements/$$name.in -o requirements/$$name.txt; \
	done

$(STAMP): requirements/dev.txt pyproject.toml
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv 2>/dev/null \
	    || (echo "Installing Debian's venv" && apt-get update -qq && apt-get install -y -qq python3-venv \
	        && $(PYTHON) -m venv --clear .venv)
	@echo "Installing the pinned requirements"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

frontend: $(STAMP)
	@$(BIN)/python frontend/build.py

%.mo: %.po | $(STAMP)
	@$(BIN)/pybabel -q compile --input-file $< --output-file $@

chromium:
	@test -x /usr/bin/chromium || (echo "Installing Chromium for the browser tests" \
	    && apt-get update -qq && apt-get install -y -qq chromium)

gettext:
	@test -x /usr/bin/xgettext || (echo "Installing gettext, which finds the texts to translate" \
	    && apt-get update -qq && apt-get install -y -qq gettext)

clean:
	rm -rf .venv .almoner frontend/node_modules almoner/shell/static/dist
