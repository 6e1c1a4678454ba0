# Two commands are all it takes: `make demo` and `make test`.

PYTHON ?= /usr/bin/python3
VENV := .venv
BIN := $(VENV)/bin
# Three at a time, for many of them wait; what shares a workshop or a hub is in one file. In the
# order of the folders, so that the long ones (e2e) don't come last.
PYTEST ?= -q -n 3 --dist loadfile --no-loadscope-reorder --durations=25
UV := $(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --require-hashes --no-deps
SYSTEM := environments/ensure-apt.sh environments/apt.txt

.PHONY: help demo test thorough attacks matrices live prove bench-grading bench-tvm bench-fleet bench-ship bench-seats check-style lock clean

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s:

demo: $(VENV)/.cli  ## A whole workshop on this machine; DEMO="--port 8010" chooses a port
	@$(SYSTEM)
	@$(BIN)/workshop demo $(DEMO)

test: $(VENV)/.dev  ## Style, types, doors and all tests
	@$(SYSTEM) environments/apt-tests.txt
	@$(MAKE) --no-print-directory check-style
	@$(BIN)/python -m pytest $(PYTEST)

thorough: export WORKSHOP_THOROUGH = 1
thorough: test  ## The same, and all of the long tables (an hour or more)

bench-grading: $(VENV)/.dev  ## How many times faster than nbgrader a class is graded; BENCH="--rounds 5"
	@$(SYSTEM) environments/apt-tests.txt
	@$(BIN)/python -m benchmarks.grading $(BENCH)

attacks: $(VENV)/.dev  ## Submissions that attack the grader, and what each of them got
	@$(SYSTEM) environments/apt-tests.txt
	@$(BIN)/python -m pytest tests/grader/sealed -m attack -q

matrices: $(VENV)/.dev  ## Kills and faults at every call of up, replace and down, and what they left
	@$(SYSTEM) environments/apt-tests.txt
	@WORKSHOP_THOROUGH=1 $(BIN)/python -m pytest -q -s tests/provisioning/providers/ec2/test_kill_matrix.py \
		tests/provisioning/providers/ec2/test_fault_matrix.py tests/provisioning/ssh/test_matrix.py

live: $(VENV)/.dev  ## The journeys on a real AWS account; costs money, read tests/live/README.md first
	@WORKSHOP_LIVE=1 $(BIN)/python -m pytest tests/live -x -v

prove: $(VENV)/.cli  ## Every lab tried anew, and what its points are worth; PROVE="embeddings" chooses
	@$(SYSTEM)
	@$(BIN)/workshop course --course coursework/nlp prove $(PROVE)

bench-tvm: $(VENV)/.cli  ## A BERT-base encoder in TVM, onnxruntime and mxnet, ratios, one JSON line
	@$(SYSTEM)
	@$(BIN)/python -m benchmarks.deployment

bench-fleet: $(VENV)/.dev  ## 50 hosts until they are ready, as a multiple of the slowest one
	@$(SYSTEM) environments/apt-tests.txt
	@$(BIN)/python -m benchmarks.fleet $(BENCH)

bench-ship: $(VENV)/.dev  ## An environment to 8 and 50 hosts, as a multiple of sequential SFTP
	@$(SYSTEM) environments/apt-tests.txt
	@$(BIN)/python -m benchmarks.shipping $(BENCH)

bench-seats: $(VENV)/.dev  ## 50 robots at 50 seats, what a seat costs, how long people wait; one JSON line
	@$(SYSTEM) environments/apt-tests.txt
	@$(BIN)/python -m benchmarks.seats $(BENCH)

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
