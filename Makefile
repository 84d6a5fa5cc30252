# Two commands matter: `make demo` and `make test`. Everything they need beyond Python 3.11+ and make, they install.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FORGE := contracts/forge
export OPENBLAS_NUM_THREADS ?= 1
# Trust what the machine trusts: hospitals and ministries have authorities of their own.
export UV_SYSTEM_CERTS ?= 1
export UV_NATIVE_TLS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test soak fuzz oracles check format contracts contracts-test mutants deep prove slither bench docs clean

help:
	@echo "make demo    five hospitals train one model on this machine"
	@echo "make test    install what the tests need and run all of them"
	@echo "make soak    the long tests: networks as between clinics"
	@echo "make fuzz    every decoder of foreign bytes, ten minutes each: fuzz/README.md"
	@echo "make check   style, types, layers, dependencies, generated files, contracts' format and artifacts"
	@echo "make contracts-test | mutants | deep | prove | slither   how the contracts are checked: contracts/README.md"
	@echo "make bench   the tables of bench/README.md"
	@echo "make docs    write the generated parts of docs/ and README.md again"

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=/path/to/it" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'

# The base install is what a user gets; all extras and the development groups come on top for tests and checks.
$(VENV)/.base: pyproject.toml uv.lock | $(BIN)/uv
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv sync --quiet --frozen --inexact --no-dev
	@touch $@

$(VENV)/.dev: pyproject.toml uv.lock | $(BIN)/uv
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv sync --quiet --frozen --inexact --all-extras
	@touch $@ $(VENV)/.base

contracts/node_modules/.installed: contracts/package.json contracts/package-lock.json
	@command -v npm >/dev/null || { echo "the contract tests need Node 20 or newer (npm)"; exit 1; }
	@cd contracts && npm install --no-save --ignore-scripts --no-audit --no-fund --silent
	@touch $@

tests/browser/node_modules/.installed: tests/browser/package.json tests/browser/package-lock.json
	@command -v npm >/dev/null || { echo "the browser tests need Node 20 or newer (npm)"; exit 1; }
	@cd tests/browser && npm install --no-save --ignore-scripts --no-audit --no-fund --silent
	@touch $@

demo: $(VENV)/.base
	@$(BIN)/commons demo

# Oracles that pin older packages than ours: an environment of their own.
.oracles/.installed: tests/oracles/requirements.txt | $(BIN)/uv
	@$(BIN)/uv venv --quiet --clear .oracles
	@VIRTUAL_ENV=.oracles $(BIN)/uv pip install --quiet -r tests/oracles/requirements.txt
	@touch $@

oracles: .oracles/.installed

# Few failures of tests that drive real processes (exit status 75) are run once more by themselves; both runs are printed.
test: $(VENV)/.dev .oracles/.installed contracts-test tests/browser/node_modules/.installed
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 40 \
		|| { test $$? -eq 75 && $(BIN)/python -m pytest --last-failed --last-failed-no-failures none; }

# What takes long or wants a quiet machine: networks as between clinics.
soak: $(VENV)/.dev contracts/node_modules/.installed
	$(BIN)/python -m pytest -m soak -p no:randomly --timeout 3600 --durations 20

# Coverage-guided, ten minutes for each decoder of foreign bytes, two at a time: fuzz/README.md.
SECONDS ?= 600
ONLY ?=
.fuzz/.installed: fuzz/requirements.txt | $(BIN)/uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --target .fuzz/lib -r fuzz/requirements.txt
	@touch $@

fuzz: $(VENV)/.dev .fuzz/.installed
	@$(BIN)/python fuzz/all.py $(SECONDS) $(ONLY)

contracts-test: contracts/node_modules/.installed
	@$(PYTHON) contracts/report.py

# Ten to twenty minutes each way: before a merge that touches contracts, not at every turn.
mutants: contracts/node_modules/.installed
	@$(PYTHON) contracts/mutants.py

deep: contracts/node_modules/.installed
	FOUNDRY_PROFILE=deep FOUNDRY_FUZZ_SEED=0x$$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n') $(FORGE) test --match-path 'test/invariant/*'

# Analysers that pin older packages than ours: an environment each.
.halmos/.installed: contracts/halmos.txt | $(BIN)/uv
	@$(BIN)/uv venv --quiet --clear .halmos
	@VIRTUAL_ENV=.halmos $(BIN)/uv pip install --quiet -r contracts/halmos.txt
	@touch $@

.slither/.installed: contracts/slither.txt | $(BIN)/uv
	@$(BIN)/uv venv --quiet --clear .slither
	@VIRTUAL_ENV=.slither $(BIN)/uv pip install --quiet -r contracts/slither.txt
	@touch $@

prove: .halmos/.installed contracts/node_modules/.installed
	@$(PYTHON) contracts/analyse.py prove

slither: .slither/.installed contracts/node_modules/.installed
	@$(PYTHON) contracts/analyse.py slither

contracts: $(VENV)/.dev contracts/node_modules/.installed
	$(BIN)/python contracts/build.py

# Everything that runs nothing of ours but its own description: minutes less than `make test`, so run it first.
check: $(VENV)/.dev contracts/node_modules/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry src
	$(BIN)/cog --check -r README.md docs/reference/*.md
	$(BIN)/uv lock --check --quiet
	$(FORGE) fmt --check
	$(FORGE) lint
	$(BIN)/python contracts/build.py --check
	$(BIN)/python contracts/reference.py --check
	$(BIN)/python -m pytest -q tests/test_structure.py tests/docs/test_docs.py

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev contracts/node_modules/.installed
	$(BIN)/cog -r README.md docs/reference/*.md
	$(BIN)/python contracts/reference.py

# Prints Markdown: the figures of bench/README.md, as its first section says. RUNS=3 for ranges.
RUNS ?= 1
PEERS ?= ../shared/peers
DATA ?= ../shared/data
bench: $(VENV)/.dev
	@$(BIN)/python bench/round.py --runs $(RUNS) $(if $(wildcard $(PEERS)/run),--peers $(PEERS))
	@$(BIN)/python bench/accuracy.py --data $(DATA)
	@$(BIN)/python bench/trees.py --data $(DATA) --modes sums --seeds 1
	@$(BIN)/python bench/ledger.py
	@$(BIN)/python bench/secagg.py
	@$(BIN)/python bench/consents.py
	@$(BIN)/python bench/policies.py
	@$(BIN)/python bench/relayer.py
	@$(BIN)/python bench/robust.py
	@$(BIN)/python bench/sandbox.py
	@$(BIN)/python bench/tables.py

clean:
	rm -rf $(VENV) .oracles .halmos .slither contracts/node_modules tests/browser/node_modules contracts/out contracts/cache
