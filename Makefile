# One word per task. `make help` lists them.

VENV = .venv
BIN = $(VENV)/bin
# More for birdhouse or pytest: make up ARGS='--port 8000', make test ARGS='-k seed'
ARGS =
# The first suitable one is taken. To name yours: make setup PYTHON=/path/to/python3.12
PYTHON = python3 python3.13 python3.12 python3.11 python
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help setup up check test lock clean

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s%s\n", $$1, $$2 }' Makefile

setup: $(VENV)/birdhouse.stamp ## Make the private environment in .venv

up: setup ## Serve this project on http://localhost:7181
	@$(BIN)/birdhouse up . $(ARGS)

check: setup ## Lint, formatting and strict types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test: check ## The checks and all tests
	@$(BIN)/pytest $(ARGS)

lock: setup ## Resolve the newest versions into requirements.lock
	@$(BIN)/python scripts/lock.py

clean: ## Remove the private environment and the caches
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

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
