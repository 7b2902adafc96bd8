# `make help` lists the targets. Each does its own set-up, says what it installs before it does, and is free
# the second time. `make demo` and `make test` need Debian, root and the package registries, and nothing else.

BIN := .venv/bin
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# What is started often is compiled once, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

# What runs on a node of its own beside the rest; what takes long and is run by hand; what compares the machine
# before and after.
FAULTS := tests/cluster/faults
BESIDE := $(FAULTS) $(patsubst %,tests/cluster/test_%.py,demo gateway visits connections evidence)
LONG := $(FAULTS)/test_etcd.py
LIFE := tests/cluster/test_localcluster_life.py
# A runner, an image build and an installation for each of nine jobs: beside others it would keep them from the processor.
RUNS := tests/cluster/test_workflow_runs.py
# Each step of a hundred lives is to be reached within a minute, which beside another node says little of us.
# What counts towards the figures and lives elsewhere.
FIGURED := tests/cluster/test_install.py tests/cluster/test_secrets.py
KILLS := $(FAULTS)/test_kill_points.py
# The tests that are named nowhere else below: a new folder is run without being listed.
ROOMS = $(filter-out tests/core tests/house tests/cluster tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/)))

.PHONY: help demo demo-down test test-pure test-cluster test-beside test-life test-faults test-security check lint types imports dead-code fix goldens bench setup programs environment

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: programs ## Watch two pull requests get their previews, on a cluster of this machine.
	@$(BIN)/kubepreview demo

demo-down: environment ## Remove the demo's cluster.
	@$(BIN)/kubepreview cluster down

# What is quick to fail comes first.
test: setup ## Check and test everything, on a real Kubernetes node.
	@$(MAKE) check
	@$(MAKE) test-pure
	@$(MAKE) programs
	@$(BIN)/python -m tests.cluster.walls.kwok_nodes
	@$(MAKE) --jobs=2 test-cluster test-beside
	@$(MAKE) test-life

# A node's tests wait for pods most of their time, so that a second node and the tests of single rooms run beside
# them, and speak at the end.
test-cluster:
	@$(BIN)/pytest --durations=15 $(addprefix --ignore=,$(BESIDE) $(LIFE) $(RUNS)) tests/cluster

test-beside:
	@log=$$(mktemp) && trap 'cat "$$log"; rm "$$log"' EXIT && \
	$(BIN)/pytest --durations=15 $(addprefix --ignore=,$(LONG) $(KILLS)) $(ROOMS) $(BESIDE) >"$$log" 2>&1

# Alone: whatever else begins or ends beside them would be taken for theirs.
test-life:
	@$(BIN)/pytest --durations=5 $(KILLS)
	@$(BIN)/pytest --durations=5 $(RUNS)
	@$(BIN)/pytest --durations=5 $(LIFE)

test-faults: programs ## Kill the controller at each of its requests, a thousand times more, and so on (hours).
	@KUBEPREVIEW_KILLS=all KUBEPREVIEW_CYCLES=1000 KUBEPREVIEW_STORIES=100 KUBEPREVIEW_INTERLEAVINGS=1000 \
		KUBEPREVIEW_EVENTS=10000 $(BIN)/pytest --capture=no $(FAULTS) \
		tests/cli/test_interleavings.py tests/controller/test_events.py

test-security: programs ## Try what a hostile pull request would, and write the figures (in `make test`, too).
	@KUBEPREVIEW_WRITE_FIGURES=1 KUBEPREVIEW_RACES=100 KUBEPREVIEW_CROWD=200 $(BIN)/pytest tests/security tests/cluster/walls $(FIGURED)

test-pure: environment ## Run the tests that need nothing but Python.
	@$(BIN)/pytest --exitfirst --quiet tests/core

check: environment ## Lint, format, types, import contracts, dead code, house rules.
	@$(MAKE) --jobs=2 --keep-going --output-sync=target lint types imports dead-code
	@$(BIN)/pytest --quiet tests/house

lint:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

types:
	@$(BIN)/mypy

imports:
	@$(BIN)/lint-imports

dead-code:
	@$(BIN)/vulture

fix: environment ## Mend what a machine can mend: lint and format.
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

goldens: programs ## Write the files that follow from the source anew: deploy/, docs/reference, golden files.
	@KUBEPREVIEW_REWRITE_GOLDENS=1 $(BIN)/pytest --quiet $$(grep -rl KUBEPREVIEW_REWRITE_GOLDENS tests --include='test_*.py')

bench: programs ## Measure against kubectl; write benchmarks/latest.json.
	@$(BIN)/python -m benchmarks

setup: ## Install what is missing: Debian packages, and the Python environment in .venv.
	@tools/setup

environment: # only the Python environment: no root, no Debian
	@tools/setup python

programs: setup # the local cluster's programs: ten minutes on two cores the first time, then free
	@$(BIN)/python -m tools.programs
