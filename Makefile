# make demo | make test | make lab | make docs | make fresh: all but the last set up .venv first.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

# The user's own files: make demo LEFT=a.dm4 RIGHT=b.dm4 ANGLE=8
#                   or: make demo SCAN=scan.mib VACUUM=vacuum.mib ALPHA=60
DEMO := $(if $(LEFT),--left "$(LEFT)") $(if $(RIGHT),--right "$(RIGHT)") \
	$(if $(ANGLE),--angle "$(ANGLE)") $(if $(SCAN),--scan "$(SCAN)") \
	$(if $(VACUUM),--vacuum "$(VACUUM)") $(if $(ALPHA),--alpha "$(ALPHA)") \
	$(if $(SHAPE),--shape "$(SHAPE)") $(if $(PIXEL),--pixel "$(PIXEL)") \
	$(if $(METHOD),--method "$(METHOD)")

.PHONY: setup demo test lab docs lint fresh clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@echo "setting up $(VENV): some minutes, most of them for the download of PyTorch and HyperSpy"
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[tests,docs,lab]"
	touch $(READY)

demo: $(READY)
	$(PY) -m hyperspy_stereo.demo --out demo $(DEMO)

test: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m sphinx -q -E -W --keep-going -b html docs docs/_build/html
	$(PY) -m pytest -n 2 --dist loadfile --doctest-modules tests hyperspy_stereo
	$(PY) -m pytest --nbmake --nbmake-timeout=600 notebooks

lab: $(READY)
	$(VENV)/bin/jupyter lab --notebook-dir=notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

docs: $(READY)
	$(PY) -m sphinx -W --keep-going -b html docs docs/_build/html

lint: $(READY)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

# What pip install gives a user, checked in a new environment and a browser.
fresh:
	PYTHON=$(PYTHON) .ci/fresh

clean:
	rm -rf $(VENV) demo docs/_build docs/api build dist *.egg-info
