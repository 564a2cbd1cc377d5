# Needs python3 (3.11 or newer, with venv), make and the package index; nothing else.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
READY := .venv/.ready
PLAIN := .bench-venv
DOCS := .docs-venv
# Tests wait for sockets and processes a third of their time: two workers a core.
WORKERS = $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')

.DEFAULT_GOAL := help
.PHONY: help venv run test check docs surface bench torture page pictures lock clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A lock names everything: installed without looking for more, so that no later release can come between, then checked.
PIP = $(BIN)/python -m pip --disable-pip-version-check
LOCKED = $(PIP) install --quiet --no-deps --require-hashes -r

venv: $(READY) ## .venv with the project, its extras and its test dependencies
	@:

# The lock of the tests holds that of a run whole, at the same versions: one is put on top of the other.
$(READY): $(INSTALLED) requirements/dev.txt
	$(LOCKED) requirements/dev.txt
	$(PIP) check
	@touch $@

# Another lock gets a new .venv: a package left over from the last one could not fail the check then.
$(INSTALLED): pyproject.toml requirements/run.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(if $(filter requirements/%,$?),--clear) .venv
	$(LOCKED) requirements/run.txt
	$(PIP) install --quiet --no-build-isolation --no-deps -e .
	$(PIP) check
	@touch $@

run: $(INSTALLED) ## the main job against the sandbox; ARGS="download …" runs that instead, against the real site
	@$(BIN)/civitai-kit $(if $(strip $(ARGS)),$(ARGS),sandbox --demo)

# Compiled code is kept, whatever the shell says: each worker and each program that a test starts would compile it again.
test: export PYTHONDONTWRITEBYTECODE =
test: venv ## the whole suite; PYTEST_ARGS="-k name" is passed on
	@$(BIN)/python -m compileall -q -j 0 civitai_kit
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

check: venv ## format, lint, types, import floors
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	@# Without node it would fetch one; its look for newer versions is a request, too.
	@if command -v node >/dev/null; then PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright; \
		else echo "make check: going on without pyright, which needs node"; fi
	$(BIN)/lint-imports

docs: $(DOCS)/.ready ## the documents and the reference out of the docstrings as a site (build/docs/index.html)
	@rm -rf build/docs
	$(DOCS)/bin/python -m sphinx --quiet --fail-on-warning --keep-going -d .cache/docs -E -c manual . build/docs

# What the package is read with, what reads it, and nothing of the tests: an environment of its own keeps `make test` quick.
$(DOCS)/.ready: requirements/docs.txt
	$(PYTHON) -m venv --clear $(DOCS)
	$(DOCS)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r requirements/docs.txt
	$(DOCS)/bin/python -m pip --disable-pip-version-check check
	@touch $@

surface: venv ## the public names of Python anew (tests/client/public_surface.txt), once CHANGELOG.md tells of the change
	$(BIN)/python -m tests.client.surface

bench: venv $(PLAIN)/.ready ## bytes, scans and starts beside curl and openssl, as ratios
	$(BIN)/python bench/run.py --python $(PLAIN)/bin/python

torture: venv ## bad inputs, kills, names, links, servers, databases, catalogs: minutes; ONLY=stores, ONLY='kills:images'
	@$(BIN)/python -m torture

# As people install it: what tests and linters bring along costs time at the start. From the lock, like everything here.
$(PLAIN)/.ready: pyproject.toml requirements/run.txt $(shell find civitai_kit -name '*.py')
	$(PYTHON) -m venv $(PLAIN)
	$(PLAIN)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r requirements/run.txt
	$(PLAIN)/bin/python -m pip --disable-pip-version-check install --quiet --no-build-isolation --no-deps .
	@touch $@

page: venv ## the program's own help anew (civitai_kit/cli/help.txt)
	COLUMNS=80 $(BIN)/python -c "from civitai_kit.cli.main import main; main(['--help'])" > .help.txt
	mv .help.txt civitai_kit/cli/help.txt

pictures: venv ## docs/pictures anew: the terminal at work against the sandbox, and library pages where Chromium is
	$(BIN)/python -m pictures

# --no-header: the header would name this machine's paths.
LOCK = .cache/lock/bin/uv pip compile pyproject.toml --quiet --upgrade --no-header --no-config \
	--universal --python-version 3.11 --generate-hashes --no-strip-extras

lock: ## pin and hash the newest versions anew (requirements/*.txt)
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet --disable-pip-version-check --upgrade uv
	$(LOCK) --all-extras --group dev --output-file requirements/dev.txt
	$(LOCK) --extra server --group build --constraints requirements/dev.txt --output-file requirements/run.txt
	$(LOCK) --extra testing --group docs --constraints requirements/dev.txt --output-file requirements/docs.txt

clean: ## remove what was made here: .venv, caches, build results
	rm -rf .venv $(PLAIN) $(DOCS) .cache build dist htmlcov .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find civitai_kit tests -name __pycache__ -type d -prune -exec rm -rf {} +
