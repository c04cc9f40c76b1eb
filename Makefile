# make run: set up and open the window.  make test: set up and run the gates and the fast tests.
# make test-all: every test, with coverage (which makes them slower).
PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY := PASSIVE
export HF_HUB_OFFLINE := 1

.PHONY: run setup test test-all gates lint types arrows corpora lock clean

run:
	@$(PYTHON) packaging/bootstrap.py
	@$(BIN)/python -m desktop

setup:
	@$(PYTHON) packaging/bootstrap.py --dev

test: setup gates corpora
	$(BIN)/pytest --durations=25

test-all: setup gates corpora
	$(BIN)/pytest -m "" --cov --cov-report=term:skip-covered

gates: lint types arrows

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

arrows:
	$(BIN)/lint-imports

# Real manuals for the tests; those that can't be brought are named, and the tests that need them skip with a message.
corpora:
	@$(BIN)/python -m benchmarks.corpora slurm debian-reference-ja || true

LOCK = $(BIN)/pip-compile --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --no-header --annotation-style=line --quiet
lock: setup
	$(LOCK) --output-file packaging/locks/run.txt pyproject.toml
	$(LOCK) --extra train --constraint packaging/locks/run.txt --output-file packaging/locks/train.txt pyproject.toml
	$(LOCK) --extra dev --extra train --extra cluster --constraint packaging/locks/train.txt --output-file packaging/locks/dev.txt pyproject.toml
	# Only here is torch's CPU build told by a local version; elsewhere the plain one is found.
	sed -i 's/+cpu / /' packaging/locks/train.txt packaging/locks/dev.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
