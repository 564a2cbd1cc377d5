# Needs python3 (3.11 or newer, with venv), make and the package index; nothing else.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
LOCKS := requirements/run.txt requirements/dev.txt
PLAIN := .bench-venv

.DEFAULT_GOAL := help
.PHONY: help venv run test check bench page lock clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(READY) ## .venv with the project, its extras and its test dependencies
	@:

$(READY): pyproject.toml $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

run: venv ## the main job against the sandbox; ARGS="download …" runs that instead, against the real site
	@$(BIN)/civitai-kit $(if $(strip $(ARGS)),$(ARGS),sandbox --demo)

test: venv ## the whole suite; PYTEST_ARGS="-k name" is passed on
	$(BIN)/python -m pytest -q -n auto $(PYTEST_ARGS)

check: venv ## format, lint, types, import floors
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports

bench: venv $(PLAIN)/.ready ## bytes, scans and starts beside curl and openssl, as ratios
	$(BIN)/python bench/run.py --python $(PLAIN)/bin/python

# As people install it: what tests and linters bring along costs time at the start.
$(PLAIN)/.ready: pyproject.toml $(shell find civitai_kit -name '*.py')
	$(PYTHON) -m venv $(PLAIN)
	$(PLAIN)/bin/python -m pip install --quiet --disable-pip-version-check .
	@touch $@

page: venv ## the program's own help anew (civitai_kit/cli/help.txt)
	COLUMNS=80 $(BIN)/python -c "from civitai_kit.cli.main import main; main(['--help'])" > .help.txt
	mv .help.txt civitai_kit/cli/help.txt

# --no-header: the header would name this machine's paths.
LOCK = .cache/lock/bin/uv pip compile pyproject.toml --quiet --upgrade --no-header --no-config \
	--universal --python-version 3.11 --generate-hashes

lock: ## pin and hash the newest versions anew (requirements/*.txt)
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet --disable-pip-version-check --upgrade uv
	$(LOCK) --extra server --output-file requirements/run.txt
	$(LOCK) --all-extras --group dev --output-file requirements/dev.txt

clean: ## remove what was made here: .venv, caches, build results
	rm -rf .venv $(PLAIN) .cache build dist htmlcov .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find civitai_kit tests -name __pycache__ -type d -prune -exec rm -rf {} +
