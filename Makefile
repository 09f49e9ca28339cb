# Two commands for a fresh machine with Python >= 3.11, make and pip. Each sets itself up, then does its job.
PYTHON ?= python3
BIN := .venv/bin
# Threads that spin while they wait make training many times slower as soon as anything else runs. Asleep they are
# somewhat slower on a quiet machine, but predictable.
export OMP_WAIT_POLICY ?= PASSIVE

WORKERS ?= 2
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.PHONY: demo test test-fast lint docs site format oracles clean

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
	$(BIN)/python -m benchmarks.docs.reference --check
	$(BIN)/python -m benchmarks.docs.house --check

docs: site  ## the site, and whether tables, links and code blocks of the documents are right
	$(BIN)/python -m benchmarks.docs.tables --check
	$(BIN)/python -m benchmarks.docs.errors --check
	$(BIN)/python -m benchmarks.docs.reference --check
	$(BIN)/python -m pytest tests/docs

site: .venv/ready  ## the documentation site in build/site; a link that leads nowhere ends it
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

# OpenSim, Pose2Sim, Blender and other programs that read our files: 4 GB, in environments of their own.
ORACLES_PYTHON ?= python3.11

oracles: .venv/ready .oracles/ready  ## files for other programs, read by these; writes benchmarks/results/formats.json
	$(BIN)/python -m benchmarks.formats.oracles --oracles .oracles --clip demo/full

.oracles/ready: benchmarks/formats/oracles.txt benchmarks/formats/blender.txt
	$(ORACLES_PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Blender as a module needs Python 3.11, this is " + sys.version)'
	$(ORACLES_PYTHON) -m venv .oracles/main
	.oracles/main/bin/python -m pip install --quiet --requirement benchmarks/formats/oracles.txt
	.oracles/main/bin/python -m pip install --quiet --no-deps pose2sim==0.10.49
	$(ORACLES_PYTHON) -m venv .oracles/blender
	.oracles/blender/bin/python -m pip install --quiet --requirement benchmarks/formats/blender.txt
	touch $@

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
	rm -rf .venv .oracles demo
