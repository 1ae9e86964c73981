# mrisynth: `make demo` shows the whole pipeline, `make test` tests it. Both set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup demo test test-long faults envs slurm-test lint bench

setup: $(READY)

# Debian's python3 comes without ensurepip unless python3-venv is installed: then pip is put in from outside.
$(READY): requirements.txt
	$(PYTHON) -c 'import sys; sys.exit("mrisynth needs Python 3.11 or newer, found " + sys.version) if sys.version_info < (3, 11) else None'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV) && $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar off -r requirements.txt
	echo '$(CURDIR)/workflow' > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/mrisynth.pth"
	touch $@

demo: $(READY)
	snakemake --configfile config/demo.yaml --quiet rules host reason --
	python -m mrisynth.reporting studies/demo

test: $(READY)
	python -m pytest

# What takes minutes: trainings on real brains, whole heads, registrations, the real HD-BET command.
test-long: $(READY)
	python -m pytest -m long

# Every fault of docs/faults.md is injected; a table at the end. Some of them only: make faults ONLY="1 6".
faults: $(READY)
	python tests/faults/run.py $(ONLY)

# Every environment of workflow/envs is made, imports all that its rules can, and runs some of them; all are removed.
envs: $(READY)
	python -m pytest tests/environments -m environments

# The container recipe of the environments, as Snakemake writes it; without conda, its stand-in answers for it.
Containerfile: $(wildcard workflow/envs/*.yaml) | $(READY)
	PATH="$$PATH:$(CURDIR)/tests/stand_ins/conda/bin" snakemake --containerize > $@.unfinished
	mv $@.unfinished $@

# A Slurm of this machine alone in a temporary folder, and a small study through `snakemake --profile slurm all`.
slurm-test: $(READY)
	tests/slurm/install
	python -m pytest tests/slurm -m slurm

lint: $(READY)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

# Every claim about speed and accuracy, measured side by side; the real scans are found through MRISYNTH_REAL_DATA.
bench: $(READY)
	for script in $$(grep -l '^def main' benchmarks/*.py); do python "$$script" || exit 1; done
