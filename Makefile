# Two commands for a fresh machine with Python >= 3.11, make and pip. Each sets itself up, then does its job.
PYTHON ?= python3
BIN := .venv/bin
# Threads that spin while they wait make training many times slower as soon as anything else runs. Asleep they are
# somewhat slower on a quiet machine, but predictable.
export OMP_WAIT_POLICY ?= PASSIVE

WORKERS ?= 2
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.PHONY: demo test test-fast lint docs format clean

demo: .venv/ready  ## the whole path on real footage; writes demo/report.html
	$(BIN)/python -m benchmarks.demo --out demo

# Every worker is a process of its own.
test test-fast: export OMP_NUM_THREADS ?= 1

test: .venv/ready  ## the test suite; COVERAGE=1 also measures what it runs, and fails below the floor in pyproject.toml
	$(PYTEST) $(if $(COVERAGE),--cov --cov-report=term:skip-covered)

test-fast: .venv/ready  ## the tests that take no second and draw nothing, in a minute and a half
	$(PYTEST) -m "not slow and not gl"

lint: .venv/ready  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m benchmarks.docs.tables --check
	$(BIN)/python -m benchmarks.docs.errors --check
	$(BIN)/python -m benchmarks.docs.house --check

docs: .venv/ready  ## whether tables, links and code blocks of the documents are right
	$(BIN)/python -m benchmarks.docs.tables --check
	$(BIN)/python -m benchmarks.docs.errors --check
	$(BIN)/python -m pytest tests/docs

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/ready: pyproject.toml constraints.txt src/epipose/__init__.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "epipose needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv demo
