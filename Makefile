# Everything a newcomer types. `make help` lists it; tools/ does the work that needs more than a line.
PYTHON ?= python3
BIN := .venv/bin
COVERAGE ?= 95
WORKERS := -n 5 --dist loadfile --no-loadscope-reorder
# Tests start hundreds of processes of ours: each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help python setup setup-dev demo up test test-all test-fast faults mutation bench check lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "OKR Sync needs Python 3.11 or newer as $(PYTHON) (or: make PYTHON=/path/to/python ...)" >&2; exit 1; }

setup: python
	@$(PYTHON) tools/setup.py runtime

setup-dev: python
	@$(PYTHON) tools/setup.py dev

demo: setup ## start everything, play real webhooks, show what moved (DEMO_ONCE=1: check it and leave; PORT=n)
	@$(BIN)/python -m simulator.demo $(if $(DEMO_ONCE),--once)

up: setup ## run the service on the embedded database and Redis (Ctrl-C stops it)
	@$(BIN)/okr-sync up

test: setup-dev ## run the tests on real servers; on PostgreSQL those that may differ there
	$(BIN)/pytest $(WORKERS)

test-all: setup-dev ## the same with every case, each on both databases, with branch coverage
	@$(BIN)/coverage erase
	TESTS=all $(BIN)/coverage run -m pytest $(WORKERS)
	@find . -maxdepth 1 -name '.coverage.*' -size 0 -delete # of processes that tests killed before they wrote
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=$(COVERAGE)

test-fast: setup-dev ## run the tests that take less than a second each
	$(BIN)/pytest -n 2 -m "not slow"

faults: setup-dev ## 200 kills on each database under load, and longer runs of all tests of faults (FAULTS_SEED=n)
	FAULTS=long TESTS=all $(BIN)/pytest tests/faults tests/flows/test_six_hours_away.py tests/flows/test_decision_histories.py tests/flows/test_cycle_end_of_every_measure.py tests/flows/test_key_result_line.py tests/flows/test_replayed_line.py tests/flows/test_forecast_track_record.py tests/flows/test_worth.py tests/domain/measures tests/domain/cycles -s

mutation: setup-dev ## change the code of domain/ in 400 ways and count what the tests notice (MUTATION_SEED=n)
	@$(BIN)/python tools/mutation.py --seed $(or $(MUTATION_SEED),0)

bench: setup-dev ## compare the speed with its baselines; exits 1 where one is past twice its bound
	$(BIN)/python -m bench

check: setup-dev ## lint, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

lock: python ## choose the newest versions that pyproject.toml and package.json allow (KEEP=1: only add what is missing)
	@$(PYTHON) tools/lock.py $(if $(KEEP),--keep)

clean: ## remove what setup and tests made; the data in var/ stays
	rm -rf .venv build dist mutants node_modules sync_service/web/static/vendor .coverage .coverage.* \
	  .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
