# The commands of README.md and of CI. Everything is installed into .venv and nowhere else.
PYTHON ?= python3
RUN := .venv/bin/python
STAMP := .venv/.installed

.PHONY: setup demo test lint bench
setup: $(STAMP)

# visdom 0.2.4 is a source distribution whose build needs pkg_resources, gone from setuptools 81: hence the older
# setuptools in .venv and no build isolation, which would fetch a newer one.
$(STAMP): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 12) else "error: Python 3.10 to 3.12 is needed; name one, such as: make setup PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check "setuptools>=64,<81" wheel
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-build-isolation --use-pep517 --editable ".[test]"
	@touch $@

demo: setup
	$(RUN) demo/run.py

# One thread for each worker: workers that each start a thread for every core slow one another down.
test: setup
	OMP_NUM_THREADS=1 $(RUN) -m pytest -m "not slow" -n auto --maxprocesses 4

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

bench: setup
	set -e; for script in $(filter-out benchmarks/numpy_% benchmarks/plain_% benchmarks/turns.py benchmarks/written_videos.py, $(wildcard benchmarks/*.py)); do $(RUN) $$script; done
