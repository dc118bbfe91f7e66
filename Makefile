# statestream: `make` lists what can be made. Everything happens in the virtual environment .venv of this folder,
# which the first target that needs it makes; a second run starts at once.

# The interpreter that the environment is made with: make PYTHON=/path/to/python3.12 demo
PYTHON = $(shell for python in python3.11 python3.12 python3.13 python3; do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& { echo "$$python"; break; }; done)
VENV = .venv
STAMP = $(VENV)/.installed
CONSTRAINTS = constraints.txt
# More arguments for pytest or the benchmarks: make test ARGS="-k graph"
ARGS =

BIN = "$(VENV)/bin"
PREREQUISITES = pyproject.toml setup.py $(CONSTRAINTS) tools/install.sh \
	$(wildcard statestream/ccpp/*.c statestream/ccpp/*.h)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo test quick lint format bench docs clean distclean always

help:
	@sed -n 's/^\([a-z]*\):.*## /\1 /p' Makefile | while read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

install: $(STAMP) ## set up .venv, nothing else

demo: $(STAMP) ## start the demo network in the terminal
	@bin=$$(cd $(BIN) && pwd) && cd statestream && exec "$$bin/python" core.py ../examples/demo.st_graph

test: $(STAMP) ## run the whole test suite
	@$(BIN)/python -m pytest $(ARGS)

quick: $(STAMP) ## run the tests that are not slow
	@$(BIN)/python -m pytest -m "not slow" $(ARGS)

lint: $(STAMP) ## ruff, mypy and the import rules
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## let ruff sort imports and format the code
	@$(BIN)/python -m ruff check --fix --quiet .
	@$(BIN)/python -m ruff format .

bench: $(STAMP) ## measure frames per second, barrier cost, start time and memory
	@$(BIN)/python benchmarks/run.py $(ARGS)

docs: $(STAMP) ## write the reference, proofs, tables of formulas and the list of examples from what they describe
	@$(BIN)/python tools/make_reference.py
	@$(BIN)/python tools/make_numerics.py
	@$(BIN)/python tools/make_examples.py
	@$(BIN)/python tools/make_proofs.py

clean: ## remove what was built (the environment stays; the next target builds again)
	rm -rf build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	rm -f statestream/ccpp/*.so $(STAMP)
	find statestream tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## also remove .venv
	rm -rf "$(VENV)"

# Installed for this very folder, and the interpreter still there? Otherwise the stamp does not count.
ifneq ($(shell test -x "$(VENV)/bin/python" && cat "$(STAMP)" 2>/dev/null),$(CURDIR))
$(STAMP): always
endif

$(STAMP): $(PREREQUISITES)
	@sh tools/preflight.sh "$(PYTHON)"
	@sh tools/install.sh "$(PYTHON)" "$(VENV)" "$(STAMP)" "$(CONSTRAINTS)" $(PREREQUISITES)
