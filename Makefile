# `make demo` and `make test` need Python 3.11 or newer and nothing else: they build their own
# environment. What these variables say counts when it is built; `make clean` forgets it.
PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
# More words for pip, for instance PIP_ARGS="--index-url https://..." for another package index.
PIP_ARGS ?=
# More words for pytest, for instance PYTEST_ARGS="tests/data", or "-n 0" for one process.
PYTEST_ARGS ?=
# More words for sphinx, for instance DOCS_ARGS="-D plot_gallery=0" to leave the examples unexecuted.
DOCS_ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ASV := $(abspath $(BIN))/asv
SPHINX := $(BIN)/sphinx-build -q -W --keep-going
SAY := @printf -- '-- %s\n'
IF_WRONG_SHOW := > $(VENV)/.output 2>&1 || { cat $(VENV)/.output; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-portable lint docs docs-check hooks format package bench bench-quality \
	leaderboard clean

help:
	@echo "make demo            the main job on a small made-up shop, start to end"
	@echo "make test            linters, types, layers, docs, doctests and the tests"
	@echo "make test-slow       the tests that take minutes: pages of the gallery, whole comparisons"
	@echo "make test-portable   tests of what is learned, over seeds, threads and kernels (an hour)"
	@echo "make lint            linters, types, layers and docs alone"
	@echo "make docs            the pages, with the gallery, in docs/_build/html (runs every example)"
	@echo "make docs-check      looks at these pages in a browser (chromium)"
	@echo "make package         sdist and wheel, checked, in dist"
	@echo "make format          let the formatter rewrite what it can"
	@echo "make hooks           run the linters before every commit from now on"
	@echo "make bench           seconds and memory of every part (asv), for comparing commits"
	@echo "make bench-quality DATA=folder [BENCH_ARGS=...]    accuracy on a data set of yours"
	@echo "make leaderboard DATA=folders [BENCH_ARGS=...]     all methods on data sets of yours, resumably"
	@echo "make clean           remove the environment and all caches"

# The models here are small: on few or busy cores more threads mostly wait for each other.
demo test test-slow docs: export OMP_NUM_THREADS ?= 1

demo: $(VENV)/.runs
	@$(BIN)/python examples/demo.py

PYTEST := $(BIN)/python -m pytest --quiet --numprocesses auto --maxprocesses 4 --dist worksteal

test: lint
	$(SAY) "tests and doctests"
	@$(PYTEST) -m "not minutes" $(PYTEST_ARGS)

test-slow: $(VENV)/.develops $(VENV)/.documents
	$(SAY) "tests that take minutes"
	@$(PYTEST) -m minutes tests $(PYTEST_ARGS)

test-portable: $(VENV)/.develops $(VENV)/.documents
	$(SAY) "tests of what is learned, over seeds, threads and kernels"
	@$(BIN)/python tests/portable.py

lint: $(VENV)/.develops $(VENV)/.documents
	$(SAY) "style (ruff)"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	$(SAY) "spelling (codespell)"
	@$(BIN)/codespell
	$(SAY) "layers (import-linter)"
	@$(BIN)/lint-imports --no-logo --config pyproject.toml $(IF_WRONG_SHOW)
	$(SAY) "types (mypy)"
	@$(BIN)/mypy --no-error-summary
	$(SAY) "docstrings (numpydoc)"
	@$(BIN)/numpydoc lint $$(find skace -name '*.py')
	$(SAY) "pages and change notes (sphinx, towncrier)"
	@$(SPHINX) -b dummy -D plot_gallery=0 docs $(VENV)/.pages
	@$(BIN)/towncrier build --draft --version next $(IF_WRONG_SHOW)

docs: $(VENV)/.documents
	$(SAY) "pages and gallery (sphinx), into docs/_build/html"
	@$(SPHINX) -d docs/_build/doctrees $(DOCS_ARGS) docs docs/_build/html

docs-check: docs
	$(SAY) "pages in a browser (chromium); screenshots in docs/_build/screenshots"
	@$(BIN)/python docs/check_pages.py docs/_build/html docs/_build/screenshots

package: $(VENV)/.develops
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist . $(IF_WRONG_SHOW)
	@$(BIN)/twine check --strict dist/*

format: $(VENV)/.develops
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

hooks: $(VENV)/.develops
	@$(BIN)/pre-commit install

bench: $(VENV)/.develops
	@$(PIP) install --group bench $(PIP_ARGS)
	@cd benchmarks/speed && $(ASV) machine --yes && $(ASV) run --python=same --show-stderr \
		--set-commit-hash $$(git rev-parse HEAD) $(BENCH_ARGS)

bench-quality: $(VENV)/.develops
	@test -n "$(DATA)" || { echo "Say which data: make bench-quality DATA=folder"; exit 2; }
	@$(BIN)/python benchmarks/quality/compare.py --data "$(DATA)" $(BENCH_ARGS)

leaderboard: $(VENV)/.develops
	@test -n "$(DATA)" || { echo "Say which data: make leaderboard DATA=\"folder another\""; exit 2; }
	@$(BIN)/python benchmarks/quality/leaderboard.py --data $(DATA) $(BENCH_ARGS)

clean:
	@rm -rf docs/_build docs/gallery docs/api/generated
	@rm -rf "$(VENV)" build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find skace tests benchmarks examples -name __pycache__ -prune -exec rm -rf {} +

# The environment, in steps that each happen once: torch, which is large and has builds of its own,
# skace with what it needs, the tools of those who change it, and what builds the pages.
$(VENV)/.torch:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"skace needs Python 3.11 or newer, $(PYTHON) is {v[0]}.{v[1]}; say PYTHON=python3.11")'
	$(SAY) "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade "pip>=25.1" $(PIP_ARGS)
	$(SAY) "installing $(TORCH) (large; once)"
	@$(PIP) install $(TORCH) $(PIP_ARGS)
	@touch $@

$(VENV)/.runs: pyproject.toml | $(VENV)/.torch
	$(SAY) "installing skace and what it needs"
	@$(PIP) install --editable . $(PIP_ARGS)
	@touch $@

$(VENV)/.develops: $(VENV)/.runs
	$(SAY) "installing test tools and linters"
	@$(PIP) install --editable ".[plots,tests]" --group lint --group package $(PIP_ARGS)
	@touch $@

$(VENV)/.documents: $(VENV)/.runs
	$(SAY) "installing what builds the pages"
	@$(PIP) install --editable ".[docs]" $(PIP_ARGS)
	@touch $@
