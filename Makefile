# Two commands are all it takes: `make demo` and `make test`.

PYTHON ?= /usr/bin/python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps
SYSTEM := environments/ensure-apt.sh environments/apt.txt

.PHONY: help demo test check-style lock clean

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s:

demo: $(VENV)/.cli  ## A whole workshop on this machine, with robot attendees
	@$(SYSTEM)
	@$(BIN)/workshop demo

test: $(VENV)/.dev  ## Style, types, doors and all tests
	@$(SYSTEM) environments/apt-tests.txt
	@$(MAKE) --no-print-directory check-style
	@$(BIN)/python -m pytest $(PYTEST)

check-style: $(VENV)/.dev  ## ruff, mypy --strict and import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: $(VENV)/.dev  ## Resolve every environment anew and write environments/*.lock
	@$(BIN)/python -m provisioning.environments.lock

clean:  ## Remove the command line's own environment
	rm -rf $(VENV)

# The command line's environment; `.dev` adds the hub's packages and the test tools.
$(VENV)/.cli: environments/cli.lock pyproject.toml
	@$(SYSTEM)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --require-hashes --no-deps -r environments/cli.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: environments/dev.lock $(VENV)/.cli
	@$(UV) -r environments/dev.lock
	@touch $@
