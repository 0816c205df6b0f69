# One word per task. `make help` lists them.

VENV = .venv
BIN = $(VENV)/bin
# What is compared with birdhouse has an environment of its own.
BENCH = .venv-bench
BENCH_PIP = $(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps
# More for birdhouse or pytest: make up ARGS='--port 8000', make test ARGS='-k seed'
ARGS =
# How often `make kill-deploy` kills.
KILLS = 8
# How many histories `make fuzz` takes for each endpoint.
EXAMPLES = 200
# How long `make soak` takes, after a minute of finding out what goes.
MINUTES = 30
# The first suitable one is taken. To name yours: make setup PYTHON=/path/to/python3.12
PYTHON = python3 python3.13 python3.12 python3.11 python
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help setup up check test coverage crash kill-deploy fuzz soak bench bench-short bench-grow \
	dashboard screenshots lock clean

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s%s\n", $$1, $$2 }' Makefile

setup: $(VENV)/birdhouse.stamp ## Make the private environment in .venv

up: setup ## Serve this project on http://localhost:7181
	@$(BIN)/birdhouse up . $(ARGS)

check: setup ## Lint, formatting and strict types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test: check ## The checks and all tests
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: setup ## Run all tests and write what they covered to docs/coverage.md
	@record=$$(mktemp -d) && trap 'rm -rf "$$record"' EXIT && \
		BIRDHOUSE_TEST_RECORD=$$record $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -q && \
		$(BIN)/python scripts/coverage.py "$$record"

crash: setup ## Kill writers and servers a hundred times each, and count their rows
	@BIRDHOUSE_CRASH_ROUNDS=100 $(BIN)/pytest -s -o faulthandler_timeout=0 \
		tests/birdhouse/ingest/test_crash.py tests/birdhouse/test_crash_server.py \
		tests/birdhouse/kafka/test_resume.py tests/birdhouse/test_syncs.py $(ARGS)

kill-deploy: setup ## Kill deployments under load at random moments: make kill-deploy KILLS=40
	@BIRDHOUSE_DEPLOY_CRASH_ROUNDS=$(KILLS) $(BIN)/pytest tests/birdhouse/project/test_crash.py \
		-o faulthandler_timeout=3600 $(ARGS)

dashboard: setup ## Write the dashboard to build/dashboard, for any static host
	@$(BIN)/python scripts/dashboard.py

screenshots: setup ## Draw the pictures in docs/images anew
	@PYTHONPATH=. $(BIN)/python -m tests.browser.pictures

fuzz: setup ## Compare with the oracle over many more histories: make fuzz EXAMPLES=500
	@BIRDHOUSE_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -n 3 --dist loadfile -o faulthandler_timeout=0 \
		tests/contract tests/oracle tests/birdhouse/query/test_escaping.py \
		tests/birdhouse/ingest/test_properties.py $(ARGS)

soak: setup ## Ingest and query at 80 % of the capacity for long: make soak MINUTES=30
	@$(BIN)/python bench/soak.py --minutes $(MINUTES) $(ARGS)

bench: $(BENCH)/stamp ## Compare with PostgreSQL and DuckDB, and write docs/benchmarks.md: 25 minutes
	@$(BENCH)/bin/python -m bench.compare --out bench/compare/results.json --docs docs $(ARGS)

bench-grow: $(BENCH)/stamp ## Add 50 M rows to its results, without PostgreSQL: 40 minutes, 40 GB of disk
	@$(BENCH)/bin/python -m bench.compare --grow --systems birdhouse,duckdb,bare \
		--out bench/compare/results.json --docs docs $(ARGS)

bench-short: $(BENCH)/stamp ## The same with 200,000 rows, only shown: 3 minutes
	@$(BENCH)/bin/python -m bench.compare --short $(ARGS)

lock: setup ## Resolve the newest versions into requirements.lock
	@$(BIN)/python scripts/lock.py

clean: ## Remove the private environment and the caches
	@rm -rf $(VENV) $(BENCH) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# A changed lock builds the environment anew, so that it holds what the lock says and no more.
# setuptools goes first: with it in place the packages that come as source build with the locked
# version of it, and no build fetches anything of its own.
$(VENV)/lock.stamp: requirements.lock
	@python= ; \
	suitable='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'; \
	for candidate in $(PYTHON); do \
		if "$$candidate" -c "$$suitable" >/dev/null 2>&1; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo 'birdhouse needs Python 3.11, 3.12 or 3.13 with its venv module, and none of these' \
			'is one: $(PYTHON).' >&2; \
		echo 'Install one (on Debian and Ubuntu also python3-venv), or name yours:' \
			'make setup PYTHON=/path/to/python3.12' >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv --clear $(VENV)
	@$(PIP) install --no-deps "$$(grep '^setuptools==' requirements.lock)"
	@$(PIP) install --no-deps --no-build-isolation --requirement requirements.lock
	@touch $@

$(VENV)/birdhouse.stamp: $(VENV)/lock.stamp pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(BENCH)/stamp: $(VENV)/birdhouse.stamp bench/requirements.txt
	@$(BIN)/python -m venv --clear $(BENCH)
	@$(BENCH_PIP) "$$(grep '^setuptools==' requirements.lock)"
	@$(BENCH_PIP) --no-build-isolation --requirement requirements.lock \
		--requirement bench/requirements.txt
	@$(BENCH_PIP) --no-build-isolation --no-index --editable .
	@touch $@
