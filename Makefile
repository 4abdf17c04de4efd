# make demo: hide one bundled picture in another, reveal it, show the figures.   make test: lint, types and tests.
PYTHON ?= python3
VENV ?= .venv
STEGO = $(VENV)/bin/stego

.PHONY: demo test clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.tests: $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

demo: $(VENV)/.installed
	mkdir -p demo
	$(STEGO) hide docs/chelsea.jpg docs/astronaut.jpg -o demo/stego.png
	$(STEGO) reveal demo/stego.png -o demo/revealed.png
	$(STEGO) metrics docs/chelsea.jpg demo/stego.png docs/astronaut.jpg demo/revealed.png

test: $(VENV)/.tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest

clean:
	rm -rf $(VENV) demo runs build dist *.egg-info
