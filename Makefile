# `make help` lists the targets. Everything here is a short form of the commands in the README.
SHELL := bash
PYTHON ?= python3.11
BIN := $(CURDIR)/.venv/bin

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

ifneq ($(CONNECTOR),)
streams := $(CURDIR)/raw_$(CONNECTOR)
export ONBOARDING_HEALTH_OPINIONS := connectors/$(CONNECTOR)/opinions
export ONBOARDING_HEALTH_WAREHOUSE ?= $(CONNECTOR).duckdb
else
streams := $(or $(RAW),raw)
export ONBOARDING_HEALTH_WAREHOUSE ?= onboarding_health.duckdb
endif

HISTORY ?= history.duckdb

.PHONY: help build replay streams summary digest calibrate sync test test-spark test-postgres lint docs clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16
	@echo
	@echo 'make build                                   the demo company (ACCOUNTS=500 DAYS=730 SEED=7)'
	@echo 'make build RAW=path                          your own streams, path/<stream>/*.parquet'
	@echo 'make build CONNECTOR=ravenstack SOURCE=path  somebody else'"'"'s tables, by a connector'

# The team of the demo has been asked since July.
comma := ,
asked := $(if $(CONNECTOR)$(RAW),,$(comma) tasks_from: '2025-07-01')

build: streams  ## Install, make or find the raw streams, build everything, print a summary
	@echo 'Building the marts from $(streams)'
	@$(BIN)/python analyses/build.py $(SELECTION) --vars "{raw_path: '$(streams)'$(asked)}"

streams: .venv/installed
ifneq ($(CONNECTOR),)
	@test -n '$(SOURCE)' || { echo 'Say where the tables are: make build CONNECTOR=$(CONNECTOR) SOURCE=<folder>'; exit 2; }
	@test -d connectors/$(CONNECTOR)/models || { echo 'No connector $(CONNECTOR). There are: $(notdir $(patsubst %/models/,%,$(wildcard connectors/*/models/)))'; exit 2; }
	@cd connectors/$(CONNECTOR) && SOURCE='$(abspath $(SOURCE))' RAW='$(streams)' $(BIN)/dbt --quiet build
else ifeq ($(RAW),)
	@if [ "$$(cat $(streams)/made_of 2> /dev/null)" != '$(ACCOUNTS) $(DAYS) $(SEED)' ] \
		|| [ -n "$$(find simulator -name '*.py' -newer $(streams)/made_of)" ]; then \
		$(BIN)/python -m simulator --out $(streams) --accounts $(ACCOUNTS) --days $(DAYS) --seed $(SEED) \
			&& echo '$(ACCOUNTS) $(DAYS) $(SEED)' > $(streams)/made_of; fi
endif

replay: streams  ## Build the past in order into HISTORY=history.duckdb: is the score good as it was known then
	@ONBOARDING_HEALTH_WAREHOUSE='$(HISTORY)' $(BIN)/python analyses/replay.py '$(streams)'
	@ONBOARDING_HEALTH_WAREHOUSE='$(HISTORY)' $(BIN)/python analyses/summary.py

summary: .venv/installed  ## Print the summary of the last build
	@$(BIN)/python analyses/summary.py

digest: .venv/installed  ## Write a page per owner of accounts into digests/: what to do today, what changed and why
	@$(BIN)/python analyses/digest.py

calibrate: .venv/calibrated  ## Propose weights learned from the last build, in candidate/, for a pull request
	@$(BIN)/python -m calibration learn --horizon $(HORIZON) --out candidate --opinions $(or $(ONBOARDING_HEALTH_OPINIONS),seeds)

sync: .venv/delivered  ## Show what changed since it was last acknowledged; SEND=yes sends it
	@$(BIN)/python -m delivery sync $(if $(filter yes,$(SEND)),--send)

test: .venv/tested  ## Lint, build a small demo of its own with all dbt tests, run pytest
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory build ACCOUNTS=200 DAYS=365 SELECTION= streams=raw_test ONBOARDING_HEALTH_WAREHOUSE=test.duckdb
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile python_tests

test-spark: .venv/spark  ## Build on Spark, in this process, and compare each row with DuckDB (Java 17 or 21; NIGHTS=2 is shorter)
	@$(BIN)/python -m pytest python_tests/spark

test-postgres: .venv/postgres  ## Build on the Postgres of the postgres target and compare each row with DuckDB
	@$(BIN)/python -m pytest python_tests/postgres

lint: .venv/tested  ## sqlfluff and ruff
	@$(BIN)/ruff check .
	@$(BIN)/python lint

docs: .venv/installed  ## One offline page of documentation: target/static_index.html
	@$(BIN)/dbt docs generate --static --quiet

clean:  ## Remove what a build made; raw events and the environment stay
	rm -rf target logs *.duckdb *.duckdb.wal spark_warehouse

.venv/installed: requirements.txt constraints.txt
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/calibrated: .venv/installed requirements-calibrate.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-calibrate.txt
	@touch $@

.venv/delivered: .venv/installed requirements-delivery.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-delivery.txt
	@touch $@

.venv/tested: .venv/installed requirements-dev.txt requirements-calibrate.txt requirements-delivery.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.venv/spark: .venv/tested requirements-spark.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-spark.txt
	@touch $@

.venv/postgres: .venv/tested requirements-postgres.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-postgres.txt
	@touch $@
