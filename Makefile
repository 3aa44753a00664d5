# `make help` lists the targets. Everything here is a short form of the commands in the README.
SHELL := bash
PYTHON ?= python3.11
BIN := $(CURDIR)/.venv/bin
RUN := $(BIN)/onboarding-health
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

RAW ?=
CONNECTOR ?=
SOURCE ?=
ACCOUNTS ?= 500
DAYS ?= 730
SEED ?= 7
HORIZON ?= 30
SEND ?=
# The unit tests are for who changes the project: `make test` runs them.
SELECTION := --selector nightly

# A connector brings its own opinions, if it has any, and warehouse; the summary, the digest and the sync of it want the same.
ifneq ($(CONNECTOR),)
ifneq ($(wildcard connectors/$(CONNECTOR)/opinions),)
export ONBOARDING_HEALTH_OPINIONS := connectors/$(CONNECTOR)/opinions
endif
export ONBOARDING_HEALTH_WAREHOUSE ?= $(subst +,_,$(CONNECTOR)).duckdb
endif
export ONBOARDING_HEALTH_WAREHOUSE ?= onboarding_health.duckdb

HISTORY ?= history.duckdb

streams := $(if $(CONNECTOR),--connector '$(CONNECTOR)') $(if $(SOURCE),--source '$(SOURCE)') $(if $(RAW),--raw '$(RAW)')
company := --accounts $(ACCOUNTS) --days $(DAYS) --seed $(SEED)

.PHONY: help build replay summary dashboard report digest train-weights sync test test-all test-spark test-postgres lint docs site clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16
	@echo
	@echo 'make build                                   the demo company (ACCOUNTS=500 DAYS=730 SEED=7)'
	@echo 'make build RAW=path                          your own streams, path/<stream>/*.parquet'
	@echo 'make build CONNECTOR=ravenstack SOURCE=path  somebody else'"'"'s tables, by a connector'

build: .venv/installed  ## Install, make or find the raw streams, build everything, print a summary
ifneq ($(CONNECTOR)$(RAW),)
	@$(RUN) build $(streams) $(SELECTION)
else
	@$(RUN) demo $(company) $(SELECTION)
endif

replay: .venv/installed  ## Build the past in order into HISTORY=history.duckdb: is the score good as it was known then
	@ONBOARDING_HEALTH_WAREHOUSE='$(HISTORY)' $(RUN) replay $(streams) $(company)
	@ONBOARDING_HEALTH_WAREHOUSE='$(HISTORY)' $(RUN) summary

summary: .venv/installed  ## Print the summary of the last build
	@$(RUN) summary

dashboard: .venv/dashboard  ## Serve pages of the published marts on 127.0.0.1: today, account, executive, revenue operations, what if
	@$(RUN) dashboard

report: .venv/dashboard  ## Write report.html, one file with the charts of the pages and today's first accounts
	@$(RUN) report

digest: .venv/installed  ## Write a page per owner of accounts into digests/: what to do today, what changed and why
	@$(RUN) digest

train-weights: .venv/weights  ## Propose weights learned from the last build, in candidate/, for a pull request
	@$(RUN) train-weights --horizon $(HORIZON) --opinions $(or $(ONBOARDING_HEALTH_OPINIONS),seeds)

sync: .venv/delivery  ## Show what changed since it was last acknowledged; SEND=yes sends it
	@$(RUN) sync $(if $(filter yes,$(SEND)),--send)

test: CHOSEN := -m 'not slow'
test: test-all  ## Lint, build a small demo of its own with all dbt tests, judge its manifest, run pytest but its slow tests

test-all: .venv/dev  ## The same with the slow tests
	@$(MAKE) --no-print-directory lint
	@ONBOARDING_HEALTH_WAREHOUSE=test.duckdb $(RUN) demo --accounts 200 --days 365 --raw raw_test
	@$(BIN)/dbt-score lint
	@$(BIN)/dbt-bouncer run
	@PUBLISHED_DEMO=test.duckdb $(BIN)/python -m pytest --numprocesses auto --dist loadfile $(CHOSEN)

test-spark: .venv/spark  ## Build on Spark, in this process, and compare each row with DuckDB (Java 17 or 21; NIGHTS=1 is the shortest)
	@$(BIN)/python -m pytest python_tests/spark

test-postgres: .venv/postgres  ## Build on the Postgres of the postgres target and compare each row with DuckDB
	@$(BIN)/python -m pytest python_tests/postgres

lint: .venv/dev  ## ruff, mypy and sqlfluff
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python lint

docs: .venv/installed  ## One offline page of documentation: target/static_index.html
	@$(BIN)/dbt docs generate --static --quiet

site: .venv/site  ## The pages of docs/ as a site: target/site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

clean:  ## Remove what a build made; raw events and the environment stay
	rm -rf target logs *.duckdb *.duckdb.wal published published_* spark_warehouse

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -m venv .venv
	@$(PIP) --editable .
	@touch $@

.venv/weights .venv/delivery .venv/dashboard .venv/site .venv/dev: .venv/installed
	@$(PIP) --editable '.[$(@F)]'
	@touch $@

# Both engines are tested by the same tests.
.venv/spark .venv/postgres: .venv/dev
	@$(PIP) --editable '.[dev,$(@F)]'
	@touch $@
