# Everything a newcomer needs: `make demo` and `make test` set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MUSIC ?=

.PHONY: demo test test-slow check bench clean

demo: $(VENV)/ready
	@$(BIN)/python demo/show.py $(if $(MUSIC),"$(MUSIC)")

test: $(VENV)/ready-dev
	$(BIN)/python -m pytest -q

# Pretrained networks at their true sizes, with random weights: some minutes, up to 5 GB of memory.
test-slow: $(VENV)/ready-dev
	$(BIN)/python -m pytest -q -m slow

check: $(VENV)/ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/ready-bench
	$(BIN)/python benchmarks/run.py --out benchmarks/results.json

clean:
	rm -rf $(VENV)

# pip 25.1 is the first that knows dependency groups.
$(VENV)/pip:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q "pip>=25.1"
	@touch $@

$(VENV)/ready: $(VENV)/pip pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[fast,listeners,models,research]" --group dev
	@touch $@

$(VENV)/ready-bench: $(VENV)/ready
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[bench]"
	@touch $@
