# make demo: hide two bundled pictures in a third, reveal them, show the figures.
# make check: lint, types and the fast tests.   make test: all tests, with COVERAGE=--cov counting covered lines.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STEGO = $(BIN)/stego
# Off unless asked for (CI does, from Python 3.12 on): before 3.12 counting makes the tests a quarter slower.
COVERAGE ?=

.PHONY: demo lint check test clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.tests: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

demo: $(VENV)/.installed
	mkdir -p demo
	# Two photographs of like size: the network.
	$(STEGO) hide docs/chelsea.jpg docs/coffee.png -o demo/network.png --force
	$(STEGO) reveal demo/network.png -o demo/network-revealed.png --force
	$(STEGO) metrics docs/chelsea.jpg demo/network.png docs/coffee.png demo/network-revealed.png
	# A small file: its own bytes.
	$(STEGO) hide docs/chelsea.jpg docs/astronaut.jpg -o demo/bytes.png --force
	$(STEGO) reveal demo/bytes.png -o demo/bytes-revealed.jpg --force
	$(STEGO) metrics docs/chelsea.jpg demo/bytes.png docs/astronaut.jpg demo/bytes-revealed.jpg

lint: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check: lint
	$(BIN)/python -m pytest -m "not slow and not network and not terminal"

test: lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(COVERAGE)

clean:
	rm -rf $(VENV) demo runs build dist *.egg-info .coverage
