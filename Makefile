# `make` says what there is. Needed: Python 3.11, 3.12 or 3.13 with venv.

# The interpreter for a new .venv; without a choice, the first that fits.
PYTHON ?=
# Arguments of train, test, test-all, check, bench, docs and docs-serve.
ARGS ?=
# The script in benchmarks/ that bench runs.
BENCH ?= training_step

# XLA compiles on one core: several files at once keep the others busy, each in
# one process, so that its tests share what they compile. What XLA
# has compiled stays in memory, some GB of a process: parts of the suite have
# processes of their own, the last one all that no other has. Code 5 says that
# $(ARGS) leave nothing of a part. tests/conftest.py orders the files.
PYTEST := .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile \
    --no-loadscope-reorder
FIRST := tests/chains tests/likelihood tests/models tests/samplers tests/units
REST := tests $(addprefix --ignore=,$(FIRST))
define run_tests
$(PYTEST) $(1) $(ARGS) $(FIRST) || [ $$? -eq 5 ]
$(PYTEST) $(1) $(ARGS) $(REST) || [ $$? -eq 5 ]
endef

HAS_CHROMIUM := command -v chromedriver >/dev/null && { \
    command -v chromium || command -v chromium-browser \
    || command -v google-chrome; } >/dev/null
GET_CHROMIUM := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
    && echo "Installing Chromium" && apt-get -qq update \
    && apt-get -qq install -y --no-install-recommends chromium chromium-driver

BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# Notes of a theme and of a plug-in on the future of MkDocs.
MKDOCS := NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/python -m mkdocs
CANDIDATES = $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

export KERAS_BACKEND := tensorflow

.DEFAULT_GOAL := help
.PHONY: help install train test test-all browser check format lint bench docs \
    docs-serve clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s%s\n", $$1, $$2 }' \
	    $(MAKEFILE_LIST)
	@echo 'Arguments: make train ARGS="--help". Interpreter: PYTHON=python3.12.'

install: .venv/.installed ## Install into .venv

train: .venv/.installed ## Train a model: python train.py $(ARGS)
	@$(BIN)/python train.py $(ARGS)

test: lint ## Check format and lint, and run all tests but the slow ones
	$(call run_tests,-m "not slow")

# XLA's programs as train.py has them compiled; tests/conftest.py says how `test`
# compiles them.
test-all: export XLA_FLAGS ?= --xla_cpu_prefer_vector_width=512
test-all: lint browser ## The same with the slow tests
	$(call run_tests,)

# Chromium is no Python package. Where it cannot be installed here, the test that
# looks at TensorBoard in it is skipped.
browser: .venv/.installed-browser
	@$(HAS_CHROMIUM) || { $(GET_CHROMIUM); } || echo "No Chromium, or no" \
	    "chromedriver: TensorBoard will not be tested in a browser. As root:" \
	    "apt-get install chromium chromium-driver"

check: lint ## As test, but up to the first failure, the last failed first
	$(BIN)/python -m pytest -m "not slow" --exitfirst --failed-first $(ARGS)

lint: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: .venv/.installed-dev ## Format the code and mend what ruff can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: .venv/.installed ## Time a training step; others by BENCH=ais or sampling
	@$(BIN)/python benchmarks/$(BENCH).py $(ARGS)

docs: .venv/.installed-docs ## Build the documentation into site/; warnings are errors
	@$(MKDOCS) build --strict $(ARGS)

docs-serve: .venv/.installed-docs ## Show it in a browser while it is written
	@$(MKDOCS) serve $(ARGS)

clean: ## Remove .venv, caches and what was built; keep what was trained
	rm -rf .venv build dist site *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# .venv is made anew if its interpreter is gone or does not fit: make then
# removes the stamps before it compares times. A rule touches its stamp last, so
# that a failed installation is tried again.
STALE := $(shell [ ! -e .venv/.installed ] || $(BIN)/python -c '$(FITS)' \
    2>/dev/null || rm -f .venv/.installed*)
.venv/.installed: requirements.txt pyproject.toml
	@$(BIN)/python -c 'import pip; $(FITS)' 2>/dev/null || { \
	    for python in $(CANDIDATES); do \
	        if $$python -c 'import ensurepip, venv; $(FITS)' 2>/dev/null; then \
	            echo "Creating .venv with $$($$python --version)"; \
	            $$python -m venv --clear .venv; exit; \
	        fi; \
	    done; \
	    echo "No Python 3.11, 3.12 or 3.13 with venv among: $(CANDIDATES)." \
	        "Install one, or name it: make PYTHON=/path/to/python" >&2; \
	    exit 1; \
	}
	@echo "Installing TensorFlow and friends" \
	    "(2 GB on disk, some minutes the first time)"
	@$(PIP) install -r requirements.txt -e .
	@touch $@

.venv/.installed-dev: .venv/.installed
	@echo "Installing pytest and ruff"
	@$(PIP) install -c requirements.txt -e ".[dev]"
	@touch $@

.venv/.installed-docs: .venv/.installed
	@echo "Installing MkDocs"
	@$(PIP) install -c requirements.txt -e ".[docs]"
	@touch $@

.venv/.installed-browser: .venv/.installed-dev
	@echo "Installing selenium"
	@$(PIP) install -c requirements.txt -e ".[browser]"
	@touch $@
