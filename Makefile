# Two commands for a fresh machine with Python >= 3.11, make and pip. Each sets itself up, then does its job.
PYTHON ?= python3
BIN := .venv/bin
# Threads that spin while they wait make training many times slower as soon as anything else runs. Asleep they are
# somewhat slower on a quiet machine, but predictable.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test lint format clean

demo: .venv/ready  ## the whole path on real footage; writes demo/report.html
	$(BIN)/python -m benchmarks.demo --out demo

test: .venv/ready  ## the test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/ready  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m benchmarks.docs.tables --check
	$(BIN)/python -m benchmarks.docs.errors --check

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "epipose needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv demo
